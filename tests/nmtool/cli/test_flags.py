"""Flags that are derived from the signatures of functions."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from typing import Any

import pytest

import nmtool as nm
from nmtool.cli import flags
from nmtool.cli.console import in_flags, use_flags_in_messages
from nmtool.cli.flags import flag
from nmtool.cli.parser import Parser
from nmtool.network.readout import RULES
from tests.nmtool.cli.conftest import Nmtool
from tests.nmtool.cli.test_main import ROOT


def parsed(*words: str, function: str, **own: Any) -> dict[str, Any]:
    """The arguments of a function for the words of a command."""
    parser = Parser(prog="nmtool some")
    flags.add(parser, function, **own)
    parser.set_defaults(parser=parser)
    return flags.given(parser.parse_args(list(words)), function)


@pytest.mark.parametrize("function", ["verify", "inspect", "quantise", "convert", "demo"])
def test_parameters_equal_the_signature(function: str) -> None:
    signature = inspect.signature(getattr(nm, function))
    parameters = flags.read(function)
    assert [parameter.name for parameter in parameters] == list(signature.parameters)
    for parameter, expected in zip(parameters, signature.parameters.values(), strict=True):
        assert parameter.annotation == expected.annotation.removesuffix(" | None")
        assert (parameter.default is None) == (expected.default is inspect.Parameter.empty)
        assert parameter.text, parameter.name


def test_fields_of_options_are_read_likewise() -> None:
    parameters = {parameter.name: parameter for parameter in flags.read("NirOptions")}
    assert list(parameters) == list(inspect.signature(nm.NirOptions).parameters)
    assert parameters["nir_dt_s"].annotation == "float"


def test_flags_follow_the_signature() -> None:
    assert parsed("a.npz", function="inspect") == {"path": "a.npz"}
    assert parsed("a.npz", "--targets", function="inspect") == {"path": "a.npz", "targets": True}
    assert parsed(function="demo") == {}
    arguments = parsed("--epochs", "3", "--seed", "-1", "--folder", "a", function="demo")
    assert arguments == {"epochs": 3, "seed": -1, "folder": "a"}


def test_a_flag_may_differ_from_its_parameter() -> None:
    own = {"folder": flag("-o", "--output", metavar="FOLDER"), "epochs": None}
    assert parsed("-o", "a", function="demo", **own) == {"folder": "a"}
    assert parsed("--seed", "4", function="demo", only=("seed",)) == {"seed": 4}
    prefixed = Parser(prog="nmtool some")
    flags.add(prefixed, "demo", dest_prefix="in_", only=("seed",))
    prefixed.set_defaults(parser=prefixed)
    arguments = prefixed.parse_args(["--in-seed", "5"])
    assert flags.given(arguments, "demo", prefix="in_") == {"seed": 5}
    assert flags.given(arguments, "demo") == {}


def test_an_entry_may_point_to_that_of_another_function() -> None:
    texts = [
        next(parameter.text for parameter in flags.read(name) if parameter.name == "energy_of")
        for name in ("cost", "compare_cost")
    ]
    assert texts[0] == texts[1] != ""


def test_constants_are_read() -> None:
    assert flags.words("nmtool.network.readout.RULES") == tuple(RULES)


@pytest.mark.parametrize("command", ["verify", "convert", "train"])
def test_help_is_complete_without_docstrings(command: str) -> None:
    processes = [
        subprocess.run(
            [sys.executable, *options, "-m", "nmtool", command, "--help"],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={**os.environ, "COLUMNS": "80"},
        )
        for options in ([], ["-OO"])
    ]
    assert [process.returncode for process in processes] == [0, 0]
    assert processes[0].stdout == processes[1].stdout != ""


@pytest.mark.parametrize("command", ["convert", "verify", "export", "evaluate", "check"])
def test_help_imports_no_function(command: str) -> None:
    code = (
        "import sys; from nmtool.cli.main import main; main(sys.argv[1:]); "
        "print(*(m for m in sys.modules if m in ('numpy', 'h5py', 'torch', 'numba')), "
        "sum(m.startswith('nmtool') for m in sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, command, "--help"], capture_output=True, text=True, cwd=ROOT
    )
    *heavy, count = done.stderr.split()
    assert heavy == []
    assert int(count) < 40


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("replace it: `force=True`", "replace it: --force"),
        ("name them: `data=`", "name them: DATA"),
        ("`weight_bits=4` saves the rest", "--weight-bits 4 saves the rest"),
        ("`hidden=(128, 64)` or `steps='auto'`", "--hidden 128,64 or --steps auto"),
        ("`hidden=[NETWORK, …]`", "--hidden NETWORK …"),
        ("`n_steps=40` of another", "`n_steps=40` of another"),
        ("`code` and a=b", "`code` and a=b"),
    ],
)
def test_messages_name_flags_instead_of_python_arguments(text: str, expected: str) -> None:
    names = {"force": "--force", "data": "DATA", "weight_bits": "--weight-bits"}
    use_flags_in_messages(lambda: names, lambda: {"hidden": "--hidden", "steps": "--steps"})
    try:
        assert in_flags(text) == expected
    finally:
        use_flags_in_messages()


def test_an_error_names_flags_or_python_arguments_by_its_caller(
    nmtool: Nmtool, integers: object
) -> None:
    assert nmtool("export", integers, "-o", "q.c").code == 0
    assert "  fix: choose another path, or replace the file or folder: --force\n" in (
        nmtool("export", integers, "-o", "q.c").err
    )
    with pytest.raises(nm.UsageError, match=r"replace the file or folder: `force=True`"):
        nm.export(nm.load("q.c"), "q.c")

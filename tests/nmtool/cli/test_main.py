"""The program itself: help, exit codes, foreign errors, broken pipes, what a start imports."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nmtool.cli import evaluate, inspect
from nmtool.cli.main import COMMANDS
from nmtool.errors import BackendError, DoesNotFitError, UsageError
from tests.nmtool.cli.conftest import Nmtool

ROOT = Path(__file__).parents[3]


def _environment() -> dict[str, str]:
    """This process' own, without what would hide that output is buffered."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}


def _start(*words: object, script: str = "", **settings: object) -> subprocess.CompletedProcess:
    """Run nmtool, or a script, as a process of its own that warns of everything."""
    what = ["-c", script] if script else ["-m", "nmtool"]
    return subprocess.run(
        [sys.executable, "-W", "error", *what, *map(str, words)],
        **{
            "capture_output": True,
            "text": True,
            "env": _environment(),
            "check": False,
            "timeout": 120,
            **settings,
        },
    )


def test_help_names_every_command_and_the_exit_codes(nmtool: Nmtool) -> None:
    said = nmtool("--help")
    assert said.code == 0
    assert all(f"    {name} " in said.out for name in COMMANDS)
    assert "3 something needed is missing" in " ".join(said.out.split())
    assert said.err == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, nmtool: Nmtool) -> None:
    said = nmtool(command, "--help")
    assert said.code == 0
    assert said.out.startswith(f"usage: nmtool {command}")
    assert COMMANDS[command].split()[0] in said.out.lower()
    assert "SUPPRESS" not in said.out
    assert said.err == ""


def test_version(nmtool: Nmtool) -> None:
    said = nmtool("--version")
    assert (said.code, said.out[:7]) == (0, "nmtool ")


def test_no_command_shows_help_on_stderr(nmtool: Nmtool) -> None:
    said = nmtool()
    assert said.code == 2
    assert said.out == ""
    assert said.err.startswith("usage: nmtool")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["quantise"], "there is no command 'quantise'\n  fix: did you mean 'quantize'? use one"),
        (["evaluate"], "the following arguments are required: NETWORK, DATA"),
        (["evaluate", "a", "b", "--split", "all"], "argument --split: invalid choice: 'all'"),
        (["evaluate", "a", "b", "--samples", "0"], "whole number from 1 on, not '0'"),
        (["evaluate", "a", "b", "--samples", "-3"], "whole number from 1 on, not '-3'"),
        (["evaluate", "a", "b", "--samples", "few"], "whole number from 1 on, not 'few'"),
        (["evaluate", "a", "b", "--threads", "0"], "whole number from 1 on, not '0'"),
        (["evaluate", "a", "b", "--sample", "3"], "unrecognized arguments: --sample 3"),
        (["verify", "a", "b"], "there is no file or folder a"),
        (["lava"], "the following arguments are required"),
        (["--speed"], "COMMAND"),
    ],
)
def test_wrong_usage(words: list[str], error: str, nmtool: Nmtool) -> None:
    said = nmtool(*words)
    assert said.code == 2
    assert said.out == ""
    assert error in said.err
    assert "  fix: " in said.err
    assert said.err.startswith("error: ")


@pytest.mark.parametrize(
    ("raised", "code", "told"),
    [
        (UsageError("a", why="b", fix="c"), 2, "error: a\n  why: b\n  fix: c\n"),
        (DoesNotFitError("too large"), 1, "error: too large\n"),
        (BackendError("it hung"), 3, "error: it hung\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (MemoryError("9 GiB"), 2, "error: there is not enough memory\n  why: 9 GiB\n  fix: use "),
        (OSError(28, "No space left", "x.npz"), 2, "error: x.npz: No space left\n"),
        (
            ModuleNotFoundError("No module named 'torch'", name="torch"),
            3,
            "error: torch is not installed, or does not work here\n"
            "  why: No module named 'torch'\n  fix: pip install 'nmtool[train]'\n",
        ),
        (ImportError("a symbol", name="sklearn.datasets"), 3, "pip install 'nmtool[train]'"),
        (ModuleNotFoundError("no", name="tonic"), 3, "pip install 'nmtool[tonic]'"),
        (ModuleNotFoundError("no", name="h5py"), 3, "fix: pip install 'nmtool'"),
        (ImportError("libtorch.so: no such file"), 3, "why: libtorch.so: no such file"),
    ],
)
def test_exit_codes(
    raised: BaseException,
    code: int,
    told: str,
    nmtool: Nmtool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def run(arguments: object) -> int:
        raise raised

    monkeypatch.setattr(inspect, "run", run)
    monkeypatch.setattr("nmtool.cli.main._silence", lambda *streams: None)
    said = nmtool("inspect", "file")
    assert said.code == code
    assert said.out == ""
    assert told in said.err


@pytest.mark.parametrize(
    "mistake", [AssertionError(), ImportError("no name x", name="nmtool.hardware_sim.step")]
)
def test_our_own_mistakes_keep_their_traceback(
    mistake: Exception, nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(arguments: object) -> int:
        raise mistake

    monkeypatch.setattr(evaluate, "run", run)
    with pytest.raises(type(mistake)):
        nmtool("evaluate", "a", "b")


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["inspect", "integers.npz"]])
def test_starts_light(words: list[str], integers: Path) -> None:
    script = (
        "import sys; from nmtool.cli.main import main; code = main(sys.argv[1:]); "
        "print(*{'torch', 'numba', 'sklearn', 'tonic', 'scipy'} & set(sys.modules), "
        "file=sys.stderr); sys.exit(code)"
    )
    done = _start(*words, script=script, cwd=integers.parent)
    assert (done.returncode, done.stderr) == (0, "\n")


@pytest.mark.parametrize(
    ("words", "library", "fix"),
    [
        (
            ["train", "two", "-o", "run", "--validation", "4"],
            "torch",
            "pip install 'nmtool[train]'",
        ),
        (["evaluate", "floats.npz", "two"], "torch", "pip install 'nmtool[train]'"),
        (["data", "digits"], "sklearn", "pip install 'nmtool[train]'"),
        (["data", "tonic:NMNIST"], "tonic", "pip install 'nmtool[tonic]'"),
    ],
)
@pytest.mark.usefixtures("floats")
def test_missing_library(words: list[str], library: str, fix: str, data: Path) -> None:
    script = (
        f"import sys; sys.modules['{library}'] = None; from nmtool.cli.main import main; "
        "sys.exit(main(sys.argv[1:]))"
    )
    done = _start(*words, script=script, cwd=data.parent)
    assert done.returncode == 3
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert f"fix: {fix}\n" in done.stderr


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_closed_pipe_is_no_error(more: list[str], integers: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = _start(
            *("inspect", integers, *more),
            capture_output=False,
            stdout=writing,
            stderr=subprocess.PIPE,
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is full")
@pytest.mark.parametrize("more", [[], ["--json"]])
def test_results_that_cannot_be_written_are_told(more: list[str], integers: Path) -> None:
    with open("/dev/full", "w") as full:
        done = _start(
            *("inspect", integers, *more),
            capture_output=False,
            stdout=full,
            stderr=subprocess.PIPE,
        )
    assert (done.returncode, done.stderr) == (2, "error: No space left on device\n")


def test_a_terminal_that_lacks_our_signs(integers: Path) -> None:
    settings = {"env": {**_environment(), "PYTHONIOENCODING": "ascii"}}
    done = _start("inspect", integers, **settings)
    assert (done.returncode, done.stderr) == (0, "")
    assert "0 ? 4, mean 1.8" in done.stdout


def test_takes_its_own_modules_whatever_the_working_folder_holds(integers: Path) -> None:
    for name in ("training.py", "exporters.py", "hardware_sim.py"):
        (integers.parent / name).write_text("raise SystemExit('the wrong module')\n")
    done = _start("train", "--help", cwd=integers.parent)
    assert (done.returncode, done.stderr) == (0, "")

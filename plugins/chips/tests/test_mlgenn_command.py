"""`nmtool convert FOLDER OUT` from checkpoints of mlGeNN."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork
from nmtool_chips.mlgenn.format import Mlgenn
from nmtool_chips.mlgenn.options import MlgennOptions
from tests.nmtool.cli.conftest import ArgumentsOf, Nmtool

CONSTANTS = (
    *("--in", "tau_mem_ms=20", "--in", "tau_syn_ms=Hid:5,Out:4"),
    *("--in", "threshold=1", "--in-steps", "30"),
)
OPTIONS = MlgennOptions(
    n_steps=30, tau_mem_ms=20.0, tau_syn_ms={"Hid": 5.0, "Out": 4.0}, threshold=1.0
)
SIZES = {"In": 4, "Hid": 3, "Out": 2}


@pytest.fixture
def checkpoints(tmp_path: Path) -> Path:
    """Checkpoints of two epochs, with one hidden population and delays from the input."""
    folder, random = tmp_path / "checkpoints", np.random.default_rng(1)
    folder.mkdir()
    for epoch in (9, 10):
        for pre, post in (("In", "Hid"), ("Hid", "Out"), ("Hid", "Hid")):
            weight = random.normal(1, 4, SIZES[pre] * SIZES[post]).astype(np.float32)
            np.save(folder / f"{epoch}-Conn_{pre}_{post}-g.npy", weight)
        np.save(folder / f"{epoch}-Conn_In_Hid-d.npy", random.uniform(0, 6, 12).astype(np.float32))
    return folder


CALLS: dict[str, dict[str, Any]] = {
    "convert checkpoints out.npz --in epoch=1 --in tau_mem_ms=20 --in tau_syn_ms=Hid:5,Out:4 "
    "--in threshold=1 --in sizes=Hid:3 --in populations=In,Hid,Out --in group=3 --in-dt-ms 2 "
    "--in-rule max --in scaled=false --in fixed_point=8": {
        "reading": MlgennOptions(
            epoch="1",
            tau_mem_ms=20.0,
            tau_syn_ms={"Hid": 5.0, "Out": 4.0},
            threshold=1.0,
            sizes={"Hid": 3},
            populations=("In", "Hid", "Out"),
            group=3,
            dt_ms=2.0,
            readout="max",
            scaled=False,
            fixed_point=8,
        ),
    },
    "inspect checkpoints --in threshold=1": {"reading": MlgennOptions(threshold=1.0)},
}
"""The arguments of the function that a command calls, by the words of the command."""


@pytest.mark.parametrize("words", CALLS)
@pytest.mark.usefixtures("checkpoints")
def test_words_become_a_call(words: str, arguments_of: ArgumentsOf) -> None:
    command, *_ = words.split()
    functions = {"convert": "nmtool.exchange.exporting.convert", "inspect": "nmtool.inspect"}
    given = arguments_of(words, functions[command])
    assert {name: given[name] for name in CALLS[words]} == CALLS[words]


def test_a_network_file(nmtool: Nmtool, checkpoints: Path) -> None:
    result = nmtool("convert", "checkpoints", "network.npz", *CONSTANTS)
    assert (result.code, result.err) == (0, "checkpoint 10, the latest of 2\n")
    assert "read back: equal" in result.out
    expected = Mlgenn(checkpoints).decode(OPTIONS)
    assert Network.load("network.npz").content_hash == expected.content_hash


def test_checkpoints_become_integers(nmtool: Nmtool, checkpoints: Path) -> None:
    expected = Mlgenn(checkpoints).decode(replace(OPTIONS, fixed_point=8)).content_hash
    words = ("convert", "checkpoints", "x.npz", *CONSTANTS, "--in", "fixed_point=8")
    assert nmtool(*words).code == 0
    assert IntegerNetwork.load("x.npz").content_hash == expected


@pytest.mark.parametrize(
    ("words", "error", "phrase"),
    [
        (("--in-nir-dt", "0.1"), "import-options-unused", "--in-nir-dt"),
        (("--in", "epoch=11"), "mlgenn-no-checkpoint", " 11\n"),
        (("--in", "threshold=Hidden:1"), "mlgenn-population-unknown", "Hidden"),
        (("--in", "threshold=Hid"), "command-line", "--in: threshold must be a number, or NAME:"),
        (("--in", "threshold=Hid:1,Hid:2"), "command-line", "'Hid:1,Hid:2'"),
        (("--in", "threshold=-1"), "threshold-range", "'Hid'"),
        (("--in", "tau_mem_ms=nan"), "time-constant-range", "tau_mem_ms"),
        (("--in", "sizes=3"), "command-line", "sizes must be NAME:NUMBER,…, not '3'"),
        (("--in", "sizes=In:0"), "command-line", "'0'"),
        (("--in", "sizes=In:5"), "mlgenn-sizes-differ", "checkpoints"),
        (("--in", "scaled=0"), "command-line", "scaled must be true or false, not '0'"),
        (("--in", "treshold=1"), "command-line", "did you mean 'threshold'? use one of tau_mem"),
        (("--in", "steps=30"), "command-line", "did you mean '--in-steps'?"),
        (("--in", "threshold"), "command-line", "must be KEY=VALUE, not 'threshold'"),
        (("--in-dt-ms", "0"), "time-step-range", " 0.0"),
    ],
)
@pytest.mark.usefixtures("checkpoints")
def test_wrong_options(words: tuple[str, ...], error: str, phrase: str, nmtool: Nmtool) -> None:
    result = nmtool("convert", "checkpoints", "x.npz", *CONSTANTS, *words)
    assert (result.code, result.out, result.error) == (2, "", error)
    assert phrase in result.err
    assert not Path("x.npz").exists()


def test_options_for_checkpoints_only(nmtool: Nmtool, integers: Path) -> None:
    result = nmtool("convert", integers, "x.c", "--in", "threshold=1")
    assert (result.code, result.out, result.error) == (2, "", "import-options-unused")
    assert "--in threshold applies to checkpoints of mlGeNN only" in result.err


@pytest.mark.usefixtures("checkpoints")
def test_all_missing_settings_are_named_as_keys(nmtool: Nmtool) -> None:
    result = nmtool("convert", "checkpoints", "x.npz", "--in", "tau_mem_ms=20")
    assert (result.code, result.out, result.error) == (2, "", "mlgenn-settings-missing")
    assert "fix: add --in tau_syn_ms=VALUE --in threshold=VALUE\n" in result.err


@pytest.mark.usefixtures("checkpoints")
def test_other_commands_suggest_convert(nmtool: Nmtool) -> None:
    result = nmtool("quantise", "checkpoints", "-o", "x.npz")
    assert (result.code, result.out, result.error) == (2, "", "mlgenn-constants")
    assert "nmtool convert checkpoints network.npz --in tau_mem_ms=…" in result.err

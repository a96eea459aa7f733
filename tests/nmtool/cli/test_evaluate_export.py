"""`nmtool evaluate EXPORT DATA`: an export run by the runtime of its format."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nmtool.data import bin_events
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.integer_network import IntegerNetwork
from nmtool.setup.installation import install_command
from tests.nmtool.cli import cases
from tests.nmtool.cli.conftest import Nmtool
from tests.nmtool.cli.fake_lava import FakeLava

pytestmark = pytest.mark.usefixtures("data")


@pytest.fixture
def folder(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch, integers: Path) -> str:
    """An exported folder; the simulator replaces Lava."""
    FakeLava().install(monkeypatch)
    assert nmtool("export", integers, "--to", "lava", "-o", "folder").code == 0
    return "folder"


def test_a_run_of_an_export_as_json(nmtool: Nmtool, folder: str, integers: Path) -> None:
    evaluated = nmtool("evaluate", integers, "two", "--json").json
    result = nmtool("evaluate", folder, "two", "--json")
    assert (result.code, result.err) == (0, "")
    raster = bin_events(cases.spike_events(cases.N_TEST, 2), 1.0, 30).raster
    expected = simulate(IntegerNetwork.load(integers), raster)
    content = result.json
    assert content.pop("seconds") >= 0
    assert (content.pop("network"), content.pop("format")) == ("folder", "lava")
    assert content.pop("spikes") == expected.spikes["hidden"].n_spikes > 20
    del evaluated["network"]
    assert content == evaluated


def test_a_run_of_an_export_in_the_terminal(nmtool: Nmtool, folder: str) -> None:
    result = nmtool("evaluate", folder, "two:train", "--samples", "4")
    assert result.code == 0
    lines = result.out.splitlines()
    assert lines[0] == "folder on two (train)"
    words = [line.split("  ") for line in lines[3:]]
    shown = {parts[0].strip(): parts[-1].strip() for parts in words if len(parts) > 1}
    assert shown["format"] == "lava"
    assert (shown["samples"], shown["accuracy"]) == ("4 of 12, drawn per class", "100.00%")


def test_data_that_do_not_fit_are_refused(nmtool: Nmtool, folder: str) -> None:
    result = nmtool("evaluate", folder, "yinyang")
    assert (result.code, result.out, result.error) == (2, "", "data-classes-differ")


def test_a_missing_library_is_reported(
    nmtool: Nmtool, integers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    result = nmtool("export", integers, "-o", "network.onnx")
    assert (result.code, result.out, result.error) == (3, "", "library-missing")
    assert f"fix: {install_command('onnx', broken=['onnx'])}" in result.err
    assert not Path("network.onnx").exists()

"""`nmtool setup fenn`: from sources or clones, and errors without an environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmtool.exporters.environments import Environment
from nmtool.hardware_sim.simulator import simulate
from nmtool.loading import load
from nmtool.network.float_network import Network
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool_chips.fenn import environment
from nmtool_chips.fenn.fenn16 import FENN16
from nmtool_chips.fenn.format import Fenn
from tests.nmtool.cli.conftest import Nmtool

FOUND = Environment(Path("/some/python"), environment.REFEREE)


def test_setup_takes_clones(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def setup(on_line: object, **options: object) -> Environment:
        calls.append(options)
        return FOUND

    monkeypatch.setattr(environment.REFEREE, "set_up", setup)
    result = nmtool("setup", "fenn", "--riscv-ise", "a", "--genn", "b", "--json")
    assert result.json == {"fenn": environment.REFEREE.version, "python": "/some/python"}
    nmtool("setup", "fenn", "--force")
    clones = {"riscv_ise": Path("a"), "genn": Path("b")}
    assert calls == [{"force": False, **clones}, {"force": True}]


@pytest.mark.parametrize(
    ("words", "phrases"),
    [
        (["lava", "--genn", "a"], ["--genn", "setup fenn"]),
        (["fenn", "--status", "--riscv-ise", "a"], ["--riscv-ise"]),
    ],
)
def test_clones_for_another_setup_are_refused(
    words: list[str], phrases: list[str], nmtool: Nmtool
) -> None:
    result = nmtool("setup", *words)
    assert (result.code, result.out, result.error) == (2, "", "option-unused")
    assert all(phrase in result.err for phrase in phrases), result.err


def test_what_can_be_set_up_is_named(nmtool: Nmtool) -> None:
    result = nmtool("setup")
    assert (result.code, result.error) == (2, "command-line")
    assert "lava|brian2-loihi|fenn" in result.err


def test_not_set_up(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(environment.REFEREE.python_variable, raising=False)
    monkeypatch.setenv(environment.REFEREE.home_variable, str(tmp_path / "none"))
    result = nmtool("setup", "fenn", "--status")
    assert (result.code, result.out, result.error) == (3, "", "referee-not-set-up")
    for value in (tmp_path / "none", "nmtool setup fenn", "NMTOOL_FENN_PYTHON"):
        assert str(value) in result.err


@pytest.mark.usefixtures("integers")
def test_networks_of_another_arithmetic(nmtool: Nmtool) -> None:
    result = nmtool("export", "integers.npz", "--to", "fenn", "-o", "exported")
    assert (result.code, result.error) == (1, "format-does-not-fit")
    assert "fenn16" in result.err


@pytest.mark.usefixtures("floats")
def test_only_quantise_rounds(nmtool: Nmtool) -> None:
    for words in (("convert", "floats.npz", "x"), ("export", "floats.npz", "-o", "x")):
        result = nmtool(*words, "--to", "fenn")
        assert (result.code, result.out, result.error) == (2, "", "network-float")
        assert "nmtool quantise NETWORK -o integers.npz --target fenn," in result.err
        assert not Path("x").exists()


def test_floats_are_quantised_for_it(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    Network.layers([5, 8, 3]).save("float.npz")
    assert nmtool("quantise", "float.npz", "-o", "q.npz", "--target", "fenn").code == 0
    assert nmtool("export", "q.npz", "--to", "fenn", "-o", "exported").code == 0
    assert load("exported").runs_in is FENN16
    networks = []

    def run(artefact: Fenn, spikes: Raster, **options: object) -> Recording:
        networks.append(artefact.integers)
        return simulate(artefact.integers, spikes, deep=True)

    monkeypatch.setattr(Fenn, "require", lambda: None)
    monkeypatch.setattr(Fenn, "run", run)
    result = nmtool("verify", "q.npz", "--against", "fenn")
    assert result.code == 0
    assert [network.runs_in for network in networks] == [FENN16]

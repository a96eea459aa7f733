"""Commands on NIR files: exported, verified against floats and integers, refused."""

from __future__ import annotations

import sys
from pathlib import Path

import h5py
import pytest

from nmtool.errors import FileFormatError
from nmtool.exporters.nir.format import Nir
from nmtool.setup.installation import install_command
from tests.nmtool.cli import cases
from tests.nmtool.cli.conftest import Nmtool
from tests.refusals import codes, refused

pytest.importorskip("nir")
pytestmark = pytest.mark.usefixtures("data")


@pytest.fixture
def file(nmtool: Nmtool, integers: Path) -> Path:
    """A NIR file of integers."""
    result = nmtool("export", integers, "-o", "integers.nir")
    assert result.out.splitlines() == [
        "nir: approximate",
        "integers.nir written; nmtool verify integers.nir checks it, without any data",
    ]
    return Path("integers.nir")


@pytest.fixture
def float_file(nmtool: Nmtool, floats: Path) -> Path:
    """A NIR file of floats."""
    assert nmtool("export", floats, "-o", "floats.nir").code == 0
    return Path("floats.nir")


def test_integers_stay_integers_and_floats_stay_floats(file: Path, float_file: Path) -> None:
    assert Nir(file).network.content_hash == cases.integer_network().content_hash
    assert Nir(float_file).network.content_hash == cases.float_network().content_hash


def test_options_reach_the_file(nmtool: Nmtool, floats: Path) -> None:
    words = ("--readout", "current", "--hops", "free", "--nir-dt", "0.001")
    assert nmtool("export", floats, "-o", "network.nir", *words).code == 0
    with h5py.File("network.nir") as file:
        assert "out" not in file["node/nodes"]
        tau = file["node/nodes/hidden/tau_mem"][0]
    assert 0.02 < tau < 0.021
    assert nmtool("verify", "network.nir").code == 0


def test_differences_to_floats_and_to_integers_are_printed(nmtool: Nmtool, file: Path) -> None:
    result = nmtool("verify", file, "two")
    assert result.code == 0
    lines = result.out.splitlines()
    assert lines[0].startswith("nir: spikes compared 540, different 0; spikes emitted ")
    assert any("of spikes in common" in line for line in lines)
    result = nmtool("verify", file, "two", "--json")
    assert set(result.json["accuracy"]) == {"hardware_sim", "nir"}
    assert result.json["backends"]["nir"]["integer"]["spikes_shared"] > 50


def test_differences_to_integers_are_not_a_failure(
    nmtool: Nmtool, float_file: Path, floats: Path
) -> None:
    assert nmtool("quantise", floats, "-o", "q3.npz", "--weight-bits", "3").code == 0
    result = nmtool("verify", "q3.npz", "two", "--artefact", float_file, "--json")
    entry = result.json["backends"]["nir"]
    assert (result.code, entry["spikes_different"]) == (0, 0)
    assert entry["integer"]["spikes_different"] > 0


def test_floats_are_compared_with_floats(nmtool: Nmtool, float_file: Path, floats: Path) -> None:
    result = nmtool("verify", float_file, "two", "--json")
    assert (result.code, set(result.json["accuracy"])) == (0, {"nir"})
    assert result.json["backends"]["nir"]["spikes_different"] == 0
    result = nmtool("verify", float_file, "two")
    assert "hardware_sim" not in result.out
    assert nmtool("quantise", floats, "-o", "q.npz").code == 0
    result = nmtool("verify", "q.npz", "two", "--artefact", float_file, "--json")
    assert (result.code, set(result.json["accuracy"])) == (0, {"hardware_sim", "nir"})


def test_a_graph_of_another_network_fails(nmtool: Nmtool, file: Path) -> None:
    with h5py.File(file, "r+") as opened:
        for name, node in opened["node/nodes"].items():
            if name.startswith("input_to_hidden_weight"):
                node["weight"][...] = 2 * node["weight"][()]
    for words in (("verify", file), ("verify", file, "two")):
        result = nmtool(*words)
        assert (result.code, result.out, result.error) == (2, "", "export-changed")
        result = nmtool(*words, "--json", "--trust")
        assert result.code == 1
        assert result.json["first_divergence"]["backend"] == "nir"
        why = result.json["backends"]["nir"]["explanation"]
        assert why["samples_different"] > 0
        assert {arrival["source"] for arrival in why["arrivals"]} <= {"input", "hidden"}
        assert why["tried_on"] == "nothing"


@pytest.mark.parametrize(
    ("words", "code", "error", "phrase"),
    [
        (("-o", "x.nir", "--nir-dt", "0"), 2, "nir-step-range", " 0"),
        (("-o", "x.nir", "--hops", "ring"), 2, "command-line", "'ring'"),
        (("-o", "x", "--to", "lava", "--hops", "free"), 2, "nir-options-unused", "hops"),
        (("-o", "x", "--to", "nir"), 2, "extension-wrong", ".nir"),
    ],
)
def test_invalid_options_are_refused(
    words: tuple[str, ...], code: int, error: str, phrase: str, nmtool: Nmtool, integers: Path
) -> None:
    result = nmtool("export", integers, *words)
    assert (result.code, result.out, result.error) == (code, "", error)
    assert phrase in result.err
    assert not Path(words[1]).exists()


def test_writing_without_the_library(
    nmtool: Nmtool, integers: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "nir", None)
    assert nmtool("verify", file).code == 0
    result = nmtool("export", integers, "-o", "other.nir")
    assert (result.code, result.out, result.error) == (3, "", "library-missing")
    assert f"fix: {install_command('nir', broken=['nir'])}" in result.err


def test_all_misfits_of_a_graph_are_shown(nmtool: Nmtool, file: Path) -> None:
    with h5py.File(file, "r+") as opened:
        del opened["nmtool"], opened["node/nodes/hidden/type"]
        opened["node/nodes/hidden/type"] = "Conv9d"
        opened["node/nodes/out/tau_mem"][...] = -1.0
    with refused(FileFormatError, "nir-graph-unfit") as caught:
        Nir(file).read()
    assert codes(caught.value) == ["nir-kind", "nir-values"]
    file.rename("foreign.nir")
    result = nmtool("convert", "foreign.nir", "out.npz")
    assert (result.code, result.out, result.error) == (2, "", "nir-graph-unfit")
    for finding in caught.value.findings:
        (line,) = (line for line in result.err.splitlines() if line.startswith(finding.code))
        assert all(part in line for part in (finding.where, finding.what, finding.fix))
    assert not Path("out.npz").exists()


def test_the_fix_for_fractional_delays_names_the_flag(nmtool: Nmtool) -> None:
    import nir
    import numpy as np

    nodes = {
        "in": nir.Input(np.array([2])),
        "d": nir.Delay(np.array([1.5e-4, 2e-4])),
        "a": nir.LIF(np.full(2, 0.02), np.ones(2), np.zeros(2), np.ones(2)),
        "out": nir.Output(np.array([2])),
    }
    edges = [("in", "d"), ("d", "a"), ("a", "out")]
    nir.write("foreign.nir", nir.NIRGraph(nodes, edges, type_check=False))
    result = nmtool("convert", "foreign.nir", "network.npz", "--in-steps", 40)
    assert (result.code, result.error) == (2, "nir-graph-unfit")
    assert "import the file with shorter steps: --in-nir-dt 5e-05" in " ".join(result.err.split())
    words = ("--in-nir-dt", "5e-05", "--in-steps", 40)
    assert nmtool("convert", "foreign.nir", "network.npz", *words).code == 0

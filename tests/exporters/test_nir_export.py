"""NIR files: read back bit for bit, forms of delays, and refusals."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nmtool.errors import (
    DoesNotFitError,
    FileFormatError,
    MissingError,
    UsageError,
)
from nmtool.exporters.nir.file import read_graph
from nmtool.exporters.nir.format import Nir
from nmtool.exporters.nir.options import READOUTS, ImportOptions, NirOptions
from nmtool.hardware_sim.known_answers import known_answers
from nmtool.network.float_network import Network
from nmtool.network.float_parts import Population, Projection
from nmtool.network.graph import INPUT, InputChannels
from nmtool.network.integer_network import IntegerNetwork
from nmtool.network.readout import Readout
from nmtool.setup.installation import install_command
from nmtool.testing.networks import random_network
from nmtool.verification.comparison import compare_recordings
from tests.networks.layered import layered_network, noise
from tests.refusals import refused

nir = pytest.importorskip("nir")

NETWORK = layered_network(max_delay=6)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An undamaged file with known answers."""
    answers = known_answers(NETWORK, noise(), Nir.reference)
    return Nir.write(NETWORK, tmp_path / "network.nir", answers=answers).path


def kinds(path: Path) -> Counter[str]:
    return Counter(node.kind for node in read_graph(path).nodes.values())


# Tests of writing and reading


def test_known_answers_are_read_back(path: Path) -> None:
    answers = Nir(path).known_answers()
    assert answers.network_hash == NETWORK.content_hash
    expected = known_answers(NETWORK, noise(), Nir.reference)
    assert answers.spikes.flat_index().tolist() == expected.spikes.flat_index().tolist()
    assert compare_recordings(expected.recording, answers.recording).identical
    without = Nir.write(NETWORK, path, force=True).path
    with refused(FileFormatError, "answers-missing"):
        Nir(without).known_answers()


def test_the_library_nir_reads_the_file(path: Path) -> None:
    graph = nir.read(path)
    assert set(graph.nodes) == set(read_graph(path).nodes)
    assert isinstance(graph.nodes["first"], nir.CubaLIF)


def test_only_writing_needs_the_library(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nir", None)
    Nir.require()
    assert Nir(path).network.content_hash == NETWORK.content_hash
    assert Nir(path).run(noise()).n_samples == 2
    with refused(MissingError, "library-missing") as caught:
        Nir.write(NETWORK, path, force=True)
    assert caught.value.fix == install_command("nir", broken=["nir"])


@pytest.mark.parametrize(
    "use",
    [
        lambda path: Nir.write(NETWORK, path, force=True).path,
        lambda path: Nir(path).read(),
        lambda path: Nir(path).read(ImportOptions()),
        lambda path: Nir(path).known_answers(),
        lambda path: Nir(path).run(noise()),
    ],
    ids=["write", "read", "import", "known_answers", "run"],
)
def test_reading_and_writing_need_h5py(
    use: Callable[[Path], Any], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()
    monkeypatch.setitem(sys.modules, "h5py", None)
    with refused(MissingError, "library-missing") as caught:
        use(path)
    assert "pip install" in caught.value.fix
    assert path.read_bytes() == before


# Tests of the options of writing


def pair(delay: Any, **changes: Any) -> Network:
    """Three channels and four neurons; each synapse has its own delay."""
    projection = Projection(INPUT, "neurons", np.arange(1, 13).reshape(3, 4), delay)
    return Network(
        **{
            "channels": InputChannels(3),
            "populations": [Population("neurons", 4)],
            "projections": [projection],
            "readout": Readout("neurons", "first_spike"),
            "dt_ms": 1.0,
            "n_steps": 20,
            **changes,
        }
    )


DELAYS = np.array([[0, 1, 2, 4], [0, 1, 2, 4], [4, 4, 1, 0]])
PER_NEURON = np.array([[2, 2, 2, 2], [5, 5, 5, 5], [0, 0, 0, 0]])


def test_a_wire_per_delay(tmp_path: Path) -> None:
    """With delays of 0, 1, 2 and 4 steps, plus one step for the hop."""
    counts = kinds(Nir.write(pair(DELAYS), tmp_path / "x.nir").path)
    assert (counts["Delay"], counts["Linear"]) == (4, 4)


def test_one_delay_where_a_neuron_needs_only_one(tmp_path: Path) -> None:
    options = NirOptions(nir_dt_s=1e-3)
    graph = read_graph(Nir.write(pair(PER_NEURON), tmp_path / "x.nir", options=options).path)
    (delay,) = [graph.nodes[name].values["delay"] for name in graph.of_kind("Delay")]
    np.testing.assert_allclose(delay, [3e-3, 6e-3, 1e-3])
    assert len(graph.of_kind("Linear")) == 1


def test_free_hops_leave_differences(tmp_path: Path) -> None:
    """The population runs ahead by the shortest delay."""
    network = pair(PER_NEURON + 3)
    options = NirOptions(hops="free", nir_dt_s=1e-3)
    path = Nir.write(network, tmp_path / "x.nir", options=options).path
    graph = read_graph(path)
    (delay,) = [graph.nodes[name].values["delay"] for name in graph.of_kind("Delay")]
    np.testing.assert_allclose(delay, [2e-3, 5e-3, 0])
    network = pair(np.full((3, 4), 7))
    assert kinds(Nir.write(network, path, options=options, force=True).path)["Delay"] == 0


def test_a_loop_takes_a_step_without_a_delay(tmp_path: Path) -> None:
    """Other hops take a step only by a `Delay`."""
    network, path = layered_network(), tmp_path / "x.nir"
    for hops, delays in (("free", 0), ("delayed", 3)):
        Nir.write(network, path, options=NirOptions(hops=hops), force=True)
        assert kinds(path)["Delay"] == delays


def test_all_readouts_are_written(tmp_path: Path) -> None:
    graphs = {}
    for readout in READOUTS:
        options = NirOptions(readout=readout)
        path = Nir.write(layered_network(), tmp_path / f"{readout}.nir", options=options).path
        graph = read_graph(path)
        graphs[readout] = graph.edges, kinds(path)["CubaLI"]
    assert (("out", "output") in graphs["population"][0], graphs["population"][1]) == (True, 1)
    assert (("second_to_out_weight", "output") in graphs["current"][0], graphs["current"][1]) == (
        True,
        0,
    )


def test_a_step_of_any_length(tmp_path: Path) -> None:
    """Only ratios of time constants to the step matter."""
    for step in (1e-6, 1e-3, 2.0):
        options = NirOptions(nir_dt_s=step)
        path = Nir.write(layered_network(), tmp_path / "x.nir", options=options, force=True).path
        values = read_graph(path).nodes["first"].values
        np.testing.assert_allclose(values["tau_mem"] / step, 1 / -np.expm1(-1 / 20))
        np.testing.assert_allclose(values["r"] * step, values["tau_mem"])


def test_integers_keep_their_units(tmp_path: Path) -> None:
    """Weights are whole numbers, whose float32 sums are exact."""
    network = random_network(1, n_hidden=1, spiking_output=False)
    graph = read_graph(Nir.write(network, tmp_path / "x.nir").path)
    for name in graph.of_kind("Linear"):
        weight = graph.nodes[name].values["weight"]
        assert weight.dtype == np.float32
        assert np.array_equal(weight, np.round(weight))


# Tests that a network is refused with all reasons at once


def refusal(network: Network | IntegerNetwork, path: Path, **options: Any) -> list[str]:
    """Code and place of every finding."""
    with refused(DoesNotFitError, "format-does-not-fit") as caught:
        Nir.write(network, path, options=NirOptions(**options))
    assert not path.exists()
    findings = caught.value.findings
    assert all(
        part in str(caught.value) for finding in findings for part in (finding.what, finding.fix)
    )
    return [f"{finding.code} {finding.where}" for finding in findings]


def test_networks_that_no_node_can_represent_are_refused(tmp_path: Path) -> None:
    path, taus = tmp_path / "x.nir", [np.inf, 20.0, 20.0, 20.0]
    network = pair(DELAYS, populations=[Population("neurons", 4, tau_mem_ms=taus)])
    assert refusal(network, path) == ["mixed-leaks neurons"]
    network = pair(DELAYS, populations=[Population("neurons", 4, bias=0.1)])
    assert refusal(network, path, hops="free") == ["drive-ahead neurons"]
    assert refusal(network, path, readout="current") == ["readout-spikes neurons"]


def test_too_many_nodes(tmp_path: Path) -> None:
    delay = np.arange(1200).reshape(300, 4)
    projection = Projection(INPUT, "neurons", np.ones((300, 4)), delay)
    network = pair(DELAYS, channels=InputChannels(300), projections=[projection])
    assert refusal(network, tmp_path / "x.nir") == ["too-many-nodes network"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"readout": "x"}, "nir-option-unknown"),
        ({"hops": "x"}, "nir-option-unknown"),
        ({"nir_dt_s": 0.0}, "nir-step-range"),
        ({"nir_dt_s": float("nan")}, "nir-step-range"),
    ],
)
def test_unknown_options(changes: dict[str, Any], code: str) -> None:
    with refused(UsageError, code) as caught:
        NirOptions(**changes)
    assert str(*changes.values()) in caught.value.what


def test_u_and_v_are_not_compared(path: Path) -> None:
    with refused(UsageError, "deep-not-available"):
        Nir(path).run(noise(), deep=True)

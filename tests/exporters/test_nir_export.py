"""NIR files: what was written comes back bit for bit; how it is written; what is refused."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmtool.errors import DoesNotFitError, FileFormatError, InputError, StorageError, UsageError
from nmtool.exporters import nir as exporter
from nmtool.exporters.nir.options import PROFILES, NirOptions
from nmtool.exporters.nir.read import read_graph
from nmtool.graph import INPUT, InputChannels
from nmtool.hardware_sim.known_answers import known_answers
from nmtool.integer_network import IntegerNetwork
from nmtool.network import Network, Population, Projection
from nmtool.readout import Readout
from tests.exporters.nir_nets import CHANNELS, layered_network, noise
from tests.integer_nets import random_network
from tests.strategies import float_networks, integer_networks

nir = pytest.importorskip("nir")

NETWORK = layered_network(max_delay=6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nir")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A good file with known answers."""
    answers = known_answers(NETWORK, noise(), exporter.reference)
    return exporter.export(NETWORK, tmp_path / "network.nir", answers=answers)


def kinds(path: Path) -> Counter[str]:
    return Counter(node.kind for node in read_graph(path).nodes.values())


# What was written comes back.


@settings(max_examples=80)
@given(network=st.one_of(integer_networks(), float_networks()))
def test_round_trip(folder: Path, network: Network | IntegerNetwork) -> None:
    path = exporter.export(network, folder / "network.nir", force=True)
    found = exporter.load(path)
    assert type(found) is type(network)
    assert found.content_hash == network.content_hash


def test_answers_come_back(path: Path) -> None:
    answers = exporter.known_answers(path)
    assert answers.network_hash == NETWORK.content_hash
    assert answers.spikes.flat_index().tolist() == noise().flat_index().tolist()
    without = exporter.export(NETWORK, path, force=True)
    with pytest.raises(FileFormatError, match="carries no known answers"):
        exporter.known_answers(without)


def test_the_same_content_gives_the_same_bytes(path: Path, tmp_path: Path) -> None:
    answers = exporter.known_answers(path)
    other = exporter.export(NETWORK, tmp_path / "other.nir", answers=answers)
    assert other.read_bytes() == path.read_bytes()


def test_nir_itself_reads_it(path: Path) -> None:
    graph = nir.read(path)
    assert set(graph.nodes) == set(read_graph(path).nodes)
    assert isinstance(graph.nodes["first"], nir.CubaLIF)


def test_only_writing_needs_the_library(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nir", None)
    exporter.require()
    assert exporter.load(path).content_hash == NETWORK.content_hash
    assert exporter.run(path, noise()).n_samples == 2
    with pytest.raises(ImportError):
        exporter.export(NETWORK, path, force=True)


def test_nothing_is_replaced_unasked(path: Path, tmp_path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(InputError, match="exists"):
        exporter.export(NETWORK, path)
    with pytest.raises(StorageError):
        exporter.export(NETWORK, tmp_path / "no" / "network.nir")
    assert path.read_bytes() == before
    exporter.export(layered_network(), path, force=True)
    assert path.read_bytes() != before


# How it is written.


def pair(delay: Any, **changes: Any) -> Network:
    """Three channels, four neurons, every synapse with its delay."""
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


@pytest.mark.parametrize(
    ("form", "delays", "linears"), [("grouped", 4, 4), ("tapped", 5, 4), ("expander", 1, 2)]
)
def test_forms(form: str, delays: int, linears: int, tmp_path: Path) -> None:
    """Delays of 0, 1, 2 and 4 steps, and the one of the hop."""
    path = exporter.export(pair(DELAYS), tmp_path / "x.nir", options=NirOptions(form=form))
    found = kinds(path)
    assert (found["Delay"], found["Linear"]) == (delays, linears)


@pytest.mark.parametrize("form", ["grouped", "tapped", "expander", "axonal"])
def test_one_delay_where_a_neuron_needs_only_one(form: str, tmp_path: Path) -> None:
    options = NirOptions(form=form, nir_dt_s=1e-3)
    graph = read_graph(exporter.export(pair(PER_NEURON), tmp_path / "x.nir", options=options))
    (delay,) = [graph.nodes[name].values["delay"] for name in graph.of_kind("Delay")]
    np.testing.assert_allclose(delay, [3e-3, 6e-3, 1e-3])
    assert len(graph.of_kind("Linear")) == 1


def test_free_hops_leave_differences(tmp_path: Path) -> None:
    """The shortest delay becomes the steps that the population runs ahead."""
    network = pair(PER_NEURON + 3)
    options = NirOptions(hops="free", nir_dt_s=1e-3)
    path = exporter.export(network, tmp_path / "x.nir", options=options)
    graph = read_graph(path)
    (delay,) = [graph.nodes[name].values["delay"] for name in graph.of_kind("Delay")]
    np.testing.assert_allclose(delay, [2e-3, 5e-3, 0])
    network = pair(np.full((3, 4), 7))
    assert kinds(exporter.export(network, path, options=options, force=True))["Delay"] == 0


def test_a_loop_costs_its_step_by_itself_or_not(tmp_path: Path) -> None:
    network, options = layered_network(), NirOptions(hops="free")
    path = exporter.export(network, tmp_path / "x.nir", options=options)
    assert kinds(path)["Delay"] == 0
    options = NirOptions(hops="free", recurrent_step="explicit")
    assert kinds(exporter.export(network, path, options=options, force=True))["Delay"] == 2


def test_readouts(tmp_path: Path) -> None:
    found = {}
    for readout in ("population", "current", "spikes"):
        options = NirOptions(readout=readout)
        path = exporter.export(layered_network(), tmp_path / f"{readout}.nir", options=options)
        graph = read_graph(path)
        found[readout] = graph.edges, kinds(path)["CubaLI"]
    assert (("out", "output") in found["population"][0], found["population"][1]) == (True, 1)
    assert (("second_to_out_weight", "output") in found["current"][0], found["current"][1]) == (
        True,
        0,
    )
    assert (("second", "second_output") in found["spikes"][0], found["spikes"][1]) == (True, 0)


def test_a_step_of_any_length(tmp_path: Path) -> None:
    """Only ratios to it matter."""
    for step in (1e-6, 1e-3, 2.0):
        options = NirOptions(nir_dt_s=step)
        path = exporter.export(layered_network(), tmp_path / "x.nir", options=options, force=True)
        values = read_graph(path).nodes["first"].values
        np.testing.assert_allclose(values["tau_mem"] / step, 1 / -np.expm1(-1 / 20))
        np.testing.assert_allclose(values["r"] * step, values["tau_mem"])


def test_integers_keep_their_units(tmp_path: Path) -> None:
    """Weights are whole numbers, which float32 adds up exactly."""
    network = random_network(1, n_hidden=1, spiking_output=False)
    graph = read_graph(exporter.export(network, tmp_path / "x.nir"))
    for name in graph.of_kind("Linear"):
        weight = graph.nodes[name].values["weight"]
        assert weight.dtype == np.float32
        assert np.array_equal(weight, np.round(weight))


# What is refused, all of it at once.


def refusal(network: Network | IntegerNetwork, path: Path, **options: Any) -> str:
    with pytest.raises(DoesNotFitError) as error:
        exporter.export(network, path, options=NirOptions(**options))
    assert not path.exists()
    assert error.value.fix
    return error.value.why


def test_delays_that_are_not_axonal(tmp_path: Path) -> None:
    told = refusal(layered_network(max_delay=6), tmp_path / "x.nir", form="axonal")
    assert len(told.splitlines()) == 5
    assert "first → second: synapses of one neuron have different delays" in told


def test_what_no_node_holds(tmp_path: Path) -> None:
    taus = [np.inf, 20.0, 20.0, 20.0]
    network = pair(DELAYS, populations=[Population("neurons", 4, tau_mem_ms=taus)])
    assert "neurons: some of its neurons leak" in refusal(network, tmp_path / "x.nir")
    network = pair(DELAYS, populations=[Population("neurons", 4, bias=0.1)])
    assert "run 1 steps ahead" in refusal(network, tmp_path / "x.nir", hops="free")
    assert "it spikes" in refusal(network, tmp_path / "x.nir", readout="current")


def test_too_many_nodes(tmp_path: Path) -> None:
    delay = np.arange(1200).reshape(300, 4)
    projection = Projection(INPUT, "neurons", np.ones((300, 4)), delay)
    network = pair(DELAYS, channels=InputChannels(300), projections=[projection])
    assert "needs 2400 nodes" in refusal(network, tmp_path / "x.nir")
    exporter.export(network, tmp_path / "x.nir", options=NirOptions(form="expander"))


@pytest.mark.parametrize("profile", PROFILES)
def test_every_peer_refuses_delays(profile: str, tmp_path: Path) -> None:
    told = refusal(layered_network(max_delay=3), tmp_path / "x.nir", profile=profile)
    assert "Delay" in told


@pytest.mark.parametrize(
    ("profile", "changes", "reasons"),
    [
        ("norse", {"readout": "population"}, ["out: norse 1.1.0 has nothing that integrates"]),
        ("snntorch", {}, ["runs recurrent connections wrongly"]),
        ("snntorch", {"nir_dt_s": 1e-3}, ["one of 0.0001 s steps", "recurrent connections"]),
        ("spikingjelly", {"hops": "delayed"}, ["refuses files with a Delay"]),
        ("norse", {"recurrent_step": "explicit"}, ["loop cost a step", "Delay"]),
        ("rockpool", {}, ["spike several times per step"]),
        (
            "rockpool",
            {"readout": "population"},
            ["out: rockpool 3.1.0 has nothing that integrates"],
        ),
        ("sinabs", {"hops": "delayed"}, ["drops every Delay silently"]),
        ("sinabs", {}, ["drops every Linear", "drops every CubaLIF", "several times per step"]),
    ],
)
def test_what_peers_break(
    profile: str, changes: dict[str, Any], reasons: list[str], tmp_path: Path
) -> None:
    options = {"profile": profile, "readout": "spikes", **changes}
    told = refusal(layered_network(), tmp_path / "x.nir", **options)
    assert all(reason in told for reason in reasons), told


@pytest.mark.parametrize("profile", ["norse", "snntorch", "spikingjelly"])
def test_neurons_that_peers_break(profile: str, tmp_path: Path) -> None:
    network = layered_network(recurrent=False)
    populations = [
        Population("first", 8, tau_mem_ms=np.arange(1, 9), bias=0.5),
        Population("second", 5, tau_mem_ms=np.inf, bias=0.5),
        *network.populations[2:],
    ]
    network = layered_network(recurrent=False, populations=populations)
    options: dict[str, Any] = {"profile": profile, "hops": "delayed"}
    told = refusal(network, tmp_path / "x.nir", **options)
    assert "first: its bias is v_leak" in told
    assert f"out: {profile}" in told
    assert ("first: its neurons differ" in told) == (profile != "norse")
    assert "whose bias is random" in told
    assert ("does not scale the input of an IF" in told) == (profile != "spikingjelly")


def test_shared_loops_and_late_inputs(tmp_path: Path) -> None:
    network = layered_network()
    back = Projection("second", "first", np.ones((5, 8)), np.ones((5, 8)))
    network = network.with_projections([*network.projections, back])
    told = refusal(network, tmp_path / "x.nir", profile="spikingjelly", readout="spikes")
    assert "first, second: they feed each other" in told
    skip = Projection(INPUT, "second", np.ones((CHANNELS, 5)), np.ones((CHANNELS, 5), int))
    network = layered_network(recurrent=False)
    network = network.with_projections([*network.projections, skip])
    told = refusal(network, tmp_path / "x.nir", profile="norse", readout="spikes")
    assert "arrives a step late" in told
    options = NirOptions(profile="spikingjelly", readout="spikes")
    exporter.export(network, tmp_path / "x.nir", options=options)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"form": "ring"}, "unknown form 'ring' of a NIR file"),
        ({"readout": "x"}, "unknown readout"),
        ({"recurrent_step": "x"}, "unknown recurrent step"),
        ({"hops": "x"}, "unknown hops"),
        ({"profile": "spyx"}, "unknown profile"),
        ({"nir_dt_s": 0.0}, "the step of a NIR file lies between"),
        ({"nir_dt_s": float("nan")}, "the step of a NIR file lies between"),
    ],
)
def test_unknown_options(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        NirOptions(**changes)


def test_inner_variables_are_not_compared(path: Path) -> None:
    with pytest.raises(UsageError, match="no inner variables"):
        exporter.run(path, noise(), deep=True)

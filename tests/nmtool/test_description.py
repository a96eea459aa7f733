"""Descriptions of networks and recordings as plain values."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import given, strategies as st

from nmtool.description import (
    count_synapses,
    describe_network,
    describe_population,
    describe_projection,
    describe_recording,
    network_line,
    projection_line,
    tables_of,
)
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.float_network import Network
from nmtool.network.float_parts import Population, Projection
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording
from tests.networks.drawn import float_networks, integer_networks, recordings
from tests.nmtool.cli.cases import CLASSES, N_UNITS, float_network, integer_network


@given(st.one_of(float_networks(), integer_networks()))
def test_every_network_is_described_in_plain_values(network: Network | IntegerNetwork) -> None:
    content = describe_network(network)
    assert json.loads(json.dumps(content)) == content
    assert content["hash"] == network.content_hash
    shapes = [np.prod(row["shape"], dtype=int) for row in content["projections"]]
    assert content["synapses"] == sum(shapes) - sum(row["zeros"] for row in content["projections"])
    assert content["synapses"] == count_synapses(network)
    for row, projection in zip(content["projections"], network.projections, strict=True):
        assert sum(row["delay_histogram"]) == projection.weight.size
        assert row["zeros"] == np.count_nonzero(projection.weight == 0)
    for table in tables_of("network", content):
        assert all(len(row) == len(table.header) for row in table.rows)
        assert str(table)


@given(recordings())
def test_every_recording_is_described_in_plain_values(recording: Recording) -> None:
    content = describe_recording(recording)
    assert json.loads(json.dumps(content)) == content
    assert content["samples"] == recording.n_samples
    spikes = {row["population"]: row["spikes"] for row in content["spikes"]}
    assert spikes == {name: raster.n_spikes for name, raster in recording.spikes.items()}
    assert [row["population"] for row in content["membranes"]] == list(recording.membrane)
    assert len(tables_of("recording", content)) >= 2


def test_a_float_network() -> None:
    content = describe_network(float_network())
    assert content["kind"] == "network"
    assert "source_hash" not in content
    assert (content["channels"], content["channel_group"]) == (N_UNITS, 1)
    assert (content["dt_ms"], content["steps"], content["max_delay"]) == (1.0, 30, 5)
    assert content["readout"] == {"population": "out", "rule": "mean"}
    assert content["classes"] == list(CLASSES)
    assert (content["neurons"], content["synapses"]) == (5, 27)
    hidden = content["populations"][0]
    assert hidden["tau_mem_ms"] == {"min": 20.0, "mean": 20.0, "max": 20.0}
    assert set(content["projections"][0]).isdisjoint({"weight_bits", "sign_mode"})


def test_an_integer_network() -> None:
    network = integer_network()
    content = describe_network(network)
    assert content["kind"] == "integer network"
    assert content["arithmetic"] == network.arithmetic
    assert content["source_hash"] == float_network().content_hash
    assert content["populations"][1]["vth"] == network.populations[1].vth
    row = content["projections"][0]
    assert (row["weight_bits"], row["sign_mode"]) == (8, network.projections[0].sign_mode)


def test_parts_alone_are_described_as_in_their_network() -> None:
    for network in (float_network(), integer_network()):
        content = describe_network(network)
        assert [describe_population(p) for p in network.populations] == content["populations"]
        assert [describe_projection(p) for p in network.projections] == content["projections"]


def test_a_recording_of_a_run() -> None:
    recording = simulate(integer_network(), Raster.from_dense(np.ones((2, 30, N_UNITS))))
    content = describe_recording(recording)
    assert content["kind"] == "recording"
    [row] = content["spikes"]
    assert (row["population"], row["neurons"], row["steps"]) == ("hidden", 3, 30)
    v = recording.membrane["out"]
    expected = {"min": int(v.min()), "mean": float(v.mean()), "max": int(v.max())}
    assert content["membranes"] == [
        {"population": "out", "neurons": 2, "steps": 30, "v": expected},
    ]


def test_one_line_descriptions() -> None:
    network = float_network()
    line = "4 channels, hidden 3 lif, out 2 li, 30 steps of 1 ms"
    assert network_line(network) == network_line(integer_network()) == line
    assert repr(network) == f"<Network: {line}>"
    line = "hidden → out: 3 × 2 synapses, delays 1 … 5"
    delay = np.array([[1, 5], [2, 2], [3, 3]])
    assert projection_line(Projection("hidden", "out", np.ones((3, 2)), delay)) == line
    nothing = Projection("a", "b", np.ones((0, 2)), np.ones((0, 2)))
    assert projection_line(nothing) == "a → b: 0 × 2 synapses"


def test_constants_that_differ_are_printed_as_ranges() -> None:
    population = Population("p", 3, tau_mem_ms=[5.0, 10.0, 20.0])
    [row] = population.tables()[0].rows
    cells = dict(zip(population.tables()[0].header, row, strict=True))
    assert cells["tau_mem_ms"] == "5 … 20"
    assert cells["threshold"] == "1"

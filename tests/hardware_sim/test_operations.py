"""Operation counts compared with a loop over spikes and synapses, and their properties."""

from __future__ import annotations

from collections import Counter as Bag
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from nmtool.hardware_sim.operations import Core, Counter, Operations, count_operations
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.float_network import Network
from nmtool.network.float_parts import Population, Projection
from nmtool.network.graph import INPUT, InputChannels
from nmtool.network.integer_network import IntegerNetwork
from nmtool.network.readout import Readout
from nmtool.raster import Raster
from nmtool.recording import Recording
from tests.networks.drawn import COUNTING, integer_networks, rasters
from tests.thorough import examples


def spikes_of(rasters: dict[str, Raster]) -> list[tuple[str, int, int, int]]:
    """Every neuron that spikes in a step, as (source, sample, step, neuron)."""
    return [
        (name, sample, int(step), int(neuron))
        for name, raster in rasters.items()
        for sample in range(raster.n_samples)
        for step, neuron in zip(raster[sample].step, raster[sample].neuron, strict=True)
    ]


def bag(counts: dict[str, np.ndarray] | tuple[np.ndarray, ...]) -> Bag:
    """Nonzero counts of [samples, steps] by name or number, sample and step."""
    pairs = counts.items() if isinstance(counts, dict) else enumerate(counts)
    return Bag(
        {
            (name, sample, step): int(array[sample, step])
            for name, array in pairs
            for sample, step in zip(*np.nonzero(array), strict=True)
        }
    )


@st.composite
def placed(draw: st.DrawFn) -> tuple[IntegerNetwork, list[Core], bool]:
    """A network, its parts divided among cores at random, and whether weights of 0 are stored."""
    network = draw(integer_networks(properties=COUNTING))
    parts = []
    for population in network.populations:
        cuts = draw(st.sets(st.integers(1, population.size), max_size=3)) - {population.size}
        bounds = [0, *sorted(cuts), population.size]
        parts += [(population.name, *ends) for ends in pairwise(bounds)]
    cores: list[list[tuple[str, int, int]]] = []
    for part in parts:
        if cores and draw(st.booleans()):
            cores[draw(st.integers(0, len(cores) - 1))].append(part)
        else:
            cores.append([part])
    return network, cores, draw(st.booleans())


@settings(max_examples=examples(1.5))
@given(st.data())
def test_counts_are_those_of_the_naive_loop(data: st.DataObject) -> None:
    network, cores, dense = data.draw(placed())
    channels = network.channels
    spikes = data.draw(rasters(channels.size, max_steps=20, most_spikes=channels.most_spikes))
    recording = simulate(network, spikes)
    operations = Counter(network, spikes, recording, cores, dense=dense).operations()
    events, read, emitted, messages = Bag(), Bag(), Bag(), Bag()
    for name, sample, step, neuron in spikes_of({INPUT: spikes, **recording.spikes}):
        emitted[name, sample, step] += 1
        for index, projection in enumerate(network.projections):
            if projection.source == name:
                events[index, sample, step] += sum(w != 0 for w in projection.weight[neuron])
                read[index, sample, step] += projection.shape[1]
        for core in cores:
            messages[name, sample, step] += any(
                projection.source == name
                and projection.target == population
                and (dense or projection.weight[neuron, post] != 0)
                for population, first, end in core
                for projection in network.projections
                for post in range(first, end)
            )
    assert bag(operations.synaptic_events) == +events
    assert bag(operations.synapses_read) == +read
    assert bag(operations.spikes) == +emitted
    assert bag(operations.messages) == +messages
    assert {n: c.tolist() for n, c in operations.neuron_updates.items()} == {
        p.name: np.full((spikes.n_samples, spikes.n_steps), p.size).tolist()
        for p in network.populations
    }


@settings(max_examples=examples(1.5))
@given(st.data())
def test_cores_share_the_work_among_them(data: st.DataObject) -> None:
    network, cores, dense = data.draw(placed())
    channels = network.channels
    spikes = data.draw(rasters(channels.size, max_steps=20, most_spikes=channels.most_spikes))
    counter = Counter(network, spikes, simulate(network, spikes), cores, dense=dense)
    whole, parts = counter.operations(), [counter.of_core(core) for core in cores]

    def total(name: str) -> np.ndarray:
        return sum(getattr(part, name) for part in parts)

    events = whole.synapses_read if dense else whole.synaptic_events
    none = np.zeros((spikes.n_samples, spikes.n_steps), int)
    inside = [name for name in whole.spikes if name != INPUT]
    assert total("neurons") == sum(population.size for population in network.populations)
    assert np.array_equal(total("synaptic_events"), sum(events, none))
    assert np.array_equal(total("spikes"), sum((whole.spikes[n] for n in inside), none))
    assert np.array_equal(total("messages_in"), sum(whole.messages.values(), none))
    assert np.array_equal(total("messages_out"), sum((whole.messages[n] for n in inside), none))


def test_synapses_of_weight_0_cost_nothing() -> None:
    weight = np.array([[1.0, 0.0, -2.0], [0.0, 0.0, 0.0]])
    network = Network(
        InputChannels(2),
        [Population("out", 3, "li")],
        [Projection(INPUT, "out", weight, np.zeros((2, 3), int))],
        Readout("out", "mean"),
        1.0,
        4,
    )
    spikes = Raster.from_dense(np.ones((5, 4, 2)))
    silence = Recording(network.readout, {}, {"out": np.zeros((5, 4, 3))})
    counted = count_operations(network, spikes, silence)
    assert isinstance(counted, Operations)
    assert (counted.spikes[INPUT] == 2).all()
    assert (counted.synaptic_events[0] == 2).all()
    assert (counted.synapses_read[0] == 6).all()
    assert (counted.messages[INPUT] == 1).all()
    assert counted.neuron_updates["out"].sum() == 3 * 4 * 5
    dense = Counter(network, spikes, silence, dense=True).operations()
    assert (dense.messages[INPUT] == 2).all()


def test_counts_beyond_32_bits_are_exact() -> None:
    size = 70_000
    weight = np.broadcast_to(np.int8(1), (1, size))
    network = Network(
        InputChannels(1),
        [Population("out", size, "li")],
        [Projection(INPUT, "out", weight, np.zeros((1, size), np.int8))],
        Readout("out", "mean"),
        1.0,
        1,
    )
    spikes = Raster.from_dense(np.ones((40_000, 1, 1)))
    silence = Recording(network.readout, {}, {"out": np.zeros((40_000, 1, 1))})
    counted = count_operations(network, spikes, silence).synaptic_events[0]
    assert counted.dtype == np.int64
    assert counted.sum() == 40_000 * size > 2**31


@pytest.mark.parametrize("steps", [1, 7])
def test_silence_counts_as_nothing(steps: int) -> None:
    network = Network(
        InputChannels(1),
        [Population("hidden", 2), Population("out", 2, "li")],
        [
            Projection(INPUT, "hidden", np.ones((1, 2)), np.zeros((1, 2), int)),
            Projection("hidden", "out", np.ones((2, 2)), np.zeros((2, 2), int)),
        ],
        Readout("out", "mean"),
        1.0,
        steps,
    )
    none = Raster.silent(3, steps, 2)
    silence = Recording(network.readout, {"hidden": none}, {"out": np.zeros((3, steps, 2))})
    counted = count_operations(network, Raster.silent(3, steps, 1), silence)
    for counts in (*counted.synaptic_events, *counted.spikes.values(), *counted.messages.values()):
        assert counts.shape == (3, steps)
        assert not counts.any()

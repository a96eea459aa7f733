"""Relays: networks with relays have the same spikes as networks with longer delays."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
from hypothesis import given, settings, strategies as st

import nmtool as nm
from nmtool.errors import UsageError
from nmtool.float_simulator import simulate_floats
from nmtool.hardware_sim.reference import run_reference
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.float_network import Network
from nmtool.network.float_parts import Projection
from nmtool.network.integer_network import IntegerNetwork, IntegerProjection
from nmtool.quantisation import DelayGrid, quantise_network
from nmtool.raster import Raster
from tests.refusals import refused
from tests.thorough import examples


def _network(seed: int, delays: int) -> Network:
    return Network.layers([6, "5@4+4@9/3", 3], delays=delays, n_steps=90, rate=6.0, seed=seed)


def _spikes(seed: int) -> Raster:
    return Raster.from_dense(np.random.default_rng(seed).random((3, 90, 6)) < 0.1)


# The number of examples is small, because scaling the initial weights takes most of the time.
@settings(max_examples=examples(0.8))
@given(seed=st.integers(0, 99), delays=st.integers(0, 40), longest=st.integers(0, 13))
def test_spikes_and_membranes_stay_the_same(seed: int, delays: int, longest: int) -> None:
    network, spikes = _network(seed, delays), _spikes(seed)
    relayed = network.with_relays(longest)
    assert relayed.max_delay <= longest
    before, after = simulate_floats(network, spikes), simulate_floats(relayed, spikes)
    for name, raster in before.spikes.items():
        assert raster.n_spikes > 0
        np.testing.assert_array_equal(after.spikes[name].dense(), raster.dense())
    np.testing.assert_allclose(after.membrane["output"], before.membrane["output"], atol=1e-12)


def test_a_relay_repeats_its_source_one_hop_and_the_longest_delay_later() -> None:
    network, spikes = _network(1, 40), _spikes(1)
    [incoming, *others] = network.projections
    late = network.with_projections(
        [replace(incoming, delay=np.full_like(incoming.delay, 40)), *others]
    )
    recording, dense = simulate_floats(late.with_relays(12), spikes), spikes.dense()
    np.testing.assert_array_equal(recording.spikes["input_relay1"].dense()[:, 13:], dense[:, :-13])
    np.testing.assert_array_equal(recording.spikes["input_relay3"].dense()[:, 39:], dense[:, :-39])
    assert not recording.spikes["input_relay3"].dense()[:, :39].any()


def test_a_relay_of_a_source_with_counts_is_refused_by_name() -> None:
    network = replace(_network(1, 40), channels=nm.InputChannels(6, most_spikes=3))
    assert network.with_relays(40) == network
    with refused(UsageError, "relay-counts") as caught:
        network.with_relays(12)
    assert "'input'" in caught.value.what


def test_only_needed_relays_are_added() -> None:
    network = _network(1, 12)
    [incoming, *_] = network.projections
    delay = incoming.delay.copy()
    delay[[1, 4], 0] = 20, 27
    late = network.with_projections([replace(incoming, delay=delay), *network.projections[1:]])
    relayed, spikes = late.with_relays(12), _spikes(1)
    assert [(p.name, p.size) for p in relayed.populations[:2]] == [
        ("input_relay1", 2), ("input_relay2", 1),
    ]  # fmt: skip
    recording = simulate_floats(relayed, spikes)
    np.testing.assert_array_equal(
        recording.spikes["input_relay2"].dense()[:, 26:, 0], spikes.dense()[:, :-26, 4]
    )
    assert network.with_relays(12).content_hash == network.content_hash
    [first, *others] = network.projections
    late = replace(first, delay=np.full_like(first.delay, 30), weight=np.zeros_like(first.weight))
    silent = network.with_projections([late, *others])
    assert silent.with_relays(12).max_delay == network.with_projections(others).max_delay
    assert len(silent.with_relays(12).populations) == len(network.populations)


def test_relays_get_unused_names() -> None:
    network = _network(1, 20)
    renamed = replace(network.populations[0], name="input_relay1")
    changes = {network.populations[0].name: renamed.name}
    projections = [
        Projection(
            changes.get(p.source, p.source), changes.get(p.target, p.target), p.weight, p.delay
        )
        for p in network.projections
    ]
    other = replace(
        network, populations=[renamed, *network.populations[1:]], projections=projections
    )
    names = [population.name for population in other.with_relays(12).populations]
    assert "input_relay1_" in names
    assert len(set(names)) == len(names)


def _folded(network: IntegerNetwork, longest: int) -> Any:
    """The equivalent of an integer network with relays: no relays, but delays beyond the limit."""
    sizes = {"input": network.channels.size} | {p.name: p.size for p in network.populations}
    # Each population has an entry: the source that it repeats, the repeated neurons of the source,
    # and the number of relays on the way.
    origin = {name: (name, np.arange(size), 0) for name, size in sizes.items()}
    for projection in network.projections:
        if "_relay" in projection.target:
            source, neurons, link = origin[projection.source]
            assert (np.count_nonzero(projection.weight, axis=0) == 1).all()
            indices = neurons[projection.weight.argmax(axis=0)]
            origin[projection.target] = source, indices, link + 1

    def folded(projection: IntegerProjection) -> Any:
        source, neurons, link = origin[projection.source]
        weight = np.zeros((sizes[source], sizes[projection.target]), np.int64)
        delay = np.zeros_like(weight)
        weight[neurons] = projection.shifted_weight
        delay[neurons] = projection.delay + link * (longest + 1)
        return SimpleNamespace(
            source=source,
            target=projection.target,
            shifted_weight=weight,
            delay=delay,
            runs_in=network.runs_in,
        )

    populations = [p for p in network.populations if "_relay" not in p.name]
    projections = [folded(p) for p in network.projections if "_relay" not in p.target]
    return SimpleNamespace(
        channels=network.channels,
        readout=network.readout,
        n_steps=network.n_steps,
        populations=populations,
        spiking=[p for p in populations if p.kind == "lif"],
        integrating=[p for p in populations if p.kind == "li"],
        projections=projections,
        max_delay=max(int(p.delay.max()) for p in projections),
    )


@settings(max_examples=examples(0.8))
@given(
    seed=st.integers(0, 99),
    delays=st.integers(0, 89),
    weight_bits=st.integers(2, 8),
    delay_bits=st.integers(2, 6),
)
def test_integers_with_relays_equal_integers_with_longer_delays(
    seed: int, delays: int, weight_bits: int, delay_bits: int
) -> None:
    network, spikes = _network(seed, delays), _spikes(seed)
    quantised = quantise_network(
        network, spikes, weight_bits=weight_bits, delay_bits=delay_bits, relays=True
    )
    grid = DelayGrid.spanning(delay_bits, network.max_delay)
    assert "delay-range" not in [finding.code for finding in quantised.findings]
    answers = simulate(quantised.network, spikes, deep=True)
    folded = _folded(quantised.network, grid.longest)
    assert abs(folded.max_delay - network.max_delay) <= grid.stride
    expected = run_reference(folded, spikes)
    for name, raster in expected.spikes.items():
        np.testing.assert_array_equal(answers.spikes[name].dense(), raster.dense())
    for name, current in expected.current.items():
        np.testing.assert_array_equal(answers.current[name], current)
    np.testing.assert_array_equal(answers.membrane["output"], expected.membrane["output"])


def test_quantise_compares_the_populations_that_the_float_network_has() -> None:
    network, spikes = _network(3, 80), _spikes(3)
    events = nm.SpikeEvents.from_dense(spikes.dense(), [0, 1, 2])
    quantised = nm.quantise(network, calibrate_on=spikes, compare_on=events, relays=True)
    assert quantised.network.source_hash == network.content_hash
    assert "input_relay1" in [population.name for population in quantised.network.populations]
    assert quantised.cost is not None
    assert quantised.cost.spikes_shared > 0.5
    cut = nm.quantise(network, calibrate_on=spikes, compare_on=events)
    assert "delay-range" in [finding.code for finding in cut.findings]


def test_a_limit_beyond_all_delays_needs_no_relay() -> None:
    network = _network(1, 5)
    assert network.with_relays(10**13) == network


def test_a_negative_longest_delay_is_refused() -> None:
    with refused(UsageError, "setting-range"):
        _network(1, 5).with_relays(-1)
    with refused(UsageError, "argument-type"):
        _network(1, 5).with_relays(3.0)  # type: ignore[arg-type]

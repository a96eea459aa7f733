"""Coverage: unexercised numbers can have any value without an effect."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from nmtool.arithmetic import SILENT_THRESHOLD, STATE_LIMIT
from nmtool.errors import DataError
from nmtool.hardware_sim.simulator import simulate
from nmtool.hardware_sim.state_bounds import state_bounds
from nmtool.network.graph import INPUT, LI, LIF, InputChannels
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.network.readout import Readout
from nmtool.raster import Raster
from nmtool.verification import compare_recordings
from nmtool.verification.coverage import coverage, exercised, first_spikes
from tests.networks.drawn import arithmetics, integer_networks, rasters
from tests.networks.integers import random_raster
from tests.refusals import refused
from tests.thorough import examples


def row(delay: int = 3, bias: int = 0, n_steps: int = 20) -> IntegerNetwork:
    """Two channels that excite one neuron and inhibit another, and an output."""
    return IntegerNetwork(
        InputChannels(2),
        [
            IntegerPopulation("cell", 2, LIF, 4094, 4095, 100, 1.0, bias_mantissa=[bias, 0]),
            IntegerPopulation("out", 1, LI, 400, 200, SILENT_THRESHOLD, 1.0, bias_mantissa=5),
        ],
        [
            IntegerProjection(
                INPUT, "cell", np.array([[200, -200], [0, -2]]), np.full((2, 2), delay)
            ),
            IntegerProjection("cell", "out", np.array([[8], [8]]), np.array([[0], [2]])),
        ],
        Readout("out", "max"),
        1.0,
        n_steps,
    )


def spike_at(step: int, n_steps: int = 20, channel: int = 0) -> Raster:
    return Raster.from_events(np.array([0]), np.array([step]), np.array([channel]), (1, n_steps, 2))


def test_coverage_of_one_spike() -> None:
    tally = coverage(row(), spike_at(0))
    first, second = tally.projections
    assert (first.label, first.synapses, first.synapses_exercised) == ("input → cell", 3, 2)
    assert (first.silent, first.late, first.beyond_reach) == ((1,), 0, 0)
    assert (second.synapses, second.synapses_exercised) == (2, 1)
    assert (second.delays, second.delays_exercised) == (1, 1), "the other delay is beyond reach"
    assert (second.silent, second.late, second.beyond_reach) == ((1,), 0, 1)
    cell, out = tally.populations
    assert (cell.neurons, cell.driven, cell.spiked, cell.biases) == (2, 2, 1, 0)
    assert (out.driven, out.spiked, out.biases, out.biases_exercised) == (1, 0, 1, 1)
    assert tally.counts()["synapses"] == (3, 4)
    assert tally.counts()["spiked"] == (1, 1)
    assert tally.counts()["thresholds"] == (1, 1)
    assert tally.beyond_reach == (1, 1)
    assert tally.sentence().startswith("exercised, of what some input can reach: 75.0% of synapses")
    assert len(tally.remarks()) == 2
    assert "\n" not in repr(tally)
    assert tally.as_json()["synapses"] == {"exercised": 3, "of": 4}
    assert tally.as_json()["beyond_reach"] == {"synapses": 1, "neurons": 1}
    assert "input → cell" in tally.summary()


def test_an_arrival_after_the_last_step_exercises_nothing() -> None:
    """A spike of step n over delay 3 arrives at step n + 4."""
    assert coverage(row(), spike_at(15)).projections[0].synapses_exercised == 2
    late = coverage(row(), spike_at(16)).projections[0]
    assert (late.synapses_exercised, late.late, late.silent) == (0, 2, (1,))


def test_channels_are_silent_in_samples_shorter_than_the_network() -> None:
    tally = coverage(row(), spike_at(0, 10), bounds=state_bounds(row(), 20)).projections[0]
    assert (tally.silent, tally.late) == ((1,), 0)


def test_a_bias_is_exercised_by_a_spike_or_a_compared_v() -> None:
    silent = Raster.silent(1, 20, 2)
    biased = row(bias=4)
    assert coverage(biased, silent).populations[0].biases_exercised == 0
    assert coverage(biased, silent, deep=True).populations[0].biases_exercised == 1
    assert coverage(biased, spike_at(0)).populations[0].biases_exercised == 1
    assert coverage(biased, Raster.silent(0, 20, 2), deep=True).populations[1].biases_exercised == 0


def test_full_coverage_has_no_remark() -> None:
    network = row()
    weight = np.array([[200, 200], [200, 200]])
    first = replace(network.projections[0], weight=weight)
    tally = coverage(
        replace(network, projections=[first, network.projections[1]]),
        Raster.from_dense(np.ones((1, 20, 2))),
    )
    assert tally.remarks() == []
    assert {part == of for part, of in tally.counts().values()} == {True}


def test_data_must_fit() -> None:
    with refused(DataError, "input-channels-differ"):
        coverage(row(), random_raster(0, 1, 20, 3))


@settings(max_examples=examples(0.8))
@given(st.data())
def test_weights_that_are_not_exercised_have_no_effect(data: st.DataObject) -> None:
    network = data.draw(integer_networks(data.draw(arithmetics)))
    spikes = data.draw(rasters(network.channels.size))
    recording = simulate(network, spikes, deep=True)
    first = first_spikes(network, spikes, recording)
    projections = []
    for projection in network.projections:
        unseen = ~exercised(projection, first, spikes.n_steps) & (projection.weight != 0)
        weight = np.where(unseen, 0, projection.weight)
        projections.append(replace(projection, weight=weight))
    other = simulate(replace(network, projections=projections), spikes, deep=True)
    assert compare_recordings(recording, other).identical
    assert coverage(network, spikes, recording).as_json() == coverage(network, spikes).as_json()


@settings(max_examples=examples(0.8))
@given(st.data())
def test_states_spikes_and_arrivals_stay_within_bounds(data: st.DataObject) -> None:
    network = data.draw(integer_networks(data.draw(arithmetics)))
    spikes = data.draw(rasters(network.channels.size))
    recording = simulate(network, spikes, deep=True)
    bounds = state_bounds(network, spikes.n_steps)
    first = first_spikes(network, spikes, recording)
    for population in network.populations:
        name, own = population.name, bounds.populations[population.name]
        v = (recording.potential if population.kind == LIF else recording.membrane)[name]
        assert (np.abs(recording.current[name].astype(np.int64)) <= own.u_size).all()
        assert (np.abs(v.astype(np.int64)) <= own.v_size).all()
        assert (first[name] >= np.minimum(bounds.earliest[name], spikes.n_steps)).all()
        if population.kind == LIF:
            assert recording.spikes[name].dense()[:, bounds.certain_spikes[name]].all()
    for projection in network.projections:
        seen = exercised(projection, first, spikes.n_steps)
        assert not (seen & ~bounds.arrives(projection)).any()


@pytest.mark.parametrize(("delay", "expected"), [(0, [1, 20]), (18, [19, 20]), (19, [20, 20])])
def test_the_first_step_at_which_a_neuron_can_spike(delay: int, expected: list[int]) -> None:
    bounds = state_bounds(row(delay), 20)
    assert bounds.earliest["cell"].tolist() == expected
    assert bounds.populations["out"].peak[0] < STATE_LIMIT
    assert bounds.earliest["out"].tolist() == [20]


def test_a_clock_that_inhibits_in_every_step_keeps_neurons_silent() -> None:
    """In a step, the second neuron gets at most 2 · 100 from channels, and −150 from the clock."""
    network = row()
    clock = IntegerPopulation("clock", 1, LIF, 4095, 4095, 1, 1.0, bias_mantissa=4000)
    to_cell = IntegerProjection("clock", "cell", np.array([[0, -150]]), np.array([[0, 0]]))
    weight = np.array([[200, 100], [0, 100]])
    excited = replace(network.projections[0], weight=weight, delay=np.full((2, 2), 3))
    clocked = replace(
        network,
        populations=[*network.populations, clock],
        projections=[excited, network.projections[1], to_cell],
    )
    bounds = state_bounds(clocked, 20)
    assert bounds.certain_spikes["clock"].all()
    assert bounds.earliest["cell"].tolist() == [4, 20]
    without = replace(clocked, projections=clocked.projections[:2])
    assert state_bounds(without, 20).earliest["cell"].tolist() == [4, 4]

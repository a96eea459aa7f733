"""Bounds of states and spikes over all inputs, and synapses over which spikes arrive in time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from nmtool.arithmetic import SILENT_THRESHOLD
from nmtool.hardware_sim.simulator import simulate
from nmtool.hardware_sim.state_bounds import state_bounds
from nmtool.network.graph import INPUT, LI, LIF, InputChannels
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.network.readout import Readout
from tests.networks.drawn import runs
from tests.thorough import examples

pytestmark = pytest.mark.usefixtures("tiny8")


def row(delay: int = 3) -> IntegerNetwork:
    """Two channels that excite one neuron and inhibit another, and an output."""
    return IntegerNetwork(
        InputChannels(2),
        [
            IntegerPopulation("cell", 2, LIF, 4094, 4095, 100, 1.0),
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
        20,
    )


@settings(max_examples=examples(0.8))
@given(st.data())
def test_spikes_stay_within_bounds(data: st.DataObject) -> None:
    network, spikes = data.draw(runs())
    recording = simulate(network, spikes)
    bounds = state_bounds(network, spikes.n_steps)
    for name, raster in recording.spikes.items():
        assert (raster.first_step() >= bounds.earliest[name]).all()
        assert raster.dense()[:, bounds.certain_spikes[name]].all()


@pytest.mark.parametrize(("delay", "expected"), [(0, [1, 20]), (18, [19, 20]), (19, [20, 20])])
def test_the_first_step_at_which_a_neuron_can_spike(delay: int, expected: list[int]) -> None:
    bounds = state_bounds(row(delay), 20)
    assert bounds.earliest["cell"].tolist() == expected
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

"""Saturation that matters: only if no spike resets the membrane anyway."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from nmtool.arithmetic import SILENT_THRESHOLD, STATE_LIMIT
from nmtool.hardware_sim.simulator import simulate
from nmtool.hardware_sim.step import neuron_step
from nmtool.network.graph import INPUT, LI, LIF, InputChannels
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.network.readout import FIRST_SPIKE, Readout
from nmtool.quantisation.calibration import SAMPLES_AT_ONCE, overflows, saturated_populations
from nmtool.raster import Raster
from nmtool.targets import LOIHI2


def one_neuron(kind: str, weight: int, *, du: int = 4000) -> IntegerNetwork:
    """A neuron without leak, driven by one channel with the largest exponent."""
    vth = LOIHI2.max_threshold if kind == LIF else SILENT_THRESHOLD
    return IntegerNetwork(
        InputChannels(1),
        [IntegerPopulation("cell", 1, kind, du=du, dv=0, vth=vth, scale=1.0)],
        [IntegerProjection(INPUT, "cell", np.array([[weight]]), np.array([[0]]), 8, 7)],
        Readout("cell", FIRST_SPIKE if kind == LIF else "max"),
        dt_ms=1.0,
        n_steps=30,
    )


def always(n_samples: int = 1) -> Raster:
    return Raster.from_dense(np.ones((n_samples, 30, 1)))


state = st.integers(1 - STATE_LIMIT, STATE_LIMIT - 1)


@given(state, state, st.integers(0, 4096), st.integers(0, LOIHI2.max_threshold))
def test_neurons_that_saturate_upwards_spike_anyway(u: int, v: int, keep_v: int, vth: int) -> None:
    after = neuron_step(0, u, v, 0, 4096, keep_v, vth)
    if after.clipped:
        assert after.spiked is (after.peak > 0)


@pytest.mark.parametrize(
    ("kind", "weight", "counts"),
    [(LIF, 255, False), (LIF, -255, True), (LI, 255, True), (LI, -255, True)],
)
def test_saturations_that_matter(kind: str, weight: int, counts: bool) -> None:
    network = one_neuron(kind, weight)
    recording = simulate(network, always(), deep=True)
    assert recording.counts["v_clips"] > 0
    assert saturated_populations(network, recording) == ({"cell"} if counts else set())
    assert overflows(network, always()) is counts


@pytest.mark.parametrize("kind", [LIF, LI])
def test_a_wrap_counts(kind: str) -> None:
    network = one_neuron(kind, 255, du=0)
    recording = simulate(network, always(), deep=True)
    assert recording.counts["u_wraps"] > 0
    assert overflows(network, always())


def test_the_last_of_many_samples_counts() -> None:
    network = one_neuron(LIF, -255)
    dense = np.zeros((2 * SAMPLES_AT_ONCE + 1, 30, 1), np.bool_)
    assert not overflows(network, Raster.from_dense(dense))
    dense[-1] = True
    assert overflows(network, Raster.from_dense(dense))

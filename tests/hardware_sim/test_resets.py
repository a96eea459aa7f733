"""Resets in the step of a neuron: to zero, by subtraction, and late."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, strategies as st

from nmtool.arithmetic import LOIHI2
from nmtool.hardware_sim.resets import spike_counts, spikes_in
from nmtool.hardware_sim.session import Session
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.graph import INPUT, LIF, MAX_SPIKES, RESETS, SUBTRACT, InputChannels
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.network.readout import FIRST_SPIKE, Readout
from nmtool.raster import Raster
from nmtool.testing.networks import random_network, random_raster, with_resets
from nmtool.verification.comparison import compare_recordings


def driven(
    reset: str, bias: int, dv: int, vth: int, reset_by: int | None, most_spikes: int = 1
) -> IntegerNetwork:
    """A neuron without input that its bias drives."""
    neuron = IntegerPopulation(
        "out",
        1,
        LIF,
        du=4095,
        dv=dv,
        vth=vth,
        scale=1.0,
        bias_mantissa=bias,
        bias_exponent=7,
        reset=reset,
        reset_by=reset_by if reset != "zero" else None,
        most_spikes=most_spikes,
    )
    nothing = IntegerProjection(INPUT, "out", np.zeros((1, 1)), np.zeros((1, 1)))
    return IntegerNetwork(
        InputChannels(1), [neuron], [nothing], Readout("out", FIRST_SPIKE), 1.0, 40
    )


@pytest.mark.parametrize("reset", RESETS)
@given(data=st.data())
def test_a_driven_neuron_does_as_the_equations_say(reset: str, data: st.DataObject) -> None:
    bias, dv = data.draw(st.integers(-4096, 4095)), data.draw(st.integers(0, 4095))
    vth = data.draw(st.integers(0, 131071) | st.integers(0, 9000))
    reset_by = data.draw(st.integers(1, vth + 131071) | st.integers(1, 9000))
    reset_by = min(reset_by, vth + 131071)
    most = data.draw(st.integers(1, 255)) if reset == SUBTRACT else 1
    network = driven(reset, bias, dv, vth, reset_by, most)
    recording = simulate(network, Raster.from_dense(np.zeros((1, 40, 1))), deep=True)
    v, spikes, lowest = 0, 0, LOIHI2.lowest
    for n in range(40):
        kept = int(np.sign(v)) * (abs(v) * (4096 - dv) >> 12)
        owed = reset_by << 6 if reset == "late" and spikes else 0
        v = min(max(kept + (bias << 7) - owed, lowest), -lowest)
        spikes = min(most, max(0, math.ceil(Fraction(v - (vth << 6), reset_by << 6))))
        if reset != "subtract":
            spikes = min(spikes, 1)
        if spikes and reset != "late":
            v = v - spikes * (reset_by << 6) if reset == "subtract" else 0
        assert recording.potential["out"][0, n, 0] == v
        assert recording.spikes["out"].dense_counts()[0, n, 0] == spikes
        assert lowest <= v <= -lowest


@given(st.integers(-(2**24), 2**24), st.integers(0, 2**23), st.integers(1, 2**24), st.data())
def test_spikes_in_equals_the_closed_form(
    peak: int, silent: int, drop: int, data: st.DataObject
) -> None:
    """n = min(most, ceil((peak − threshold) / drop)) in exact integers."""
    most = data.draw(st.integers(1, MAX_SPIKES))
    expected = min(most, max(0, math.ceil(Fraction(peak - silent, drop))))
    assert spikes_in(peak, peak > silent, silent, drop, most) == expected
    assert spike_counts(np.array([peak]), silent, drop, most).tolist() == [expected]


def test_a_neuron_far_above_its_threshold_spikes_in_a_row() -> None:
    bursts = driven("subtract", 4095, 0, 100, 100)
    recording = simulate(bursts, Raster.from_dense(np.zeros((1, 40, 1))))
    assert recording.spikes["out"].n_spikes == 40


@pytest.mark.parametrize("seed", range(4))
def test_a_session_carries_late_resets_from_call_to_call(seed: int) -> None:
    network = with_resets(random_network(seed, 2, True), seed)
    spikes = random_raster(seed, 1, network.n_steps, network.channels.size)
    session = Session(network, keep=spikes.n_steps)
    session.feed(spikes.neuron, spikes.step * network.dt_ms)
    for _ in range(spikes.n_steps):
        session.step(1)
    assert compare_recordings(simulate(network, spikes, deep=True), session.recent()).identical

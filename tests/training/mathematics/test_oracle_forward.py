"""The oracle's closed forms compared with their equations, and its runs with known results."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, strategies as st

from nmtool.errors import DataError, NetworkError
from nmtool.network.float_parts import Population
from tests.refusals import refused
from tests.training.mathematics.oracle import (
    ContinuousNetwork,
    ContinuousProjection,
    SpikeTimes,
    differentiate,
    simulate,
)
from tests.training.mathematics.oracle.closed_forms import (
    LifConstants,
    adjoint_before,
    adjoint_integral,
    advance,
    extremum,
    first_crossing,
    response,
    weighted_integral,
)

taus = st.sampled_from([3.0, 5.0, 5.0 * (1 + 1e-12), 5.0 * (1 + 1e-6), 20.0, 200.0])
biases = st.sampled_from([0.0, -0.4, 0.7, 1.5])
cells = st.builds(LifConstants, taus, taus, st.just(1.0), biases, st.just(1.0))
states = st.floats(-3, 3)
spans = st.floats(0.1, 30)
rates = st.sampled_from([0.0, 1e-9, 0.02, 0.3])


def quadrature(function: Callable[[float], float], end: float) -> float:
    """∫₀^end by Gauss-Legendre, exact to rounding for smooth functions."""
    nodes, weights = np.polynomial.legendre.leggauss(40)
    values = [function(0.5 * end * (1 + node)) for node in nodes]
    return float(0.5 * end * weights @ values)


# Tests of closed forms


@given(cells, states, states, spans)
def test_membrane_and_current_solve_their_equations(cell, v, i, delta):
    h = 1e-5
    before, now, after = (advance(cell, v, i, delta + by) for by in (-h, 0.0, h))
    slope_v, slope_i = ((after[k] - before[k]) / (2 * h) for k in (0, 1))
    assert cell.tau_mem * slope_v == pytest.approx(cell.bias + now[1] - now[0], abs=1e-7)
    assert cell.tau_syn * slope_i == pytest.approx(-now[1], abs=1e-7)
    assert advance(cell, v, i, 0.0) == pytest.approx((v, i), abs=1e-15)


def test_response_passes_smoothly_through_equal_time_constants():
    equal = response(LifConstants(5.0, 5.0, 1.0, 0.0, 1.0), 7.0)
    assert equal == pytest.approx(7 / 5 * math.exp(-7 / 5), rel=1e-15, abs=0)
    for sign in (-1, 1):
        for gap in (1e-14, 1e-10, 1e-6):
            near = response(LifConstants(5.0 * (1 + sign * gap), 5.0, 1.0, 0.0, 1.0), 7.0)
            assert near == pytest.approx(equal, rel=2 * gap + 1e-15, abs=0)


@given(cells, states, states, spans, rates)
def test_weighted_integral_is_the_integral(cell, v, i, delta, rate):
    expected = quadrature(lambda s: math.exp(-rate * s) * advance(cell, v, i, s)[0], delta)
    assert weighted_integral(cell, v, i, delta, rate) == pytest.approx(expected, abs=1e-10)


@given(cells, states, states)
def test_extremum_is_where_the_membrane_turns(cell, v, i):
    turn = extremum(cell, v, i)
    assume(0 < turn < 100)
    v_there, i_there = advance(cell, v, i, turn)
    assert i_there + cell.bias - v_there == pytest.approx(0, abs=1e-10)


@given(cells, states, states, spans, states, rates)
def test_adjoint_solves_its_equations(cell, lam_v, lam_i, delta, drive, rate):
    h = 1e-5
    earlier, now, later = (
        adjoint_before(cell, lam_v, lam_i, delta + by, drive, rate) for by in (h, 0.0, -h)
    )
    slope_v, slope_i = ((earlier[k] - later[k]) / (2 * h) for k in (0, 1))
    driven = drive * math.exp(rate * delta)
    scale = 1 + abs(driven)
    assert cell.tau_mem * slope_v == pytest.approx(driven - now[0], abs=1e-6 * scale)
    assert cell.tau_syn * slope_i == pytest.approx(now[0] - now[1], abs=1e-6 * scale)
    assert adjoint_before(cell, lam_v, lam_i, 0.0, drive, rate) == pytest.approx((lam_v, lam_i))


@given(cells, states, spans, states, rates)
def test_adjoint_integral_is_the_integral(cell, lam_v, delta, drive, rate):
    expected = quadrature(lambda s: adjoint_before(cell, lam_v, 0, s, drive, rate)[0], delta)
    integral = adjoint_integral(cell, lam_v, delta, drive, rate)
    assert integral == pytest.approx(expected, rel=1e-9, abs=1e-9)


# Tests of threshold crossings


@given(cells, st.floats(-3, 0.99), st.floats(-30, 30))
def test_first_crossing_is_the_first(cell, v, i):
    horizon = 40.0
    grid = np.linspace(0, horizon, 4001)
    above = np.array([advance(cell, v, i, delta)[0] > cell.threshold for delta in grid])
    crossing = first_crossing(cell, v, i, horizon)
    if above.any():
        first = int(above.argmax())
        assert crossing <= grid[first]
    if math.isfinite(crossing):
        v_there, i_there = advance(cell, v, i, crossing)
        assert v_there == pytest.approx(cell.threshold, abs=1e-12)
        assert i_there + cell.bias >= v_there
        assert not above[grid < crossing - 1e-9].any()


def test_a_crossing_between_two_moments_below_threshold_is_found():
    cell = LifConstants(20.0, 5.0, 1.0, 0.0, 1.0)
    assert advance(cell, 0.0, 7.0, 60.0)[0] < 1
    crossing = first_crossing(cell, 0.0, 7.0, 60.0)
    assert advance(cell, 0.0, 7.0, crossing)[0] == pytest.approx(1, abs=1e-14)
    assert crossing < extremum(cell, 0.0, 7.0)


@pytest.mark.parametrize("tau_syn", [5.0, 20.0, 20.0 * (1 + 1e-13), 50.0])
def test_grazing_is_decided_within_rounding(tau_syn):
    cell = LifConstants(20.0, tau_syn, 1.0, 0.0, 1.0)
    peak = advance(cell, 0.0, 1.0, extremum(cell, 0.0, 1.0))[0]
    assert math.isfinite(first_crossing(cell, 0.0, (1 + 1e-12) / peak, 500.0))
    assert math.isinf(first_crossing(cell, 0.0, (1 - 1e-12) / peak, 500.0))


def test_a_bias_above_threshold_spikes_without_input():
    cell = LifConstants(20.0, 5.0, 1.0, 1.5, 1.0)
    crossing = first_crossing(cell, 0.0, 0.0, 100.0)
    assert crossing == pytest.approx(20 * math.log(3), rel=1e-14, abs=0)
    # The membrane first falls, and then rises.
    inhibited = first_crossing(cell, 0.0, -8.0, 100.0)
    assert 20 * math.log(3) < inhibited < 100
    assert math.isinf(first_crossing(cell, 0.0, 0.0, 20.0))


# Tests of runs


def single(weight: float, delay_ms: float, kind: str = "lif", duration: float = 50.0):
    """A network of one channel and one neuron."""
    projection = ContinuousProjection("input", "n", [[weight]], [[delay_ms]])
    return ContinuousNetwork(1, [Population("n", 1, kind)], [projection], duration)


def events(*times: float) -> SpikeTimes:
    return SpikeTimes(np.array(times), np.zeros(len(times), int))


def test_a_spike_arrives_after_its_delay():
    reference = simulate(single(7.0, 0.0), events(2.0)).spikes["n"].time_ms
    assert reference.size == 1
    delayed = simulate(single(7.0, 3.25), events(2.0)).spikes["n"].time_ms
    assert delayed == pytest.approx(reference + 3.25, rel=1e-13, abs=0)


def test_reset_leaves_the_current():
    trace = simulate(single(30.0, 0.0), events(0.0))
    cell, times = LifConstants(20.0, 5.0, 1.0, 0.0, 1.0), trace.spikes["n"].time_ms
    assert times.size > 2
    for before, after in itertools.pairwise(times):
        current = 30 * math.exp(-before / 5)
        assert after - before == pytest.approx(first_crossing(cell, 0.0, current, 50.0))


def test_output_integral_and_what_arrives_after_the_end():
    trace = simulate(single(2.0, 10.0, "li"), events(1.0, 45.0), rate=0.02)
    cell = LifConstants(20.0, 5.0, math.inf, 0.0, 1.0)
    expected = quadrature(lambda s: math.exp(-0.02 * (11 + s)) * 2 * response(cell, s), 39.0)
    assert trace.integral["n"][0] == pytest.approx(expected, rel=1e-12, abs=0)
    assert len(trace.log) == 1


def test_what_arrives_after_the_end_has_no_gradient():
    network = single(2.0, 10.0, "li")
    trace = simulate(network, events(1.0, 45.0))
    gradients = differentiate(network, trace, {"n": np.ones(1)})
    assert gradients.spike_time["input"][0] != 0
    assert gradients.spike_time["input"][1] == 0


def test_a_self_connection_without_delay_acts_at_once_but_after_the_reset():
    recurrent = ContinuousProjection("n", "n", [[5.0]], [[0.0]])
    network = replace(single(7.0, 0.0), projections=[*single(7.0, 0.0).projections, recurrent])
    trace = simulate(network, events(0.0))
    first, second = trace.spikes["n"].time_ms[:2]
    current = 7 * math.exp(-first / 5) + 5
    cell = LifConstants(20.0, 5.0, 1.0, 0.0, 1.0)
    assert second - first == pytest.approx(first_crossing(cell, 0.0, current, 50.0))
    # q is taken before the neuron's own spike arrives back at the neuron.
    assert trace.log[1].q == pytest.approx(7 * math.exp(-first / 5) - 1)


def test_endless_firing_is_refused():
    recurrent = ContinuousProjection("n", "n", [[50.0]], [[0.0]])
    network = replace(single(7.0, 0.0), projections=[*single(7.0, 0.0).projections, recurrent])
    with refused(NetworkError, "spikes-without-end") as caught:
        simulate(network, events(0.0), max_spikes=500)
    assert "500" in caught.value.what


@pytest.mark.parametrize(
    ("time", "channel", "code"),
    [
        (1.0, 1, "units-range"),
        (-1.0, 0, "times-negative"),
        (np.nan, 0, "times-negative"),
    ],
)
def test_impossible_events_are_refused(time, channel, code):
    with refused(DataError, code):
        simulate(single(1.0, 0.0), SpikeTimes(np.array([time]), np.array([channel])))


def test_impossible_networks_are_refused():
    with refused(NetworkError, "delays-negative"):
        single(1.0, -0.1)
    with refused(NetworkError, "weights-not-finite"):
        single(np.nan, 1.0)
    with refused(NetworkError, "weights-delays-shape"):
        ContinuousProjection("input", "n", np.ones((1, 2)), np.ones((2, 1)))
    with refused(NetworkError, "network-untrainable"):
        replace(single(1.0, 0.0), populations=[Population("n", 1, tau_mem_ms=np.inf)])
    with refused(DataError, "events-lengths"):
        SpikeTimes(np.zeros(2), np.zeros(3, int))

"""Teacher forcing: its step is the simulator's, and recordings of a network deviate nowhere."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmtool.arithmetic import STATE_LIMIT
from nmtool.hardware_sim.causes import Case
from nmtool.hardware_sim.forced import Neurons, arrivals, arrived, fires, next_u, next_v
from nmtool.hardware_sim.simulator import simulate
from nmtool.hardware_sim.step import neuron_step
from nmtool.raster import Raster
from tests.networks import drawn as strategies

states = st.integers(-STATE_LIMIT, STATE_LIMIT)


@given(
    a=st.integers(-(2**31), 2**31 - 1),
    u=states,
    v=states,
    bias=st.integers(-(2**19), 2**19),
    keep_u=st.integers(0, 4096),
    keep_v=st.integers(0, 4096),
    vth=st.integers(0, 2**17),
)
def test_one_step(a: int, u: int, v: int, bias: int, keep_u: int, keep_v: int, vth: int) -> None:
    expected = neuron_step(a, u, v, bias, keep_u, keep_v, vth)
    neurons = Neurons(keep_u, keep_v, bias, vth << 6)
    new_u = next_u(np.array([u]), np.array([a]), neurons)
    peak = next_v(np.array([v]), new_u, neurons)
    assert (int(new_u[0]), int(peak[0])) == (expected.u, expected.peak)
    assert bool(fires(peak, neurons)[0]) == expected.spiked


@settings(max_examples=40)
@given(st.data(), st.booleans())
def test_a_network_is_predicted_by_itself(data: st.DataObject, deep: bool) -> None:
    network = data.draw(strategies.integer_networks())
    spikes = data.draw(strategies.rasters(network.channels.size))
    recording = simulate(network, spikes, deep=deep)
    case = Case(network, spikes, recording, range(spikes.n_samples))
    assert case.deep == deep
    assert case.touched == []


@given(st.data(), st.integers(-1, 1))
def test_arrivals_one_by_one(data: st.DataObject, lag: int) -> None:
    seed = data.draw(strategies.seeds)
    random = np.random.default_rng(seed)
    spikes = random.random((2, 9, 3)) < 0.4
    weight, delay = random.integers(-9, 9, (3, 2)), random.integers(0, 12, (3, 2))
    expected = np.zeros((2, 9, 2), np.int64)
    for sample, n, pre in np.argwhere(spikes):
        for post in range(2):
            due = n + 1 + lag + delay[pre, post]
            if due < 9:
                expected[sample, due, post] += weight[pre, post]
    assert np.array_equal(arrivals(spikes, weight, delay, lag), expected)
    if lag == 0:
        reach = arrived(spikes, delay[:, 1])
        assert np.array_equal(reach @ weight[:, 1], expected[:, :, 1])


@pytest.mark.parametrize("beyond", [0, 5])
def test_what_is_still_on_its_way_at_the_end(beyond: int) -> None:
    spikes = Raster.from_dense(np.eye(4)[None, :, :1][:, ::-1]).dense()
    found = arrivals(spikes, np.array([[7]]), np.array([[2]]), beyond=beyond)
    assert found.shape == (1, 4 + beyond, 1)
    assert np.flatnonzero(found).tolist() == ([6] if beyond else [])

"""The stepped reference's run: the recursion, delays, and errors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from nmtool.dynamics import current_gain, decay, drive_scale
from nmtool.errors import DataError, NetworkError
from nmtool.network.float_network import Network
from nmtool.network.graph import INPUT, LATE, LI, LIF, RESETS, SUBTRACT, TO_ZERO
from nmtool.raster import Raster
from nmtool.training.mathematics.reference import backward, forward
from tests.networks.resets import with_reset
from tests.networks.stepped import (
    CHANNELS,
    STEPS,
    input_at,
    n_hidden_spikes,
    none_hidden,
    random_input,
    single_neuron,
    tangled,
)
from tests.refusals import refused
from tests.thorough import examples


def _events(dense: np.ndarray) -> list[tuple[int, int]]:
    """Step and neuron of every spike of [steps, neurons] counts."""
    return [(int(n), int(i)) for n, i in np.argwhere(dense) for _ in range(dense[n, i])]


def run_by_hand(network: Network, dense: np.ndarray) -> dict[str, list[tuple[int, int]]]:
    """Spikes (step, neuron) of one sample, from a scalar transcription of the recursion.

    Args:
        network: the network to run.
        dense: [steps, channels], numbers of input spikes.
    """
    size = {p.name: p.size for p in network.populations}
    arriving: dict[tuple[str, int, int], float] = {}
    u = {(name, j): 0.0 for name in size for j in range(size[name])}
    v = dict(u)
    emitted: dict[str, list[tuple[int, int]]] = {name: [] for name in size}
    owed = dict.fromkeys(u, 0.0)
    emitted[INPUT] = _events(dense)
    for n in range(len(dense)):
        for p in network.populations:
            for j in range(p.size):
                tau_m, tau_s = p.tau_mem_ms[j], p.tau_syn_ms[j]
                alpha, beta = np.exp(-network.dt_ms / tau_m), np.exp(-network.dt_ms / tau_s)
                b = (1 - alpha) * tau_s / network.dt_ms * (1 - beta)
                u[p.name, j] = beta * u[p.name, j] + b * arriving.get((p.name, j, n), 0.0)
                v[p.name, j] = alpha * v[p.name, j] + u[p.name, j] + (1 - alpha) * p.bias[j]
                v[p.name, j] -= owed[p.name, j]
                owed[p.name, j] = 0.0
                if p.kind == LIF and v[p.name, j] > p.threshold[j]:
                    spikes = 1
                    if p.reset == TO_ZERO:
                        v[p.name, j] = 0.0
                    elif p.reset == SUBTRACT:
                        peak = v[p.name, j]
                        v[p.name, j] -= p.reset_by[j]
                        while v[p.name, j] > p.threshold[j] and spikes < p.most_spikes:
                            spikes += 1
                            v[p.name, j] = peak - spikes * p.reset_by[j]
                    else:
                        owed[p.name, j] = p.reset_by[j]
                    emitted[p.name] += [(n, j)] * spikes
        for q in network.projections:
            for step, i in emitted[q.source]:
                if step == n:
                    for j in range(size[q.target]):
                        key = q.target, j, n + 1 + int(q.delay[i, j])
                        arriving[key] = arriving.get(key, 0.0) + q.weight[i, j]
    return emitted


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("reset", "most"), [*((reset, 1) for reset in RESETS), (SUBTRACT, 2), (SUBTRACT, 30)]
)
def test_forward_is_the_recursion(seed, reset, most):
    rng = np.random.default_rng(seed)
    share = rng.uniform(0.3, 2) if most == 1 else 0.1
    network = with_reset(tangled(rng), reset, share, most)
    spikes = random_input(rng, most_spikes=most)
    trace = forward(network, spikes)
    assert n_hidden_spikes(trace) > 50
    assert {raster.most_spikes for raster in trace.spikes.values()} == {most}
    for sample, dense in enumerate(spikes.dense_counts()):
        expected = run_by_hand(network, dense)
        for name, raster in trace.spikes.items():
            assert _events(raster.take([sample]).dense_counts()[0]) == expected[name]


@pytest.mark.parametrize("delay", [0, 1, 7])
def test_a_spike_of_step_n_arrives_at_n_plus_one_plus_delay(delay):
    trace = forward(single_neuron(1.0, delay, kind=LI), input_at(3))
    current = trace.current["n"][0, :, 0]
    b = drive_scale(20.0, 5.0, 1.0)
    assert np.flatnonzero(current)[0] == 3 + 1 + delay
    assert current[3 + 1 + delay] == pytest.approx(b, rel=1e-15, abs=0)


@pytest.mark.parametrize("delay", [0, 2])
def test_a_self_connection_arrives_one_step_plus_its_delay_later(delay):
    trace = forward(single_neuron(60.0, 0, recurrent=(-60.0, delay)), input_at(0))
    silent = forward(single_neuron(60.0, 0), input_at(0))
    first = int(silent.spikes["n"].step[0])
    difference = trace.current["n"] - silent.current["n"]
    assert np.flatnonzero(difference[0, :, 0])[0] == first + 1 + delay


def test_the_threshold_must_be_exceeded():
    unbounded = forward(single_neuron(2.0, 0, kind=LI), input_at(0)).membrane["n"]
    peak = unbounded.max()
    assert forward(single_neuron(2.0, 0, threshold=peak), input_at(0)).spikes["n"].n_spikes == 0
    just_below = np.nextafter(peak, 0)
    assert (
        forward(single_neuron(2.0, 0, threshold=just_below), input_at(0)).spikes["n"].n_spikes == 1
    )


@settings(max_examples=examples(1))
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.1, 1.0, 4.0]),
    st.sampled_from(RESETS),
    st.floats(0.01, 3),
    st.sampled_from([1, 3, 255]),
)
def test_q_is_positive_and_its_bound_holds_while_the_bias_stays_below_threshold(
    seed, dt_ms, reset, share, most
):
    rng = np.random.default_rng(seed)
    most = most if reset == SUBTRACT else 1
    network = with_reset(replace(tangled(rng), dt_ms=dt_ms), reset, share, most)
    trace = forward(network, random_input(rng))
    for name, q in trace.q.items():
        p, raster = network.population(name), trace.spikes[name]
        at = raster.sample_index(), raster.step, raster.neuron
        b = drive_scale(p.tau_mem_ms, p.tau_syn_ms, dt_ms)[raster.neuron]
        kappa = current_gain(p.tau_syn_ms, dt_ms)[raster.neuron]
        assert (q > 0).all()
        assert (q >= (1 - kappa) * trace.current[name][at] / b).all()


def test_spikes_of_a_membrane_that_was_left_above_the_threshold_are_marked():
    """One spike of the input lifts v by several c: the first spike is a crossing, most are not.

    A late reset by α·c, which is subtracted after the decay, equals a reset by c.
    """
    alpha = decay(20.0, 1.0)
    network = single_neuron(20.0, 0)
    for reset, c in ((SUBTRACT, 0.2), (LATE, 0.2 * alpha)):
        trace = forward(with_reset(network, reset, c), input_at(0))
        steps, q = trace.spikes["n"].step, trace.q["n"]
        assert (np.isinf(q) == (trace.crossings["n"] == 0)).all()
        spiked, v = np.isin(np.arange(STEPS), steps), trace.membrane["n"][0, :, 0]
        after = v - (0.2 * spiked if reset == LATE else 0)
        assert (np.isinf(q) == (after[steps - 1] > 1)).all()
        assert np.isfinite(q[0])
        assert np.isinf(q).sum() >= 3


def test_samples_of_a_batch_run_as_if_alone():
    rng = np.random.default_rng(0)
    network, spikes = tangled(rng), random_input(rng, samples=3)
    together = forward(network, spikes)
    for sample in range(3):
        alone = forward(network, spikes.take([sample]))
        for name, membrane in alone.membrane.items():
            assert np.array_equal(membrane[0], together.membrane[name][sample])


@pytest.mark.parametrize("key", ["tau_mem_ms", "tau_syn_ms"])
@pytest.mark.parametrize("tau", [0.0, np.inf])
def test_time_constants_without_a_gradient_are_refused(key, tau):
    network = none_hidden(np.random.default_rng(0))
    population = replace(network.population("out"), **{key: [5.0, tau, 5.0]})
    with refused(NetworkError, "network-untrainable"):
        forward(replace(network, populations=[population]), random_input(np.random.default_rng(0)))


def test_arrays_that_do_not_fit_are_refused():
    rng = np.random.default_rng(0)
    network, spikes = tangled(rng), random_input(rng)
    trace = forward(network, spikes)
    for wrong, code, names in (
        (({"a": trace.membrane["a"]},), "gradient-unexpected", ("d_membrane", "'a'")),
        (({"out": np.zeros((1, STEPS, 3))},), "gradient-shape", ("d_membrane", "'out'")),
        (({}, {"a": np.zeros(1)}), "gradient-shape", ("d_spike_time", "'a'")),
        (({}, {"out": np.zeros(1)}), "gradient-unexpected", ("d_spike_time", "'out'")),
        (({}, None, {"b": np.zeros(4)}), "gradient-shape", ("push", "'b'")),
    ):
        with refused(DataError, code) as caught:
            backward(network, spikes, trace, *wrong)
        assert all(name in caught.value.what for name in names)
    with refused(DataError, "input-channels-differ"):
        forward(network, Raster.from_dense(np.zeros((1, STEPS, CHANNELS + 1))))

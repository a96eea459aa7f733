"""Exact properties of the stepped reference's gradients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from nmtool.dynamics import decay, drive_scale, membrane_gain
from nmtool.network.graph import INPUT, LATE, LI, LIF, RESETS, SUBTRACT, TO_ZERO
from nmtool.training.mathematics.reference import Gradients, Trace, backward, forward
from tests.networks.resets import with_reset
from tests.networks.stepped import (
    SAMPLES,
    STEPS,
    input_at,
    n_hidden_spikes,
    none_hidden,
    random_input,
    single_neuron,
    tangled,
)

# Tests that gradients into outputs are exact

PROFILE = np.exp(-np.arange(STEPS) / STEPS)[:, None] / STEPS


def cross_entropy(trace: Trace) -> tuple[float, dict[str, np.ndarray]]:
    """Cross-entropy of class 1 for the softmax of weighted means, and its gradient ∂L/∂v."""
    z = 2 * (PROFILE * trace.membrane["out"]).sum(axis=1)
    log_sum = np.log(np.exp(z).sum(axis=1, keepdims=True))
    slope = 2 * (np.exp(z - log_sum) - np.eye(z.shape[1])[1])
    return float((log_sum[:, 0] - z[:, 1]).sum()), {"out": slope[:, None, :] * PROFILE}


def slope_by_differences(loss: Callable[[np.ndarray], float], x: np.ndarray) -> np.ndarray:
    """Slope by central differences of fourth order."""
    h, slope = 1e-3, np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        value = []
        for by in (-2, -1, 1, 2):
            moved = x.copy()
            moved[place] += by * h
            value.append(loss(moved))
        slope[place] = (8 * (value[2] - value[1]) - (value[3] - value[0])) / (12 * h)
    return slope


@pytest.mark.parametrize(
    ("build", "reset", "most"),
    [
        (none_hidden, TO_ZERO, 1),
        *((tangled, reset, 1) for reset in RESETS),
        (none_hidden, SUBTRACT, 4),
        (tangled, SUBTRACT, 4),
    ],
)
def test_gradients_into_the_output_agree_with_differences(build, reset, most):
    rng = np.random.default_rng(1)
    network = with_reset(build(rng), reset, 0.8 if most == 1 else 0.2, most)
    spikes = random_input(rng, most_spikes=most)
    trace = forward(network, spikes)
    assert build is none_hidden or n_hidden_spikes(trace) > 50
    assert {r.most_spikes for r in (spikes, *trace.spikes.values())} == {most}
    gradients = backward(network, spikes, trace, cross_entropy(trace)[1])

    for index, projection in enumerate(network.projections):
        if projection.target != "out":
            continue

        def by_weight(weight, index=index, projection=projection):
            projections = list(network.projections)
            projections[index] = replace(projection, weight=weight)
            return cross_entropy(forward(network.with_projections(projections), spikes))[0]

        expected = slope_by_differences(by_weight, projection.weight)
        assert np.abs(gradients.weight[index] - expected).max() <= 1e-9 * np.abs(expected).max()

    def by_bias(bias):
        populations = [replace(p, bias=bias) if p.name == "out" else p for p in network.populations]
        return cross_entropy(forward(replace(network, populations=populations), spikes))[0]

    expected = slope_by_differences(by_bias, network.population("out").values("bias"))
    assert np.abs(gradients.bias["out"] - expected).max() <= 1e-9 * np.abs(expected).max()


def linear_loss(rng, trace: Trace) -> dict[str, np.ndarray]:
    return {"out": rng.normal(size=trace.membrane["out"].shape)}


def loss_value(slopes: dict[str, np.ndarray], trace: Trace) -> float:
    return float((slopes["out"] * trace.membrane["out"]).sum())


@pytest.mark.parametrize("build", [tangled, none_hidden])
def test_one_step_more_of_an_output_delay(build):
    """The gradient of a delay equals the change of the loss if the delay is one step longer."""
    rng = np.random.default_rng(2)
    network, spikes = build(rng), random_input(rng)
    trace = forward(network, spikes)
    slopes = linear_loss(rng, trace)
    gradients = backward(network, spikes, trace, slopes)
    for index, projection in enumerate(network.projections):
        if projection.target != "out":
            continue
        for pre, post in np.ndindex(projection.shape):
            delay = projection.delay.copy()
            delay[pre, post] += 1
            projections = list(network.projections)
            projections[index] = replace(projection, delay=delay)
            moved = forward(network.with_projections(projections), spikes)
            difference = loss_value(slopes, moved) - loss_value(slopes, trace)
            gradient = gradients.delay[index][pre, post]
            assert difference == pytest.approx(gradient, rel=1e-9, abs=1e-11)


# Tests of the whole backward pass against a forward tangent


def tangent(network, spikes, trace, d_weight, d_delay, d_bias) -> tuple[dict, dict, dict]:
    """First-order change of the run when the parameters change: the adjoint's equations, forwards.

    At a spike, δt = −(τm/q)·δv, and the reset changes δv to (1 + f/q)·δv, where f is θ or c. A late
    reset leaves δv, and in the next step f is c and takes part in no decay. If a spike arrives δt
    later, w·b·δt/τs is added to u and −w·δt/τm to v. If its delay is δd steps longer, w·b·δd is
    taken from the step of its arrival and added to the next step. The spikes of a bin follow each
    other, first those that are left over, with q = ∞, then crossings, whose q rises by c each.

    Returns δv before the resets of every bin, per population, and summed over the spikes of a bin
    δt (ms) and this δv.
    """
    shape = spikes.n_samples, STEPS
    rasters = {INPUT: spikes, **trace.spikes}
    emitted = {name: raster.dense_counts().astype(int) for name, raster in rasters.items()}
    q_at = {name: np.ones(emitted[name].shape) for name in trace.q}
    left_over = {name: emitted[name].copy() for name in trace.q}
    for name, q in trace.q.items():
        q_at[name][emitted[name] > 0] = q
        left_over[name][emitted[name] > 0] -= trace.crossings[name]
    into_u = {p.name: np.zeros((*shape, p.size)) for p in network.populations}
    into_v = {p.name: np.zeros((*shape, p.size)) for p in network.populations}
    dv = {p.name: np.zeros((*shape, p.size)) for p in network.populations}
    dt = {name: np.zeros(counts.shape) for name, counts in emitted.items()}
    at_spikes = {name: np.zeros(counts.shape) for name, counts in emitted.items()}
    last_u = {p.name: np.zeros((shape[0], p.size)) for p in network.populations}
    last_v = {p.name: np.zeros((shape[0], p.size)) for p in network.populations}
    owed = {p.name: np.zeros((shape[0], p.size)) for p in network.populations}
    for n in range(STEPS):
        for p in network.populations:
            name, tau_m = p.name, p.tau_mem_ms
            last_u[name] = decay(p.tau_syn_ms, 1.0) * last_u[name] + into_u[name][:, n]
            change = decay(tau_m, 1.0) * last_v[name] + last_u[name] + into_v[name][:, n]
            change += owed[name]
            dv[name][:, n] = change + membrane_gain(tau_m, 1.0) * d_bias[name]
            last_v[name] = dv[name][:, n].copy()
            if p.kind == LIF:
                fall = p.threshold if p.reset == TO_ZERO else p.reset_by
                owed[name] = np.zeros_like(last_v[name])
                at_spikes[name][:, n] = emitted[name][:, n] * last_v[name]
                for k in range(emitted[name][:, n].max()):
                    fired, earlier = k < emitted[name][:, n], k - left_over[name][:, n]
                    q = np.where(earlier < 0, np.inf, q_at[name][:, n] + earlier * fall)
                    dt[name][:, n] += np.where(fired, -tau_m / q * last_v[name], 0.0)
                    taken = np.where(fired, last_v[name] / q * fall, 0.0)
                    (owed if p.reset == LATE else last_v)[name] += taken
        for index, projection in enumerate(network.projections):
            p = network.population(projection.target)
            b = drive_scale(p.tau_mem_ms, p.tau_syn_ms, 1.0)
            for sample, i in np.argwhere(emitted[projection.source][:, n]):
                for j in range(p.size):
                    m, w = n + 1 + projection.delay[i, j], projection.weight[i, j]
                    if m < STEPS:
                        times = emitted[projection.source][sample, n, i]
                        later = dt[projection.source][sample, n, i]
                        longer = times * d_delay[index][i, j]
                        extra = times * d_weight[index][i, j]
                        extra += w * (later / p.tau_syn_ms[j] - longer)
                        into_u[p.name][sample, m, j] += b[j] * extra
                        into_v[p.name][sample, m, j] -= w * later / p.tau_mem_ms[j]
                        if m + 1 < STEPS:
                            into_u[p.name][sample, m + 1, j] += b[j] * w * longer
    filled = {name: emitted[name] > 0 for name in trace.q}
    return dv, *({k: of[k][filled[k]] for k in trace.q} for of in (dt, at_spikes))


@pytest.mark.parametrize(
    ("seed", "reset", "share", "most"),
    [
        *[(0, TO_ZERO, 1, 1), (1, TO_ZERO, 1, 1), (2, SUBTRACT, 1, 1), (3, SUBTRACT, 0.2, 1)],
        *[(4, LATE, 0.2, 1), (5, SUBTRACT, 0.2, 3), (6, SUBTRACT, 0.1, 255)],
    ],
)
def test_backward_is_the_transpose_of_the_tangent(seed, reset, share, most):
    rng = np.random.default_rng(seed)
    network = with_reset(tangled(rng), reset, share, most)
    spikes = random_input(rng, most_spikes=min(most, 5))
    trace = forward(network, spikes)
    assert n_hidden_spikes(trace) > 50
    crossings = np.concatenate([*trace.crossings.values()])
    left_over = np.concatenate([r.bin_counts() for r in trace.spikes.values()]) - crossings
    assert share == 1 or left_over.sum() > 20
    assert most == 1 or ((left_over > 0) & (crossings > 0)).sum() > 10
    assert (crossings.max() > 1) == (most > 1)
    d_membrane = linear_loss(rng, trace)
    d_spike_time = {name: rng.normal(size=q.size) for name, q in trace.q.items()}
    push = {name: rng.normal(size=network.population(name).size) for name in trace.q}
    gradients = backward(network, spikes, trace, d_membrane, d_spike_time, push)

    d_weight = [rng.normal(size=p.shape) for p in network.projections]
    d_delay = [rng.normal(size=p.shape) for p in network.projections]
    d_bias = {p.name: rng.normal(size=p.size) for p in network.populations}

    def agree(weight, delay, bias, analytic):
        dv, dt, at_spikes = tangent(network, spikes, trace, weight, delay, bias)
        change = (d_membrane["out"] * dv["out"]).sum()
        for name, raster in trace.spikes.items():
            change += d_spike_time[name] @ dt[name] + push[name][raster.neuron] @ at_spikes[name]
        assert analytic == pytest.approx(change, rel=1e-10, abs=1e-12)

    no_weight = [np.zeros(p.shape) for p in network.projections]
    no_bias = {p.name: np.zeros(p.size) for p in network.populations}
    for index in range(len(network.projections)):
        only_weight, only_delay = list(no_weight), list(no_weight)
        only_weight[index], only_delay[index] = d_weight[index], d_delay[index]
        agree(only_weight, no_weight, no_bias, (gradients.weight[index] * d_weight[index]).sum())
        agree(no_weight, only_delay, no_bias, (gradients.delay[index] * d_delay[index]).sum())
    for name in no_bias:
        agree(
            no_weight,
            no_weight,
            no_bias | {name: d_bias[name]},
            gradients.bias[name] @ d_bias[name],
        )


def test_the_push_comes_after_the_jump():
    network, spikes = single_neuron(40.0, 0), input_at(0)
    trace = forward(network, spikes)
    steps, q = trace.spikes["n"].step, trace.q["n"]
    assert steps.size >= 2
    mu_v = backward(network, spikes, trace, {}, push={"n": np.array([0.7])}).mu_v["n"][0, :, 0]
    alpha = decay(20.0, 1.0)
    assert not mu_v[steps[-1] + 1 :].any()
    assert mu_v[steps[-1]] == 0.7
    carried = alpha ** (steps[-1] - steps[-2]) * 0.7
    assert mu_v[steps[-2]] == pytest.approx(carried * (1 + 1 / q[-2]) + 0.7, rel=1e-13, abs=0)


# Tests of batches


def add(first: Gradients, second: Gradients) -> Gradients:
    return Gradients(
        [a + b for a, b in zip(first.weight, second.weight, strict=True)],
        [a + b for a, b in zip(first.delay, second.delay, strict=True)],
        {name: first.bias[name] + second.bias[name] for name in first.bias},
        {k: np.concatenate([first.spike_time[k], second.spike_time[k]]) for k in first.spike_time},
        {name: np.concatenate([first.mu_v[name], second.mu_v[name]]) for name in first.mu_v},
        {name: np.concatenate([first.mu_u[name], second.mu_u[name]]) for name in first.mu_u},
    )


def test_a_batch_of_two_is_the_sum_of_both():
    rng = np.random.default_rng(6)
    network, spikes = tangled(rng), random_input(rng)
    trace = forward(network, spikes)
    d_membrane = linear_loss(rng, trace)
    d_spike_time = {name: rng.normal(size=q.size) for name, q in trace.q.items()}
    together = backward(network, spikes, trace, d_membrane, d_spike_time)
    parts = []
    for sample in range(SAMPLES):
        single = spikes.take([sample])
        sample_slopes = {
            k: d_spike_time[k][r.sample_index() == sample] for k, r in trace.spikes.items()
        }
        slopes = {"out": d_membrane["out"][[sample]]}
        parts.append(backward(network, single, forward(network, single), slopes, sample_slopes))
    apart = add(*parts)
    for key in ("weight", "delay"):
        for a, b in zip(getattr(together, key), getattr(apart, key), strict=True):
            assert a == pytest.approx(b, rel=1e-10, abs=1e-12)
    for key in ("bias", "spike_time", "mu_v", "mu_u"):
        for name, array in getattr(together, key).items():
            assert array == pytest.approx(getattr(apart, key)[name], rel=1e-10, abs=1e-12)


def test_what_arrives_after_the_last_step_is_lost():
    network = single_neuron(1.0, STEPS - 3, kind=LI)
    # The first spike arrives in the last step. The second spike arrives after the last step.
    spikes = input_at(1, 2)
    trace = forward(network, spikes)
    ones = {"n": np.ones((1, STEPS, 1))}
    gradients = backward(network, spikes, trace, ones)
    b = drive_scale(20.0, 5.0, 1.0)
    assert np.flatnonzero(trace.current["n"]) == [STEPS - 1]
    assert gradients.weight[0][0, 0] == pytest.approx(b, rel=1e-14, abs=0)
    assert gradients.spike_time[INPUT] == pytest.approx([b / 5 - 1 / 20, 0.0], rel=1e-13, abs=0)
    assert gradients.delay[0][0, 0] == pytest.approx(-b, rel=1e-14, abs=0)

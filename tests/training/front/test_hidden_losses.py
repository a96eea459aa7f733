"""Losses on hidden spikes, compared with manual results and the reference's gradients."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from nmtool.errors import UsageError
from nmtool.raster import Raster
from nmtool.training.engines.spike_trains import SpikeTrains
from nmtool.training.front.losses import first_spike_ms, spike_distance
from nmtool.training.front.model import SpikingNetwork
from nmtool.training.mathematics import reference
from tests.networks.resets import with_several_resets
from tests.networks.trainable import random_input, random_network
from tests.refusals import refused

pytestmark = pytest.mark.torch

TAU = 7.0


def _distance(first: Raster, times: np.ndarray, second: Raster, dt_ms: float) -> float:
    """The distance by its definition, with closed-form integrals; `times`: of bins of `first`."""
    total = 0.0
    for sample in range(first.n_samples):
        for neuron in range(first.n_neurons):
            first_range = slice(first.offset[sample], first.offset[sample + 1])
            second_range = slice(second.offset[sample], second.offset[sample + 1])
            mine = first.neuron[first_range] == neuron
            theirs = second.neuron[second_range] == neuron
            a = np.repeat(times[first_range][mine], first.bin_counts()[first_range][mine])
            step, count = second.step[second_range], second.bin_counts()[second_range]
            b = np.repeat(step[theirs], count[theirs]) * dt_ms
            signs = np.r_[np.ones(a.size), -np.ones(b.size)]
            t = np.r_[a, b]
            total += 0.5 * signs @ np.exp(-np.abs(t[:, None] - t) / TAU) @ signs
    return total / first.n_samples


def _trains(*spikes: tuple[int, int, int]) -> SpikeTrains:
    dense = np.zeros((2, 20, 3), bool)
    for sample, step, neuron in spikes:
        dense[sample, step, neuron] = True
    return SpikeTrains.from_raster(Raster.from_dense(dense))


def test_distances_by_hand() -> None:
    first, second = _trains((0, 4, 1)), _trains((0, 9, 1))
    nothing = _trains().raster()
    assert spike_distance(first, first.raster(), TAU, 0.5).item() == pytest.approx(0, abs=1e-6)
    assert spike_distance(first, nothing, TAU, 0.5).item() == pytest.approx(0.25)
    apart = 1 - math.exp(-5 * 0.5 / TAU)
    assert spike_distance(first, second.raster(), TAU, 0.5).item() == pytest.approx(apart / 2)
    elsewhere = _trains((1, 4, 1)).raster()
    assert spike_distance(first, elsewhere, TAU, 0.5).item() == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("topology", "most"), [("recurrent", 1), ("two layers", 1), ("recurrent", 3)]
)
def test_gradients_are_those_of_the_reference(topology: str, most: int) -> None:
    network = with_several_resets(random_network(topology, seed=1), 0, most)
    spikes = random_input(network, 4, seed=2)
    trace = reference.forward(network, spikes)
    name, emitted = next(iter(trace.spikes.items()))
    rng = np.random.default_rng(3)
    shape = 4, emitted.n_steps, emitted.n_neurons
    density = emitted.n_filled / emitted.n_bins
    target = Raster.from_dense((rng.random(shape) < density) * rng.integers(1, most + 1, shape))
    times = emitted.step * network.dt_ms
    # If a spike of one train coincides with a spike of the other train, the distance has a kink
    # there, and finite differences fail.
    coincident = target.dense()[
        np.repeat(np.arange(4), np.diff(emitted.offset)), emitted.step, emitted.neuron
    ]
    tiny, slopes = 1e-5, np.zeros(emitted.n_filled)
    for spike in np.flatnonzero(~coincident):
        for sign in (1, -1):
            moved = times.astype(float)
            moved[spike] += sign * tiny
            slopes[spike] += sign * _distance(emitted, moved, target, network.dt_ms) / (2 * tiny)
    model = SpikingNetwork(network, dtype=torch.float64)
    activity = model(spikes)
    loss = spike_distance(activity.spikes[name], target, TAU, network.dt_ms)
    assert loss.item() == pytest.approx(_distance(emitted, times, target, network.dt_ms))
    times_ms = activity.spikes[name].time_ms
    direct = torch.autograd.grad(loss, times_ms, retain_graph=True)[0].numpy()
    np.testing.assert_allclose(direct[~coincident], slopes[~coincident], atol=1e-7)
    loss.backward()
    expected = reference.backward(
        network, spikes, trace,
        {p.name: np.zeros((4, network.n_steps, p.size)) for p in network.populations
         if p.kind == "li"},
        d_spike_time={n: direct / r.bin_counts() if n == name else np.zeros(r.n_filled)
                      for n, r in trace.spikes.items()},
    )  # fmt: skip
    any_gradient = False
    for index, projection in enumerate(model.synapses):
        for grad, expected_gradient in (
            (projection.weight.grad, expected.weight[index]),
            (projection.delay.grad, expected.delay[index]),
        ):
            gradient = np.zeros_like(expected_gradient) if grad is None else grad.numpy()
            scale = max(np.abs(expected_gradient).max(), 1e-12)
            np.testing.assert_allclose(gradient, expected_gradient, atol=1e-9 * scale, rtol=0)
            any_gradient |= bool(np.abs(expected_gradient).max() > 0)
    assert any_gradient


def test_impossible_comparisons_are_refused() -> None:
    trains = _trains((0, 4, 1))
    with refused(UsageError, "loss-targets"):
        spike_distance(trains, Raster.silent(2, 20, 4), TAU, 1.0)
    with refused(UsageError, "argument-type"):
        spike_distance(trains.raster(), trains.raster(), TAU, 1.0)  # type: ignore[arg-type]
    with refused(UsageError, "argument-type"):
        first_spike_ms(trains.raster(), 1.0)  # type: ignore[arg-type]
    assert replace(trains, time_ms=None).time_ms is None


def test_first_spike_times_of_hidden_neurons_have_gradients() -> None:
    network = random_network("recurrent", seed=1)
    model = SpikingNetwork(network, dtype=torch.float64)
    spikes = random_input(network, 6, seed=2)
    name = next(iter(model(spikes).spikes))
    first_spike_ms(model(spikes).spikes[name], network.dt_ms).mean().backward()
    assert model.synapses[0].weight.grad is not None
    assert model.synapses[0].weight.grad.abs().sum() > 0

"""Gradients of the CPU engine against finite differences, where the stepped program is smooth.

It is smooth where no spike changes its step: in synapses into outputs, and in synapses that move a
membrane between spikes that are left over. Both hold with any reset, and with counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from nmtool.network.float_network import Network
from nmtool.network.float_parts import Population, Projection
from nmtool.network.graph import INPUT, LATE, LI, LIF, RESETS, SUBTRACT, InputChannels
from nmtool.network.readout import Readout
from nmtool.raster import Raster
from nmtool.training.front.model import SpikingNetwork
from nmtool.training.mathematics import reference
from tests.networks.resets import with_reset
from tests.networks.trainable import random_input, random_network

pytestmark = pytest.mark.torch


def changed(network: Network, index: int, **arrays: np.ndarray) -> Network:
    """The network with other weights or delays of a projection."""
    projections = list(network.projections)
    projections[index] = replace(projections[index], **arrays)
    return network.with_projections(projections)


def slope(loss: Callable[[float], float], h: float) -> float:
    """Slope at 0 by central differences of fourth order."""
    return (8 * (loss(h) - loss(-h)) - (loss(2 * h) - loss(-2 * h))) / (12 * h)


@pytest.mark.parametrize(
    ("reset", "most"), [*((reset, 1) for reset in RESETS), (SUBTRACT, 4), (SUBTRACT, 255)]
)
def test_gradients_into_outputs_agree_with_differences(reset: str, most: int) -> None:
    """The loss bends, so that its slope depends on the membranes."""
    network = with_reset(random_network("feedback and skips", 1), reset, 0.2, most)
    spikes = random_input(network, 3, seed=2)
    largest = np.abs(reference.forward(network, spikes).membrane["output"]).max()

    def loss(network: Network) -> tuple[SpikingNetwork, torch.Tensor]:
        model = SpikingNetwork(network, dtype=torch.float64)
        return model, torch.sin(model(spikes).membrane["output"] / largest).sum()

    model, value = loss(network)
    value.backward()
    rng = np.random.default_rng(3)
    into_output = [i for i, p in enumerate(network.projections) if p.target == "output"]
    assert len(into_output) == 3
    for index in into_output:
        weight = network.projections[index].weight
        direction = rng.normal(size=weight.shape)

        def moved(by: float, index=index, weight=weight, direction=direction) -> float:
            return loss(changed(network, index, weight=weight + by * direction))[1].item()

        gradient = model.synapses[index].weight.grad
        assert gradient is not None
        analytic = float((gradient.numpy() * direction).sum())
        assert slope(moved, 1e-3) == pytest.approx(analytic, rel=1e-9)


def burst(reset: str, most: int) -> tuple[Network, Raster]:
    """Neurons that the first input spike lifts far above θ, where they stay, and their input."""
    rng = np.random.default_rng(most)
    populations = [
        Population("hidden", 3, LIF, 20.0, 5.0, reset=reset, reset_by=0.05, most_spikes=most),
        Population("output", 2, LI),
    ]
    sizes = {INPUT: 4, "hidden": 3, "output": 2}

    def projection(source: str, target: str) -> Projection:
        shape = sizes[source], sizes[target]
        return Projection(source, target, rng.normal(0, 0.2, shape), rng.integers(0, 5, shape))

    into_hidden = projection(INPUT, "hidden")
    weight, delay = into_hidden.weight.copy(), into_hidden.delay.copy()
    weight[0], delay[0] = 1000.0, 0
    projections = [
        replace(into_hidden, weight=weight, delay=delay),
        projection("hidden", "hidden"),
        projection("hidden", "output"),
    ]
    readout = Readout("output", "mean")
    network = Network(InputChannels(4, 1, most), populations, projections, readout, 1.0, 30)
    counts = rng.integers(0, most, (2, 30, 4), endpoint=True)
    counts[:, :5], counts[:, :, 0], counts[:, 0, 0] = 0, 0, 1
    return network, Raster.from_dense(counts)


@pytest.mark.parametrize(("reset", "most"), [(SUBTRACT, 1), (LATE, 1), (SUBTRACT, 5)])
def test_spikes_left_over_pass_gradients_on_as_differences_do(reset: str, most: int) -> None:
    """The push is the slope of the membranes at spikes, which thus reach a loss."""
    network, spikes = burst(reset, most)
    rng = np.random.default_rng(4)
    push, d_membrane = rng.normal(size=3), rng.normal(size=(2, 30, 2))

    def loss(network: Network) -> float:
        trace = reference.forward(network, spikes)
        counts = trace.spikes["hidden"].dense_counts().astype(int)
        assert (counts[:, 1:] == most).all()
        crossings = np.zeros_like(counts)
        crossings[counts > 0] = trace.crossings["hidden"]
        assert (crossings[:, 1] == most).all()
        assert not crossings[:, 2:].any()
        v = trace.membrane["hidden"] + counts * np.maximum(network.population("hidden").drop, 0)
        return float((push * counts * v).sum() + (d_membrane * trace.membrane["output"]).sum())

    model = SpikingNetwork(network, dtype=torch.float64)
    activity = model(spikes, {"hidden": lambda counts, n_samples: torch.from_numpy(push)})
    (activity.membrane["output"] * torch.from_numpy(d_membrane)).sum().backward()
    at_rest = loss(network)
    for index, first in ((0, 1), (1, 0)):
        projection, synapses = network.projections[index], model.synapses[index]
        assert synapses.weight.grad is not None
        assert synapses.delay.grad is not None
        largest = synapses.weight.grad[first:].abs().max().item()
        assert largest > 1
        for pre, post in np.ndindex(projection.shape):
            if pre < first:
                continue
            one = np.zeros(projection.shape, int)
            one[pre, post] = 1
            up, down = (
                loss(changed(network, index, weight=projection.weight + sign * 0.5 * one))
                for sign in (1, -1)
            )
            analytic = synapses.weight.grad[pre, post].item()
            assert up - down == pytest.approx(analytic, rel=1e-9, abs=1e-9 * largest)
            later = loss(changed(network, index, delay=projection.delay + one)) - at_rest
            analytic = synapses.delay.grad[pre, post].item()
            assert later == pytest.approx(analytic, rel=1e-9, abs=1e-9 * largest)

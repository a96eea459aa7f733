"""The sequence task: only delays can distinguish which of two inputs spiked first.

Both inputs project to two non-spiking outputs with fixed weights of 1. An output's membrane has its
highest peak if both spikes arrive together, so that an output's delays have to compensate the gap
between the two spikes of its class.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from nmtool.network.float_network import Network
from nmtool.network.float_parts import Population, Projection
from nmtool.network.graph import INPUT, InputChannels
from nmtool.network.readout import Readout
from nmtool.raster import Raster
from nmtool.training.front.losses import predictions, readout_loss
from nmtool.training.front.model import SpikingNetwork

pytestmark = pytest.mark.torch

GAP_MS = 10.0
PRESENTATIONS = 6
ANSWERS = {
    # Output c stands for "input c comes first". With the worst delays, output c receives the spike
    # of input c without a delay, and the spike of the other input with a delay of 10 ms. If input c
    # comes last, both spikes therefore arrive at the same time.
    "output c for input c first": (np.array([0, 1]), np.array([[0, 10], [10, 0]])),
    "output c for input c last": (np.array([1, 0]), np.array([[10, 0], [0, 10]])),
}
"""Assignments of classes: labels of the two orders, and the worst delays in ms."""


def _network(delay_ms: np.ndarray, dt_ms: float) -> Network:
    delay = np.rint(delay_ms / dt_ms).astype(np.int32)
    return Network(
        InputChannels(2),
        [Population("output", 2, "li", tau_mem_ms=20.0, tau_syn_ms=5.0)],
        [Projection(INPUT, "output", np.ones((2, 2)), delay)],
        Readout("output", "max"),
        dt_ms,
        n_steps=round(80 / dt_ms),
    )


def _orders(network: Network) -> Raster:
    """Two samples: input 0 spikes first, then input 1 spikes first."""
    late = round(GAP_MS / network.dt_ms)
    spikes = np.zeros((2, network.n_steps, 2), np.bool_)
    for first in range(2):
        spikes[first, 0, first] = True
        spikes[first, late, 1 - first] = True
    return Raster.from_dense(spikes)


def _correct_by_presentation(network: Network, labels: torch.Tensor) -> list[int]:
    """Number of correct answers at each presentation, with an update of the delays after each."""
    model = SpikingNetwork(network, max_delay=61)
    spikes, loss_of = _orders(network), readout_loss(network, gain=20.0)
    (synapses,) = model.synapses
    synapses.weight.requires_grad_(False)
    optimiser = torch.optim.Adam([synapses.delay], lr=2.0 / network.dt_ms)
    correct = []
    for _ in range(PRESENTATIONS):
        activity = model(spikes)
        correct.append(int((predictions(activity, network) == labels).sum()))
        optimiser.zero_grad()
        loss_of(activity, labels).backward()
        optimiser.step()
        model.clamp_delays()
    np.testing.assert_array_equal(model.to_network().projections[0].weight, np.ones((2, 2)))
    return correct


@pytest.mark.parametrize("dt_ms", [1.0, 0.5])
@pytest.mark.parametrize("assignment", ANSWERS)
def test_solved_from_the_worst_delays(assignment: str, dt_ms: float) -> None:
    labels, delay_ms = ANSWERS[assignment]
    correct = _correct_by_presentation(_network(delay_ms, dt_ms), torch.from_numpy(labels))
    assert correct[0] == 0
    assert correct[-1] == 2


@pytest.mark.parametrize("assignment", ANSWERS)
def test_no_start_is_worse(assignment: str) -> None:
    labels, worst = ANSWERS[assignment]

    def loss(delay_ms: np.ndarray) -> float:
        network = _network(delay_ms, 1.0)
        activity = SpikingNetwork(network)(_orders(network))
        return readout_loss(network, gain=20.0)(activity, torch.from_numpy(labels)).item()

    corners = [np.reshape(c, (2, 2)) for c in itertools.product((0, 10), repeat=4)]
    losses = [loss(corner) for corner in corners]
    np.testing.assert_array_equal(corners[int(np.argmax(losses))], worst)

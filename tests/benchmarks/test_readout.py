"""The closed form of the peers' outputs agrees with outputs computed step by step."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.peers.readout import Readout, arrival_weights
from nmtool import dynamics
from nmtool.network.float_parts import Population
from nmtool.network.readout import membrane_scores
from tests.benchmarks.tiny import TINY
from tests.networks.trainable import readout

pytestmark = pytest.mark.torch


def membranes(arrivals: np.ndarray, output: Population, dt_ms: float) -> np.ndarray:
    """v of non-spiking neurons, [samples, T, classes], from arrivals, [T, samples, classes]."""
    alpha = dynamics.decay(output.values("tau_mem_ms"), dt_ms)
    beta = dynamics.decay(output.values("tau_syn_ms"), dt_ms)
    u = v = np.zeros_like(arrivals[0])
    traces = []
    for a in arrivals:
        u = beta * u + a
        v = alpha * v + u
        traces.append(v)
    return np.stack(traces, axis=1)


@pytest.mark.parametrize("rule", ["mean", "weighted", "window"])
def test_arrival_weights_give_the_scores_of_membranes(rule: str) -> None:
    output = Population("output", 2, "li", tau_mem_ms=7.0, tau_syn_ms=3.0)
    arrivals = np.random.default_rng(0).normal(size=(30, 3, 2))
    by = readout("output", rule)
    expected = membrane_scores(membranes(arrivals, output, 1.0), by)
    scores = np.einsum("t,tsc->sc", arrival_weights(output, 1.0, by, 30), arrivals)
    np.testing.assert_allclose(scores, expected, rtol=1e-12)


def test_a_hidden_spike_arrives_one_step_later() -> None:
    network = TINY.network()
    outputs, labels = Readout(network, TINY), torch.from_numpy(TINY.labels())
    spikes = torch.rand(40, 3, 12, generator=torch.Generator().manual_seed(0)).round()
    arrivals = torch.zeros(40, 3, 4)
    arrivals[1:] = (spikes @ outputs.weight.detach())[:-1]
    loss, count = outputs(spikes, labels)
    later, same_count = outputs.from_arrivals(arrivals, spikes, labels)
    assert loss.item() == pytest.approx(later.item(), rel=1e-5)
    assert count.item() == same_count.item() == pytest.approx(spikes.sum().item() / 3)


def test_the_regulariser_penalises_the_distance_from_the_target_rate() -> None:
    outputs = Readout(TINY.network(), TINY)
    counts = torch.tensor([[6.0, 4.0], [4.0, 4.0]])
    flat = torch.zeros(2, 4)
    loss, _ = outputs.loss(flat, counts, torch.tensor([0, 1]))
    # Four equal scores have a cross-entropy of log 4. The mean counts are 5 and 4; the target of
    # both is 4.
    assert loss.item() == pytest.approx(np.log(4) + 0.5 * outputs.strength, rel=1e-6)

"""BPTT by hand has the gradients of autograd and, without delays, the spikes of nmtool."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.ours import Ours
from benchmarks.peers.bptt import Bptt, Constants, SpikingLoop, dense_input
from benchmarks.peers.bptt_autograd import spiking_loop
from tests.benchmarks.tiny import TINY

pytestmark = pytest.mark.torch

CELL = Constants(alpha=0.9, beta=0.8, theta=1.0)


def random_inputs(recurrent: bool) -> tuple[Tensor, Tensor | None, Tensor]:
    """Random input currents, recurrent weights, and gradient of the spikes, in float64."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(50, 4, 10, generator=generator, dtype=torch.float64) * 0.3 + 0.05
    weight = torch.randn(10, 10, generator=generator, dtype=torch.float64) * 0.2
    direct = torch.randn(50, 4, 10, generator=generator, dtype=torch.float64)
    return x.requires_grad_(), weight.requires_grad_() if recurrent else None, direct


@pytest.mark.parametrize("recurrent", [True, False])
def test_the_gradient_is_that_of_plain_autograd(recurrent: bool) -> None:
    x, weight, direct = random_inputs(recurrent)
    parameters = [x] if weight is None else [x, weight]
    by_autograd, by_hand = spiking_loop(x, weight, CELL), SpikingLoop.apply(x, weight, CELL)
    assert torch.equal(by_autograd, by_hand)
    assert 50 < by_autograd.sum() < 1000
    expected = torch.autograd.grad(by_autograd, parameters, direct)
    gradient = torch.autograd.grad(by_hand, parameters, direct)
    for left, right in zip(gradient, expected, strict=True):
        assert right.abs().max() > 0.1
        torch.testing.assert_close(left, right, rtol=1e-9, atol=1e-9)


def test_the_gradient_in_float32_is_within_a_ten_thousandth() -> None:
    x, weight, direct = random_inputs(recurrent=True)
    expected = torch.autograd.grad(spiking_loop(x, weight, CELL), [x, weight], direct)
    single = [x.detach().float().requires_grad_(), weight.detach().float().requires_grad_()]
    gradient = torch.autograd.grad(SpikingLoop.apply(*single, CELL), single, direct.float())
    for left, right in zip(gradient, expected, strict=True):
        assert (left - right).abs().max() < 1e-4 * right.abs().max()


def test_without_delays_it_computes_the_same_network_as_nmtool() -> None:
    workload = replace(TINY, max_delay=0)
    network, spikes, labels = workload.network(4.0), workload.spikes(), workload.labels()
    ours, bptt = Ours(network, workload), Bptt(network, workload)
    for step in (ours, bptt):
        step.load(spikes, labels)
        step.forward()
    assert ours.hidden_spikes > 10
    assert bptt.hidden_spikes == pytest.approx(ours.hidden_spikes)
    # The expected loss has no regulariser, because nmtool's regulariser acts on gradients.
    current = (dense_input(spikes) @ bptt.input).detach()
    hidden = SpikingLoop.apply(current, bptt.recurrent.detach(), bptt.cell)
    expected = ours.model.record(spikes).spikes["hidden"].dense()
    np.testing.assert_array_equal(hidden.numpy().transpose(1, 0, 2).astype(bool), expected)
    excess = hidden.sum(dim=0).mean(dim=0) - workload.hidden_rate
    penalty = 0.5 * bptt.readout.strength * float((excess**2).sum())
    assert bptt.loss.item() - penalty == pytest.approx(ours.loss.item(), rel=1e-4)


def test_dense_input_has_every_spike_where_it_arrives() -> None:
    spikes = TINY.spikes()
    expected = spikes.dense().transpose(1, 0, 2)
    np.testing.assert_array_equal(dense_input(spikes, latency=0).numpy(), expected)
    np.testing.assert_array_equal(dense_input(spikes).numpy()[1:], expected[:-1])
    assert dense_input(spikes)[0].sum() == 0

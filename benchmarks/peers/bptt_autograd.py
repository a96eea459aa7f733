"""The network of `benchmarks/peers/bptt.py`, with a loop that torch differentiates.

This is the usual form of such loops: one matrix product for all input, then a few tensor operations
per step, and a backward pass by autograd.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from benchmarks.peers.bptt import SHARPNESS, Bptt, Constants


class _Spike(torch.autograd.Function):
    """A step function at 0, with the derivative of the arctangent as surrogate."""

    @staticmethod
    def forward(ctx: Any, excess: Tensor) -> Tensor:
        """1 where the excess over the threshold is positive, else 0."""
        ctx.save_for_backward(excess)
        return (excess > 0).to(excess.dtype)

    @staticmethod
    def backward(ctx: Any, *outputs: Any) -> Tensor:
        """Multiply the gradient by the surrogate derivative."""
        (excess,) = ctx.saved_tensors
        return outputs[0] / (1 + (SHARPNESS * excess) ** 2)


def spiking_loop(x: Tensor, weight: Tensor | None, cell: Constants) -> Tensor:
    """Spikes from input currents, both [T, batch, hidden].

    Args:
        x: input currents.
        weight: [hidden, hidden], or None without recurrence.
        cell: constants of the neurons.
    """
    u, v, s, spikes = torch.zeros_like(x[0]), torch.zeros_like(x[0]), torch.zeros_like(x[0]), []
    for x_n in x:
        u = torch.add(x_n, u, alpha=cell.beta)
        if weight is not None:
            u = torch.addmm(u, s, weight)
        v = torch.add(u, v * (1 - s.detach()), alpha=cell.alpha)
        s = _Spike.apply(v - cell.theta)
        spikes.append(s)
    return torch.stack(spikes)


class BpttAutograd(Bptt):
    """The training step of BPTT by autograd; arguments are as for `Bptt`."""

    def run(self) -> tuple[Tensor, Tensor]:
        """Compute the loss of the batch and the hidden spikes per sample."""
        spikes = spiking_loop(self.dense @ self.input, self.recurrent, self.cell)
        return self.readout(spikes, self.labels)


build = BpttAutograd

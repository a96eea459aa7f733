"""The network of `benchmarks/peers/bptt.py` step by step, differentiated by torch alone."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from benchmarks.peers.bptt import SHARPNESS, Constants


class _Spike(torch.autograd.Function):
    """1 above 0; the derivative is the arctangent's."""

    @staticmethod
    def forward(ctx: Any, above: Tensor) -> Tensor:
        ctx.save_for_backward(above)
        return (above > 0).to(above.dtype)

    @staticmethod
    def backward(ctx: Any, *outputs: Any) -> Tensor:
        (above,) = ctx.saved_tensors
        return outputs[0] / (1 + (SHARPNESS * above) ** 2)


def plain_loop(x: Tensor, weight: Tensor | None, cell: Constants) -> Tensor:
    """[T, batch, hidden] spikes from currents of that shape."""
    u, v, s, spikes = torch.zeros_like(x[0]), torch.zeros_like(x[0]), torch.zeros_like(x[0]), []
    for x_n in x:
        u = cell.beta * u + x_n
        if weight is not None:
            u = u + s @ weight
        v = cell.alpha * v * (1 - s.detach()) + u
        s = _Spike.apply(v - cell.theta)
        spikes.append(s)
    return torch.stack(spikes)

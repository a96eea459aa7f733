"""The two autograd functions: a population over whole spike trains, forward and backward.

What travels between populations is `SpikeTrains`: a raster and, for each of its spikes, a
differentiable time. Backward, ∂L/∂(spike time) arrives per spike, from later populations and
from losses alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nmtool.raster import Raster
from nmtool.rounding import round_half_away
from training.cell import Cell
from training.cpu.block import Block
from training.cpu.synapses import SynapseGradients, Synapses

Push = Callable[[NDArray[np.int64], int], NDArray]
"""From spikes per neuron [neurons] and number of samples to what is added to μ_v at a spike."""


@dataclass(frozen=True, eq=False)
class SpikeTrains:
    """Spikes of a population with differentiable times.

    Attributes:
        raster: the spikes.
        time_ms: [spikes] float tensor in the raster's order; None where no gradient is wanted.
    """

    raster: Raster
    time_ms: Tensor | None = None

    @property
    def n_samples(self) -> int:
        """Number of samples."""
        return self.raster.n_samples


@dataclass(frozen=True, eq=False)
class Connection:
    """Tensors of a projection.

    Attributes:
        weight: [pre, post] float, in the paper's units.
        delay: [pre, post] float, in steps; rounded to whole steps for the forward pass.
    """

    weight: Tensor
    delay: Tensor


def whole_steps(delay: Tensor) -> NDArray[np.unsignedinteger]:
    """[pre, post] uint8 or uint16: the delays a chip would hold, halves away from zero."""
    steps = round_half_away(delay.detach().cpu().numpy())
    return steps.astype(np.uint8 if steps.max(initial=0) <= 255 else np.uint16)


def run_lif(
    cell: Cell,
    dt_ms: float,
    source: SpikeTrains,
    afferent: Connection,
    recurrent: Connection | None = None,
    push: Push | None = None,
) -> SpikeTrains:
    """Spiking neurons over whole spike trains.

    Args:
        cell: constants of the neurons.
        dt_ms: length of a step in ms.
        source: afferent spikes.
        afferent: synapses from the source.
        recurrent: synapses among the neurons.
        push: what to add to μ_v at every spike, from the spike counts of this very pass.
    """
    recurrent_weight = recurrent.weight if recurrent else None
    recurrent_delay = recurrent.delay if recurrent else None
    context = _Context(cell, dt_ms, source.raster, push)
    time_ms, raster = _Lif.apply(
        context,
        afferent.weight,
        afferent.delay,
        recurrent_weight,
        recurrent_delay,
        source.time_ms,
    )
    return SpikeTrains(raster, time_ms)


def run_li(cell: Cell, dt_ms: float, source: SpikeTrains, afferent: Connection) -> Tensor:
    """Non-spiking neurons over whole spike trains.

    Returns:
        [samples, T, neurons] float: v after each step.
    """
    context = _Context(cell, dt_ms, source.raster, None)
    return _Li.apply(context, afferent.weight, afferent.delay, source.time_ms)


@dataclass(frozen=True, eq=False)
class _Context:
    cell: Cell
    dt_ms: float
    source: Raster
    push: Push | None

    def synapses(self, weight: Tensor, delay: Tensor) -> Synapses:
        jumps = weight.detach().cpu().numpy().astype(self.cell.b.dtype) * self.cell.b
        return Synapses(jumps, whole_steps(delay))

    def tensors(self, gradients: SynapseGradients | None) -> tuple[Tensor | None, Tensor | None]:
        """Gradients by weights in the paper's units and by delays in steps."""
        if gradients is None:
            return None, None
        weight = torch.from_numpy(gradients.weight * self.cell.b)
        return weight, torch.from_numpy(gradients.delay_ms) * self.dt_ms


class _Lif(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        context: _Context,
        weight: Tensor,
        delay: Tensor,
        recurrent_weight: Tensor | None,
        recurrent_delay: Tensor | None,
        source_time: Tensor | None,
    ) -> tuple[Tensor, Raster]:
        recurrent = None
        if recurrent_weight is not None and recurrent_delay is not None:
            recurrent = context.synapses(recurrent_weight, recurrent_delay)
        ctx.context = context
        ctx.block = Block(context.cell, context.synapses(weight, delay), recurrent)
        ctx.run = ctx.block.run_lif(context.source)
        raster = ctx.run.spikes
        time_ms = (raster.step * context.dt_ms).astype(context.cell.b.dtype)
        return torch.from_numpy(time_ms), raster

    @staticmethod
    def backward(ctx: Any, *outputs: Any) -> tuple[Tensor | None, ...]:
        context, raster, dtype = ctx.context, ctx.run.spikes, ctx.block.dtype
        push = np.zeros(ctx.block.size, dtype)
        if context.push is not None:
            push += context.push(raster.counts().sum(axis=0), raster.n_samples).astype(dtype)
        result = ctx.block.backward_lif(
            context.source,
            ctx.run,
            outputs[0].numpy().astype(dtype, copy=False),
            push,
            want_source_time=ctx.needs_input_grad[-1],
        )
        return (
            None,
            *context.tensors(result.afferent),
            *context.tensors(result.recurrent),
            _optional_tensor(result.source_time),
        )


class _Li(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, context: _Context, weight: Tensor, delay: Tensor, source_time: Tensor | None
    ) -> Tensor:
        ctx.context = context
        ctx.block = Block(context.cell, context.synapses(weight, delay), None)
        return torch.from_numpy(ctx.block.run_li(context.source))

    @staticmethod
    def backward(ctx: Any, *outputs: Any) -> tuple[Tensor | None, ...]:
        d_membrane = np.ascontiguousarray(outputs[0].numpy(), ctx.block.dtype)
        result = ctx.block.backward_li(
            ctx.context.source, d_membrane, want_source_time=ctx.needs_input_grad[-1]
        )
        return (
            None,
            *ctx.context.tensors(result.afferent),
            _optional_tensor(result.source_time),
        )


def _optional_tensor(array: NDArray | None) -> Tensor | None:
    return None if array is None else torch.from_numpy(array)

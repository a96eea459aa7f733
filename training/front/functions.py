"""The two autograd functions: a population over whole spike trains, forward and backward."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from nmtool.arithmetic import MAX_TRAINED_DELAY
from nmtool.errors import UsageError
from nmtool.training.engines.cell import NeuronConstants
from nmtool.training.engines.engine import Block, MakeBlock, SynapseGradients, Synapses
from nmtool.training.engines.spike_trains import SpikeTrains

Push = Callable[[Tensor, int], Tensor]
"""From spikes per neuron [neurons] and number of samples to what is added to μ_v at a spike."""


@dataclass(frozen=True, eq=False)
class Connection:
    """A projection in training: the parameters that learn, and the synapses that run.

    Attributes:
        weight: [pre, post] float, in the paper's units.
        delay: [pre, post] float, in steps.
        synapses: what they amount to in this pass. Gradients go straight through to weight and
            delay.
    """

    weight: Tensor
    delay: Tensor
    synapses: Synapses


@dataclass(frozen=True, eq=False)
class Neurons:
    """The neurons of a block and the engine that runs them.

    Attributes:
        cell: constants of the neurons.
        jump: [neurons] float, jump of u per unit of the weights that learn.
        dt_ms: length of a step in ms.
        make_block: makes a block of these neurons and their synapses.
    """

    cell: NeuronConstants
    jump: NDArray
    dt_ms: float
    make_block: MakeBlock


def whole_steps(delay: Tensor) -> Tensor:
    """[pre, post] uint8 or int16: the delays a chip would hold, on the device of the delays.

    The same rule as `nmtool.rounding.round_half_away`: halves go away from zero. The fraction is
    exact, so that no number just below a half is rounded up.

    Raises:
        UsageError: a delay is no number, less than 0, or longer than training can hold.
    """
    exact = delay.detach()
    steps = exact.trunc()
    beyond = (exact - steps).abs_() >= 0.5
    steps += torch.copysign(beyond.to(exact.dtype), exact)
    first, last = (float(end) for end in steps.aminmax()) if steps.numel() else (0.0, 0.0)
    # Comparisons are such that NaN fails them.
    if not (first >= 0 and last <= MAX_TRAINED_DELAY):
        raise UsageError(
            f"delays must lie in 0 … {MAX_TRAINED_DELAY} steps, not in {first:g} … {last:g}",
            code="delay-out-of-range",
            why="an optimiser moves them freely",
            fix="call model.clamp_delays() after every step of the optimiser",
        )
    longest = int(last)
    return steps.to(torch.uint8 if longest <= 255 else torch.int16)


def run_lif(
    neurons: Neurons,
    source: SpikeTrains,
    afferent: Connection,
    recurrent: Connection | None = None,
    push: Push | None = None,
) -> SpikeTrains:
    """Spiking neurons over whole spike trains.

    Args:
        neurons: their constants and their engine.
        source: afferent spikes.
        afferent: synapses from the source.
        recurrent: synapses among the neurons.
        push: what to add to μ_v at every spike, from the spike counts of this very pass.
    """
    block = neurons.make_block(
        neurons.cell, afferent.synapses, recurrent.synapses if recurrent else None
    )
    time_ms, spikes = _Lif.apply(
        neurons,
        block,
        source,
        push,
        afferent.weight,
        afferent.delay,
        recurrent.weight if recurrent else None,
        recurrent.delay if recurrent else None,
        source.time_ms,
    )
    return replace(spikes, time_ms=time_ms)


def run_li(neurons: Neurons, source: SpikeTrains, afferent: Connection) -> Tensor:
    """Non-spiking neurons over whole spike trains.

    Returns:
        [samples, T, neurons] float: v after each step.
    """
    block = neurons.make_block(neurons.cell, afferent.synapses, None)
    return _Li.apply(neurons, block, source, afferent.weight, afferent.delay, source.time_ms)


class _Lif(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        neurons: Neurons,
        block: Block,
        source: SpikeTrains,
        push: Push | None,
        weight: Tensor,
        delay: Tensor,
        recurrent_weight: Tensor | None,
        recurrent_delay: Tensor | None,
        source_time: Tensor | None,
    ) -> tuple[Tensor, SpikeTrains]:
        run = block.run_lif(source)
        ctx.kept = (neurons, block, source, push, run)
        return run.spikes.step.to(weight.dtype).mul_(neurons.dt_ms), run.spikes

    @staticmethod
    def backward(ctx: Any, *outputs: Any) -> tuple[Tensor | None, ...]:
        neurons, block, source, push, run = _taken(ctx)
        spikes, slope = run.spikes, run.slope
        pushed = slope.new_zeros(spikes.n_neurons)
        if push is not None:
            pushed += push(spikes.counts(), spikes.n_samples).to(slope.dtype)
        result = block.backward_lif(
            source,
            run,
            outputs[0].to(slope.dtype),
            pushed,
            want_source_time=ctx.needs_input_grad[-1],
        )
        return (
            *(None, None, None, None),
            *_by_parameters(result.afferent, neurons.jump),
            *_by_parameters(result.recurrent, neurons.jump),
            result.source_time,
        )


class _Li(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        neurons: Neurons,
        block: Block,
        source: SpikeTrains,
        weight: Tensor,
        delay: Tensor,
        source_time: Tensor | None,
    ) -> Tensor:
        ctx.kept = (neurons, block, source)
        return block.run_li(source)

    @staticmethod
    def backward(ctx: Any, *outputs: Any) -> tuple[Tensor | None, ...]:
        neurons, block, source = _taken(ctx)
        result = block.backward_li(source, outputs[0], want_source_time=ctx.needs_input_grad[-1])
        gradients = _by_parameters(result.afferent, neurons.jump)
        return (*(None, None, None), *gradients, result.source_time)


def _by_parameters(
    gradients: SynapseGradients | None, jump: NDArray
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients by weights in the paper's units and by delays in steps."""
    if gradients is None:
        return None, None
    return gradients.weight * torch.from_numpy(jump).to(gradients.weight), gradients.delay


def _taken(ctx: Any) -> tuple[Any, ...]:
    """Take the forward pass's values, once: a loss that is kept then keeps no tapes."""
    kept, ctx.kept = ctx.kept, None
    if kept is None:
        raise RuntimeError("EventProp's backward pass runs once per forward pass")
    return kept

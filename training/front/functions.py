"""The two autograd functions: a population over whole spike trains, forward and backward."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from nmtool.arithmetic import MAX_TRAINED_DELAY
from nmtool.errors import UsageError
from nmtool.training.engines.cell import Neurons
from nmtool.training.engines.devices import Backward, Device
from nmtool.training.engines.spike_trains import SpikeTrains
from nmtool.training.engines.synapses import SynapseGradients, Synapses

Push = Callable[[Tensor, int], Tensor]
"""From spikes per neuron [neurons] and number of samples to what is added to μ_v at a spike."""


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
    # Both ends at once: each number that comes from a GPU waits until the GPU is done.
    first, last = torch.stack(steps.aminmax()).tolist() if steps.numel() else (0.0, 0.0)
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
    device: Device,
    neurons: Neurons,
    afferent: Synapses,
    recurrent: Synapses | None,
    source: SpikeTrains,
    push: Push | None = None,
) -> SpikeTrains:
    """Spiking neurons over whole spike trains.

    Args:
        device: where they run.
        neurons: their constants.
        afferent: synapses from the source.
        recurrent: synapses among the neurons.
        source: afferent spikes.
        push: what to add to μ_v at every spike, from the spike counts of this very pass.
    """
    loop = (None, None) if recurrent is None else _parameters(recurrent)
    time_ms, spikes = _Lif.apply(
        partial(device.lif, neurons, afferent, recurrent, source),
        neurons,
        push,
        *_parameters(afferent),
        *loop,
        source.time_ms,
    )
    return replace(spikes, time_ms=time_ms)


def run_li(device: Device, neurons: Neurons, afferent: Synapses, source: SpikeTrains) -> Tensor:
    """Non-spiking neurons over whole spike trains.

    Args:
        device, neurons, afferent, source: as of `run_lif`.

    Returns:
        [samples, T, neurons] float: v after each step.
    """
    run = partial(device.li, neurons, afferent, source)
    return _Li.apply(run, neurons, *_parameters(afferent), source.time_ms)


class _Lif(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        run: Callable[[], tuple[SpikeTrains, Backward]],
        neurons: Neurons,
        push: Push | None,
        weight: Tensor,
        *other_inputs: Tensor | None,
    ) -> tuple[Tensor, SpikeTrains]:
        spikes, backward = run()
        ctx.kept = neurons, push, spikes, backward
        return spikes.step.to(weight.dtype).mul_(neurons.dt_ms), spikes

    @staticmethod
    def backward(ctx: Any, *outputs: Any) -> tuple[Tensor | None, ...]:
        neurons, push, spikes, backward = _taken(ctx)
        pushed = neurons.jump.new_zeros(spikes.n_neurons)
        if push is not None:
            pushed += push(spikes.counts(), spikes.n_samples).to(pushed.dtype)
        gradients = backward(
            outputs[0].to(pushed.dtype), pushed, want_source_time=ctx.needs_input_grad[-1]
        )
        return (
            *(None, None, None),
            *_by_parameters(gradients.afferent, neurons),
            *_by_parameters(gradients.recurrent, neurons),
            gradients.source_time,
        )


class _Li(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        run: Callable[[], tuple[Tensor, Backward]],
        neurons: Neurons,
        *inputs: Tensor | None,
    ) -> Tensor:
        membrane, backward = run()
        ctx.kept = neurons, backward
        return membrane

    @staticmethod
    def backward(ctx: Any, *outputs: Any) -> tuple[Tensor | None, ...]:
        neurons, backward = _taken(ctx)
        gradients = backward(outputs[0], want_source_time=ctx.needs_input_grad[-1])
        by_parameters = _by_parameters(gradients.afferent, neurons)
        return (*(None, None), *by_parameters, gradients.source_time)


def _parameters(synapses: Synapses) -> tuple[Tensor | None, Tensor | None]:
    return synapses.weight_parameter, synapses.delay_parameter


def _by_parameters(
    gradients: SynapseGradients | None, neurons: Neurons
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients by weights in the paper's units and by delays in steps."""
    if gradients is None:
        return None, None
    return gradients.weight * neurons.jump, gradients.delay


def _taken(ctx: Any) -> tuple[Any, ...]:
    """Take the forward pass's values, once: a loss that is kept then keeps no tapes."""
    kept, ctx.kept = ctx.kept, None
    if kept is None:
        raise RuntimeError("EventProp's backward pass runs once per forward pass")
    return kept

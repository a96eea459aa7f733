"""Autograd functions of spiking and non-spiking layers over whole spike trains."""

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
"""A function from spike counts [neurons] and number of samples to the push on μ_v at a spike."""


def whole_steps(delay: Tensor) -> Tensor:
    """Round delays to whole steps: [pre, post] uint8 or int16, on the same device.

    The rule is that of `nmtool.rounding.round_half_away`: halves are rounded away from zero. The
    fraction is exact, so that numbers just below a half are rounded down.

    Raises:
        UsageError: a delay is NaN, negative, or longer than training supports.
    """
    exact = delay.detach()
    steps = exact.trunc()
    beyond = (exact - steps).abs_() >= 0.5
    steps += torch.copysign(beyond.to(exact.dtype), exact)
    # Both extremes are fetched in a single transfer, since every transfer waits for the GPU.
    first, last = torch.stack(steps.aminmax()).tolist() if steps.numel() else (0.0, 0.0)
    # If a delay is NaN, both comparisons are false.
    if not (first >= 0 and last <= MAX_TRAINED_DELAY):
        raise UsageError(
            f"delays must lie in 0 … {MAX_TRAINED_DELAY} steps, not in {first:g} … {last:g}",
            code="delay-out-of-range",
            why="optimisers do not limit parameters",
            fix="call model.clamp_delays() after every optimiser step",
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
    """Run spiking neurons on spike trains, and return their spike trains, differentiably.

    Args:
        device: device on which the neurons run.
        neurons: constants of the neurons.
        afferent: synapses from the source.
        recurrent: synapses among the neurons.
        source: afferent spikes.
        push: firing-rate regulariser, called with the spike counts of this pass.
    """
    loop = (None, None) if recurrent is None else _parameters(recurrent)
    time_ms, spikes = _Lif.apply(
        partial(device.lif, neurons, afferent, recurrent, source),
        neurons,
        source,
        push,
        *_parameters(afferent),
        *loop,
        source.time_ms,
    )
    return replace(spikes, time_ms=time_ms)


def run_li(device: Device, neurons: Neurons, afferent: Synapses, source: SpikeTrains) -> Tensor:
    """Run non-spiking neurons on spike trains, and return their membranes, differentiably.

    Args:
        device, neurons, afferent, source: as for `run_lif`.

    Returns:
        [samples, T, neurons] float: v after each step.
    """
    run = partial(device.li, neurons, afferent, source)
    return _Li.apply(run, neurons, source, *_parameters(afferent), source.time_ms)


class _Lif(torch.autograd.Function):
    """Autograd function of a layer of spiking neurons."""

    @staticmethod
    def forward(
        ctx: Any,
        run: Callable[[], tuple[SpikeTrains, Backward]],
        neurons: Neurons,
        source: SpikeTrains,
        push: Push | None,
        weight: Tensor,
        *other_inputs: Tensor | None,
    ) -> tuple[Tensor, SpikeTrains]:
        spikes, backward = run()
        ctx.forward_values = neurons, source, push, spikes, backward
        return spikes.step.to(weight.dtype).mul_(neurons.dt_ms), spikes

    @staticmethod
    def backward(ctx: Any, *outputs: Any) -> tuple[Tensor | None, ...]:
        neurons, source, push, spikes, backward = _take_saved(ctx)
        push_on_mu_v = neurons.jump.new_zeros(spikes.n_neurons)
        if push is not None:
            push_on_mu_v += push(spikes.counts(), spikes.n_samples).to(push_on_mu_v.dtype)
        gradients = backward(
            spikes.per_spike(outputs[0].to(push_on_mu_v.dtype)),
            push_on_mu_v,
            want_source_time=ctx.needs_input_grad[-1],
        )
        return (
            *(None, None, None, None),
            *_parameter_gradients(gradients.afferent, neurons),
            *_parameter_gradients(gradients.recurrent, neurons),
            source.per_bin(gradients.source_time),
        )


class _Li(torch.autograd.Function):
    """Autograd function of a layer of non-spiking neurons."""

    @staticmethod
    def forward(
        ctx: Any,
        run: Callable[[], tuple[Tensor, Backward]],
        neurons: Neurons,
        source: SpikeTrains,
        *inputs: Tensor | None,
    ) -> Tensor:
        membrane, backward = run()
        ctx.forward_values = neurons, source, backward
        return membrane

    @staticmethod
    def backward(ctx: Any, *outputs: Any) -> tuple[Tensor | None, ...]:
        neurons, source, backward = _take_saved(ctx)
        gradients = backward(outputs[0], want_source_time=ctx.needs_input_grad[-1])
        by_parameters = _parameter_gradients(gradients.afferent, neurons)
        source_time = source.per_bin(gradients.source_time)
        return (*(None, None, None), *by_parameters, source_time)


def _parameters(synapses: Synapses) -> tuple[Tensor | None, Tensor | None]:
    """The parameters of weights and of delays; None for a parameter that is not trained."""
    return synapses.weight_parameter, synapses.delay_parameter


def _parameter_gradients(
    gradients: SynapseGradients | None, neurons: Neurons
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients of the parameters: weights in the paper's units, and delays in steps."""
    if gradients is None:
        return None, None
    return gradients.weight * neurons.jump, gradients.delay


def _take_saved(ctx: Any) -> tuple[Any, ...]:
    """Remove and return the values that the forward pass stored, to free their memory."""
    values, ctx.forward_values = ctx.forward_values, None
    if values is None:
        raise RuntimeError("EventProp's backward pass runs once per forward pass")
    return values

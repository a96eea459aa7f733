"""Passes of a network of two layers on a device, and of the reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray
from torch import Tensor

from nmtool.network.float_network import Network
from nmtool.network.float_parts import Projection
from nmtool.raster import Raster
from nmtool.training.engines.cell import Neurons, most_spikes, neuron_constants
from nmtool.training.engines.devices import Device
from nmtool.training.engines.spike_trains import LifRun, SpikeTrains
from nmtool.training.engines.synapses import Gradients, SynapseGradients, Synapses
from nmtool.training.mathematics import reference


@dataclass(frozen=True, eq=False)
class Losses:
    """Input of the backward pass: ∂L/∂v of the output, ∂L/∂t of hidden spikes, and push."""

    membrane: NDArray
    spike_time: NDArray
    push: NDArray

    @classmethod
    def random(cls, trace: reference.Trace, seed: int) -> Losses:
        rng = np.random.default_rng(seed)
        return cls(
            rng.normal(size=trace.membrane["output"].shape),
            rng.normal(size=trace.q["hidden"].shape),
            rng.normal(scale=0.01, size=trace.membrane["hidden"].shape[2]),
        )


def slopes(trace: reference.Trace) -> NDArray:
    """q of every bin of the hidden population, divided by the number of its crossings."""
    return trace.q["hidden"] / np.maximum(trace.crossings["hidden"], 1)


def tensor(values: NDArray, dtype: DTypeLike, device: torch.device | str) -> Tensor:
    """A tensor of values on a device."""
    return torch.from_numpy(np.ascontiguousarray(values, dtype)).to(device)


def layers(
    network: Network, device: Device, dtype: DTypeLike = np.float64, delays: DTypeLike = np.uint8
) -> tuple[Any, Any]:
    """The hidden and the output layer on a device."""

    def layer(afferent: Projection, recurrent: Projection | None) -> Any:
        cell = neuron_constants(network.population(afferent.target), network.dt_ms, dtype)

        def synapses(projection: Projection) -> Synapses:
            jumps = projection.weight.astype(dtype) * cell.b
            delay = tensor(projection.delay, delays, device.torch)
            return Synapses(tensor(jumps, dtype, device.torch), delay)

        most = most_spikes(network.population(afferent.target))
        jump = tensor(cell.b, dtype, device.torch)
        neurons = Neurons(cell, jump, network.dt_ms, most_spikes=most)
        return device.layer(neurons, synapses(afferent), synapses(recurrent) if recurrent else None)

    into_hidden, *loop, into_output = network.projections
    return layer(into_hidden, loop[0] if loop else None), layer(into_output, None)


def backward(
    hidden: Any, output: Any, source: SpikeTrains, run: LifRun, losses: Losses
) -> tuple[Gradients, Gradients]:
    """Run both layers backward, and return the gradients of the hidden and of the output layer."""

    def like_slope(values: NDArray) -> Tensor:
        return torch.from_numpy(values).to(run.slope)

    d_membrane = like_slope(losses.membrane)
    of_output = output.backward_li(run.spikes, d_membrane, want_source_time=True)
    assert of_output.source_time is not None
    time_gradient = of_output.source_time + like_slope(losses.spike_time)
    push = like_slope(losses.push)
    of_hidden = hidden.backward_lif(source, run, time_gradient, push, want_source_time=True)
    return of_hidden, of_output


def reference_gradients(
    network: Network, spikes: Raster, trace: reference.Trace, losses: Losses
) -> reference.Gradients:
    """The reference's gradients for the same losses."""
    return reference.backward(
        network,
        spikes,
        trace,
        {"output": losses.membrane},
        {"hidden": losses.spike_time},
        {"hidden": losses.push},
    )


def gradients_on_reference_spikes(
    network: Network, spikes: Raster, device: Device, seed: int
) -> tuple[tuple[Gradients, Gradients], reference.Gradients]:
    """Gradients in float32 on the spikes of the reference, and gradients of the reference."""
    trace = reference.forward(network, spikes)
    reference_run = LifRun(
        SpikeTrains.from_raster(trace.spikes["hidden"], device.torch),
        tensor(slopes(trace), np.float32, device.torch),
    )
    losses = Losses.random(trace, seed)
    source = SpikeTrains.from_raster(spikes, device.torch)
    actual = backward(*layers(network, device, np.float32), source, reference_run, losses)
    return actual, reference_gradients(network, spikes, trace, losses)


def assert_delays_of_a_slow_adjoint(network: Network, spikes: Raster, device: Device) -> None:
    """Assert that delay gradients in float32 are accurate if the adjoint changes slowly."""
    trace = reference.forward(network, spikes)
    n_samples, n_steps, n_outputs = trace.membrane["output"].shape
    fading = np.exp(-np.arange(n_steps) / n_steps)[:, None]
    d_membrane = fading * np.random.default_rng(1).normal(size=(n_samples, 1, n_outputs))
    expected = reference.backward(network, spikes, trace, {"output": d_membrane})
    source = SpikeTrains.from_raster(trace.spikes["hidden"], device.torch)
    _, output = layers(network, device, np.float32)
    d_membrane = tensor(d_membrane, np.float32, device.torch)
    actual = output.backward_li(source, d_membrane, want_source_time=False).afferent.delay
    assert actual.dtype == torch.float32
    assert_close(actual, expected.delay[2], tolerance=2e-6)


def assert_gradients(
    network: Network,
    actual: tuple[Gradients, Gradients],
    expected: reference.Gradients,
    tolerance: float,
) -> None:
    """Assert that gradients agree, relative to the largest gradient of each array."""
    of_hidden, of_output = actual
    groups: list[tuple[SynapseGradients | None, str]] = [(of_hidden.afferent, "hidden")]
    if len(network.projections) == 3:
        groups.append((of_hidden.recurrent, "hidden"))
    groups.append((of_output.afferent, "output"))
    for index, (group, target) in enumerate(groups):
        assert group is not None
        b = neuron_constants(network.population(target), network.dt_ms, np.float64).b
        assert_close(group.weight.cpu() * torch.from_numpy(b), expected.weight[index], tolerance)
        assert_close(group.delay, expected.delay[index], tolerance)
    assert of_hidden.source_time is not None
    assert_close(of_hidden.source_time, expected.spike_time["input"], tolerance)


def assert_close(actual: Tensor, expected: NDArray, tolerance: float = 1e-9) -> None:
    """Assert equality up to the share `tolerance` of the largest finite expected magnitude."""
    largest = np.abs(expected[np.isfinite(expected)]).max(initial=1e-300)
    np.testing.assert_allclose(actual.cpu().numpy(), expected, rtol=0, atol=tolerance * largest)

"""Spike trains between populations in training: a raster as tensors, with spike times.

In the backward pass every spike receives ∂L/∂(spike time), from later populations and from losses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nmtool.raster import Raster
from nmtool.tables import counted


@dataclass(frozen=True, eq=False, repr=False)
class SpikeTrains:
    """Spikes of a population, on the device of its tensors, in the order of a `Raster`.

    Attributes:
        offset: [samples + 1] int64; the spikes of sample s are offset[s]:offset[s + 1].
        step: [spikes] int32, time step of each spike.
        neuron: [spikes] int32, neuron of each spike.
        n_steps: time steps of every sample.
        n_neurons: number of neurons.
        time_ms: [spikes] float, differentiable time of each spike in ms; None where no gradient is
            needed.
    """

    offset: Tensor
    step: Tensor
    neuron: Tensor
    n_steps: int
    n_neurons: int
    time_ms: Tensor | None = None

    def __repr__(self) -> str:
        sizes = {"sample": self.n_samples, "step": self.n_steps, "neuron": self.n_neurons}
        shape = " × ".join(counted(size, axis) for axis, size in sizes.items())
        return f"<SpikeTrains: {shape}, {counted(self.n_spikes, 'spike')}>"

    @classmethod
    def from_raster(cls, raster: Raster, device: torch.device | str = "cpu") -> SpikeTrains:
        """Copy the spikes of a raster to a device."""
        # The arrays are copied, because they are read-only and torch has no read-only tensors.
        lists = (raster.offset, raster.step, raster.neuron)
        offset, step, neuron = (torch.tensor(values).to(device) for values in lists)
        return cls(offset, step, neuron, raster.n_steps, raster.n_neurons)

    @classmethod
    def silent(cls, like: SpikeTrains, n_neurons: int) -> SpikeTrains:
        """Spike trains without any spike, with as many samples and steps as `like`."""
        no_spikes = like.step[:0]
        return cls(torch.zeros_like(like.offset), no_spikes, no_spikes, like.n_steps, n_neurons)

    def raster(self) -> Raster:
        """The spikes as a `Raster`, in main memory."""
        offset, step, neuron = (
            values.cpu().numpy() for values in (self.offset, self.step, self.neuron)
        )
        return Raster(offset, step, neuron, self.n_steps, self.n_neurons)

    @property
    def n_samples(self) -> int:
        """Number of samples."""
        return self.offset.numel() - 1

    @property
    def n_spikes(self) -> int:
        """Number of spikes in all samples."""
        return self.step.numel()

    def sample_index(self) -> Tensor:
        """[spikes] int64: sample of each spike."""
        samples = torch.arange(self.n_samples, device=self.offset.device)
        return torch.repeat_interleave(samples, self.offset.diff(), output_size=self.n_spikes)

    def counts(self) -> Tensor:
        """[neurons] int64: spikes of each neuron in all samples."""
        return torch.bincount(self.neuron, minlength=self.n_neurons)

    def first_ms(self, silence_ms: float) -> Tensor:
        """[samples, neurons] float: time of each neuron's first spike, differentiable.

        Args:
            silence_ms: value for neurons that do not spike.
        """
        assert self.time_ms is not None
        cells = self.n_samples * self.n_neurons
        cell = self.sample_index() * self.n_neurons + self.neuron
        spike = torch.arange(self.n_spikes, device=cell.device)
        first = torch.full((cells,), self.n_spikes, device=cell.device)
        # Within a sample, spikes are sorted by time. Therefore the first spike of a neuron has the
        # lowest index.
        first = first.scatter_reduce(0, cell, spike, "amin")
        silence = self.time_ms.new_full((1,), silence_ms)
        times = torch.cat([self.time_ms, silence])
        return times[first].reshape(self.n_samples, self.n_neurons)

    def columns(self, first: int, last: int) -> SpikeTrains:
        """Spike trains of the neurons first … last − 1, which are renumbered from 0."""
        pick = torch.nonzero((self.neuron >= first) & (self.neuron < last)).squeeze(1)
        return SpikeTrains(
            torch.searchsorted(pick, self.offset),
            self.step[pick],
            self.neuron[pick] - first,
            self.n_steps,
            last - first,
            None if self.time_ms is None else self.time_ms[pick],
        )


@dataclass(frozen=True, eq=False)
class LifRun:
    """Results of the forward pass of spiking neurons that the backward pass needs.

    Attributes:
        spikes: the spikes, without times.
        slope: [spikes] float, q of each spike.
    """

    spikes: SpikeTrains
    slope: Tensor


def merge(parts: Sequence[SpikeTrains]) -> SpikeTrains:
    """Spike trains of several populations as one, with consecutive neuron numbers.

    Args:
        parts: spike trains of one or more populations, with equal samples and steps.
    """
    if len(parts) == 1:
        return parts[0]
    n_neurons = sum(trains.n_neurons for trains in parts)
    neuron, shift = [], 0
    for trains in parts:
        neuron.append(trains.neuron + shift)
        shift += trains.n_neurons
    joined = torch.cat(neuron)
    step = torch.cat([trains.step for trains in parts])
    sample = torch.cat([trains.sample_index() for trains in parts])
    order = torch.argsort((sample * parts[0].n_steps + step) * n_neurons + joined)
    return SpikeTrains(
        torch.stack([trains.offset for trains in parts]).sum(dim=0),
        step[order],
        joined[order],
        parts[0].n_steps,
        n_neurons,
        _merged_times(parts, order),
    )


def _merged_times(parts: Sequence[SpikeTrains], order: Tensor) -> Tensor | None:
    """Differentiable times of several spike trains in the merged order; None without times."""
    exact_times = [trains.time_ms for trains in parts if trains.time_ms is not None]
    if not exact_times:
        return None
    times = [
        exact_times[0].new_zeros(trains.n_spikes) if trains.time_ms is None else trains.time_ms
        for trains in parts
    ]
    return torch.cat(times)[order]

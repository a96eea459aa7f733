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
        offset: [samples + 1] int64; the filled bins of sample s are offset[s]:offset[s + 1].
        step: [filled] int32, time step of each filled bin.
        neuron: [filled] int32, neuron of each filled bin.
        n_steps: time steps of every sample.
        n_neurons: number of neurons.
        count: [filled] uint8, number of spikes of each filled bin; None if each has one.
        time_ms: [filled] float, differentiable time in ms of the spikes of each bin, which they
            share; None where no gradient is needed.
    """

    offset: Tensor
    step: Tensor
    neuron: Tensor
    n_steps: int
    n_neurons: int
    count: Tensor | None = None
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
        count = None if raster.count is None else torch.tensor(raster.count).to(device)
        return cls(offset, step, neuron, raster.n_steps, raster.n_neurons, count)

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
        count = None if self.count is None else self.count.cpu().numpy()
        return Raster(offset, step, neuron, self.n_steps, self.n_neurons, count)

    @property
    def n_samples(self) -> int:
        """Number of samples."""
        return self.offset.numel() - 1

    @property
    def n_spikes(self) -> int:
        """Number of spikes in all samples; a bin counts as often as it has spikes."""
        return self.n_filled if self.count is None else int(self.count.sum())

    @property
    def n_filled(self) -> int:
        """Number of bins with at least one spike."""
        return self.step.numel()

    def sample_index(self) -> Tensor:
        """[filled] int64: sample of each filled bin."""
        samples = torch.arange(self.n_samples, device=self.offset.device)
        return torch.repeat_interleave(samples, self.offset.diff(), output_size=self.n_filled)

    def counts(self) -> Tensor:
        """[neurons] int64: spikes of each neuron in all samples."""
        if self.count is None:
            return torch.bincount(self.neuron, minlength=self.n_neurons)
        counts = torch.zeros(self.n_neurons, dtype=torch.int64, device=self.neuron.device)
        return counts.index_add_(0, self.neuron, self.count.to(torch.int64))

    def per_spike(self, gradient: Tensor) -> Tensor:
        """[filled] float: ∂L/∂t of each spike of a bin, from that of the time that they share."""
        return gradient if self.count is None else gradient / self.count

    def per_bin(self, gradient: Tensor | None) -> Tensor | None:
        """[filled] float: ∂L/∂t of a bin's time, from that of each of its spikes."""
        return gradient if gradient is None or self.count is None else gradient * self.count

    def first_ms(self, silence_ms: float) -> Tensor:
        """[samples, neurons] float: time of each neuron's first spike, differentiable.

        Args:
            silence_ms: value for neurons that do not spike.
        """
        assert self.time_ms is not None
        cells = self.n_samples * self.n_neurons
        cell = self.sample_index() * self.n_neurons + self.neuron
        place = torch.arange(self.n_filled, device=cell.device)
        first = torch.full((cells,), self.n_filled, device=cell.device)
        # Within a sample, bins are sorted by time. Therefore the first spike of a neuron has the
        # lowest index.
        first = first.scatter_reduce(0, cell, place, "amin")
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
            None if self.count is None else self.count[pick],
            None if self.time_ms is None else self.time_ms[pick],
        )


@dataclass(frozen=True, eq=False)
class LifRun:
    """Results of the forward pass of spiking neurons that the backward pass needs.

    Attributes:
        spikes: the spikes, without times.
        slope: [filled] float, q of each spike; of a bin of several spikes, q of the first that
            crosses the threshold, divided by the number of crossings.
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
        _merged_counts(parts, order),
        _merged_times(parts, order),
    )


def _merged_counts(parts: Sequence[SpikeTrains], order: Tensor) -> Tensor | None:
    """Counts of several spike trains in the merged order; None if each bin has one spike."""
    if all(trains.count is None for trains in parts):
        return None
    one = order.new_ones(1, dtype=torch.uint8)
    counts = [one.expand(t.n_filled) if t.count is None else t.count for t in parts]
    return torch.cat(counts)[order]


def _merged_times(parts: Sequence[SpikeTrains], order: Tensor) -> Tensor | None:
    """Differentiable times of several spike trains in the merged order; None without times."""
    exact_times = [trains.time_ms for trains in parts if trains.time_ms is not None]
    if not exact_times:
        return None
    times = [
        exact_times[0].new_zeros(trains.n_filled) if trains.time_ms is None else trains.time_ms
        for trains in parts
    ]
    return torch.cat(times)[order]

"""Forward and backward pass of one population over a batch, in portions of a few samples.

The torch layers call this; it knows arrays only. Memory in flight is a portion's traces,
neurons × steps × samples of a portion, whatever the size of the batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmtool.dynamics import HOP_LATENCY
from nmtool.raster import Raster
from training.cell import Cell
from training.kernels import adjoint, currents, events, forward, gradients

PORTION = 16
"""Samples in flight: enough for as many threads, few enough for memory."""

TILE_BYTES = 36 << 10
"""Adjoint traces of one neuron over a tile of samples should stay in a first-level cache."""


@dataclass(frozen=True, eq=False)
class Synapses:
    """A projection as the kernels read it.

    Attributes:
        weight: [pre, post] float, jumps of u (already multiplied by b).
        delay: [pre, post] unsigned, whole steps.
    """

    weight: NDArray
    delay: NDArray

    @classmethod
    def none(cls, size: int, dtype: np.dtype) -> Synapses:
        """No synapses at all, for populations without recurrence."""
        return cls(np.zeros((0, size), dtype), np.zeros((0, size), np.uint8))

    @property
    def by_post(self) -> tuple[NDArray, NDArray]:
        """Weight and delay as [post, pre]."""
        return np.ascontiguousarray(self.weight.T), np.ascontiguousarray(self.delay.T)

    @property
    def reach(self) -> int:
        """Steps from a spike to its last arrival."""
        return int(self.delay.max(initial=0)) + HOP_LATENCY


@dataclass(frozen=True, eq=False)
class SynapseGradients:
    """Gradients of a projection, summed over samples.

    Attributes:
        weight: [pre, post] float, by jumps of u.
        delay_ms: [pre, post] float, by delays in ms.
    """

    weight: NDArray
    delay_ms: NDArray


@dataclass(frozen=True, eq=False)
class LifRun:
    """What the forward pass of spiking neurons leaves for the backward pass.

    Attributes:
        spikes: the raster.
        slope: [spikes] float, q of each spike.
    """

    spikes: Raster
    slope: NDArray


@dataclass(frozen=True, eq=False)
class Backward:
    """Result of a backward pass.

    Attributes:
        afferent, recurrent: gradients of the synapses; recurrent is None without recurrence.
        source_time: [source spikes] float, ∂L/∂t per ms of the afferent spikes; None unless
            asked for.
    """

    afferent: SynapseGradients
    recurrent: SynapseGradients | None
    source_time: NDArray | None


class Block:
    """Neurons that are simulated together, their afferent synapses and their recurrent ones.

    Args:
        cell: constants of the neurons.
        afferent: synapses from the source, [source neurons, neurons].
        recurrent: synapses among the neurons, or None.
    """

    def __init__(self, cell: Cell, afferent: Synapses, recurrent: Synapses | None) -> None:
        self.cell = cell
        self.dtype = cell.alpha.dtype
        self.size = cell.alpha.size
        self.afferent = afferent
        self.is_recurrent = recurrent is not None
        self.recurrent = recurrent or Synapses.none(self.size, self.dtype)
        self.reach = max(self.afferent.reach, self.recurrent.reach)

    def run_lif(self, source: Raster) -> LifRun:
        """Forward pass of spiking neurons.

        Args:
            source: the afferent spikes.
        """
        runs = [self._run_lif(portion) for portion in _portions(source)]
        spikes = Raster.concatenate([run.spikes for run in runs])
        return LifRun(spikes, np.concatenate([run.slope for run in runs]))

    def _run_lif(self, source: Raster) -> LifRun:
        n_steps = source.n_steps
        drive = self._drive(source)
        capacity = n_steps * self.size
        neuron = np.empty((source.n_samples, capacity), np.int32)
        slope = np.empty((source.n_samples, capacity), self.dtype)
        count = np.empty((source.n_samples, n_steps + 1), np.int64)
        weight, delay = self.recurrent.weight, self.recurrent.delay
        forward.run_lif(
            self.cell, self.is_recurrent, weight, delay, n_steps, drive, neuron, slope, count
        )
        total = count[:, -1]
        raster = Raster(
            np.concatenate(([0], np.cumsum(total))),
            _steps_of(count),
            np.concatenate([row[:length] for row, length in zip(neuron, total, strict=True)]),
            n_steps,
            self.size,
        )
        kept = [row[:length] for row, length in zip(slope, total, strict=True)]
        return LifRun(raster, np.concatenate(kept))

    def run_li(self, source: Raster) -> NDArray:
        """Forward pass of non-spiking neurons: [samples, T, neurons] float, v[n]."""
        membrane = np.empty((source.n_samples, source.n_steps, self.size), self.dtype)
        first = 0
        for portion in _portions(source):
            last = first + portion.n_samples
            forward.run_li(self.cell, self._drive(portion), membrane[first:last])
            first = last
        return membrane

    def _drive(self, source: Raster) -> NDArray:
        stride = source.n_steps + self.reach
        tile = self.tile(stride)
        start, position = _by_channel(source, source.n_neurons, tile, stride)
        drive = np.empty((source.n_samples, stride, self.size), self.dtype)
        currents.afferent_drive(*self.afferent.by_post, start, position, tile, drive)
        return drive

    def tile(self, stride: int) -> int:
        return min(PORTION, max(1, TILE_BYTES // (2 * stride * self.dtype.itemsize)))

    def backward_lif(
        self,
        source: Raster,
        run: LifRun,
        time_gradient: NDArray,
        push: NDArray,
        *,
        want_source_time: bool,
    ) -> Backward:
        """Backward pass of spiking neurons.

        Args:
            source, run: as in the forward pass.
            time_gradient: [spikes] float, ∂L/∂t per ms of every spike, from elsewhere.
            push: [neurons] float, added to μ_v at every spike.
            want_source_time: whether the source's spikes need gradients.
        """
        sums = _Sums(self, source, want_source_time)
        spikes = run.spikes
        for first, last in _bounds(source.n_samples):
            part = slice(spikes.offset[first], spikes.offset[last])
            own = spikes.take(np.arange(first, last))
            mu_u, c = self._adjoint_arrays(last - first, source.n_steps)
            adjoint.run_lif_adjoint(
                self.cell,
                self.is_recurrent,
                self.recurrent.weight,
                self.recurrent.delay,
                source.n_steps,
                own.step_offset(),
                own.neuron,
                run.slope[part],
                time_gradient[part],
                push,
                mu_u,
                c,
            )
            sums.add(first, last, mu_u, c, own)
        return sums.result()

    def backward_li(
        self, source: Raster, d_membrane: NDArray, *, want_source_time: bool
    ) -> Backward:
        """Backward pass of non-spiking neurons.

        Args:
            source: as in the forward pass.
            d_membrane: [samples, T, neurons] float, ∂L/∂v[n].
            want_source_time: whether the source's spikes need gradients.
        """
        sums = _Sums(self, source, want_source_time)
        for first, last in _bounds(source.n_samples):
            mu_u, c = self._adjoint_arrays(last - first, source.n_steps)
            adjoint.run_li_adjoint(self.cell, d_membrane[first:last], mu_u, c)
            sums.add(first, last, mu_u, c, None)
        return sums.result()

    def _adjoint_arrays(self, n_samples: int, n_steps: int) -> tuple[NDArray, NDArray]:
        shape = (n_samples, n_steps + self.reach, self.size)
        mu_u, c = np.empty(shape, self.dtype), np.empty(shape, self.dtype)
        mu_u[:, n_steps:], c[:, n_steps:] = 0.0, 0.0
        return mu_u, c


class _Sums:
    """Gradients of a block's synapses while its portions go by."""

    def __init__(self, block: Block, source: Raster, want_source_time: bool) -> None:
        self.block = block
        self.source = source
        self.afferent = _Accumulator(block.afferent)
        self.recurrent = _Accumulator(block.recurrent)
        self.source_time = np.empty(source.n_spikes, block.dtype) if want_source_time else None

    def add(self, first: int, last: int, mu_u: NDArray, c: NDArray, own: Raster | None) -> None:
        portion = self.source.take(np.arange(first, last))
        stride = mu_u.shape[1]
        tile = self.block.tile(stride)
        if own is None or not self.block.is_recurrent:
            own = Raster.silent(portion.n_samples, portion.n_steps, 0)
        gradients.synapse_gradients(
            self.afferent.over(portion, tile, stride),
            self.recurrent.over(own, tile, stride),
            tile,
            mu_u,
            c,
        )
        if self.source_time is not None:
            synapses = self.block.afferent
            part = slice(self.source.offset[first], self.source.offset[last])
            gradients.spike_time_gradients(
                synapses.weight,
                synapses.delay,
                portion.offset,
                portion.step,
                portion.neuron,
                c,
                self.source_time[part],
            )

    def result(self) -> Backward:
        recurrent = self.recurrent.result() if self.block.is_recurrent else None
        return Backward(self.afferent.result(), recurrent, self.source_time)


class _Accumulator:
    def __init__(self, synapses: Synapses) -> None:
        self.weight, self.delay = synapses.by_post
        self.d_weight = np.zeros_like(self.weight)
        self.d_time = np.zeros_like(self.weight)

    def over(self, spikes: Raster, tile: int, stride: int) -> gradients.Gathering:
        start, position = _by_channel(spikes, self.weight.shape[1], tile, stride)
        return gradients.Gathering(
            self.weight, self.delay, start, position, self.d_weight, self.d_time
        )

    def result(self) -> SynapseGradients:
        return SynapseGradients(
            np.ascontiguousarray(self.d_weight.T), np.ascontiguousarray(self.d_time.T)
        )


def _bounds(n_samples: int) -> Iterator[tuple[int, int]]:
    for first in range(0, n_samples, PORTION):
        yield first, min(first + PORTION, n_samples)


def _portions(source: Raster) -> Iterator[Raster]:
    for first, last in _bounds(source.n_samples):
        yield source.take(np.arange(first, last))


def _by_channel(spikes: Raster, channels: int, tile: int, stride: int) -> tuple[NDArray, NDArray]:
    n_tiles = -(-spikes.n_samples // tile)
    start = np.empty((n_tiles, channels + 1), np.uint64)
    position = np.empty(spikes.n_spikes, np.uint32)
    events.by_channel(
        spikes.offset,
        spikes.step,
        spikes.neuron,
        channels,
        tile,
        stride,
        start,
        position,
    )
    return start, position


def _steps_of(count: NDArray) -> NDArray[np.int32]:
    """Steps of the spikes, sample after sample, from how many came before each step."""
    n_samples, edges = count.shape
    steps = np.tile(np.arange(edges - 1, dtype=np.int32), n_samples)
    return np.repeat(steps, np.diff(count, axis=1).ravel())

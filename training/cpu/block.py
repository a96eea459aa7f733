"""Forward and backward pass of one block of neurons over a batch, in portions of a few samples.

The torch layers call this; it knows arrays only. Memory in flight is a portion's traces,
neurons × steps × samples of a portion, whatever the size of the batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmtool.raster import Raster
from training.cell import Cell
from training.cpu.kernels import adjoint, currents, forward, gradients
from training.cpu.portions import PORTION, bounds, by_channel, samples_per_tile, steps_of
from training.cpu.synapses import GradientSum, SynapseGradients, Synapses


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
        drive = self._scratch(source)
        runs = [self._run_lif(portion, drive) for portion in _portions(source)]
        spikes = Raster.concatenate([run.spikes for run in runs])
        return LifRun(spikes, np.concatenate([run.slope for run in runs]))

    def _run_lif(self, source: Raster, scratch: NDArray) -> LifRun:
        n_steps = source.n_steps
        drive = self._drive(source, scratch)
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
            steps_of(count),
            np.concatenate([row[:length] for row, length in zip(neuron, total, strict=True)]),
            n_steps,
            self.size,
        )
        kept = [row[:length] for row, length in zip(slope, total, strict=True)]
        return LifRun(raster, np.concatenate(kept))

    def run_li(self, source: Raster) -> NDArray:
        """Forward pass of non-spiking neurons: [samples, T, neurons] float, v[n]."""
        membrane = np.empty((source.n_samples, source.n_steps, self.size), self.dtype)
        scratch, first = self._scratch(source), 0
        for portion in _portions(source):
            last = first + portion.n_samples
            forward.run_li(self.cell, self._drive(portion, scratch), membrane[first:last])
            first = last
        return membrane

    def _scratch(self, source: Raster) -> NDArray:
        """[samples of a portion, stride, neurons] float, taken once per pass."""
        shape = (min(PORTION, source.n_samples), source.n_steps + self.reach, self.size)
        return np.empty(shape, self.dtype)

    def _drive(self, source: Raster, scratch: NDArray) -> NDArray:
        drive = scratch[: source.n_samples]
        stride = drive.shape[1]
        tile = samples_per_tile(stride, self.dtype)
        start, position = by_channel(source, source.n_neurons, tile, stride)
        currents.afferent_drive(*self.afferent.by_post, start, position, tile, drive)
        return drive

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
        spikes, scratch = run.spikes, self._adjoint_scratch(source)
        for first, last in bounds(source.n_samples):
            part = slice(spikes.offset[first], spikes.offset[last])
            own = spikes.take(np.arange(first, last))
            mu_u, c = (array[: last - first] for array in scratch)
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
        sums, scratch = _Sums(self, source, want_source_time), self._adjoint_scratch(source)
        for first, last in bounds(source.n_samples):
            mu_u, c = (array[: last - first] for array in scratch)
            adjoint.run_li_adjoint(self.cell, d_membrane[first:last], mu_u, c)
            sums.add(first, last, mu_u, c, None)
        return sums.result()

    def _adjoint_scratch(self, source: Raster) -> tuple[NDArray, NDArray]:
        """Room for μ_u and c of a portion; zero beyond the last step, where nothing counts."""
        arrays = self._scratch(source), self._scratch(source)
        for array in arrays:
            array[:, source.n_steps :] = 0.0
        return arrays


class _Sums:
    """Gradients of a block's synapses while its portions go by."""

    def __init__(self, block: Block, source: Raster, want_source_time: bool) -> None:
        self.block = block
        self.source = source
        self.afferent = GradientSum(block.afferent)
        self.recurrent = GradientSum(block.recurrent)
        self.source_time = np.empty(source.n_spikes, block.dtype) if want_source_time else None

    def add(self, first: int, last: int, mu_u: NDArray, c: NDArray, own: Raster | None) -> None:
        portion = self.source.take(np.arange(first, last))
        stride = mu_u.shape[1]
        tile = samples_per_tile(stride, self.block.dtype)
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


def _portions(source: Raster) -> Iterator[Raster]:
    for first, last in bounds(source.n_samples):
        yield source.take(np.arange(first, last))

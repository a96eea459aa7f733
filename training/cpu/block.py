"""Forward and backward pass of one block of neurons over a batch, in portions of a few samples.

Memory in flight is a portion's traces, neurons × steps × samples of a portion, whatever the size
of the batch; what stays of the forward pass is a compact tape of spikes.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray
from torch import Tensor

from training.cell import Cell
from training.cpu.kernels import adjoint, currents, forward, gradients
from training.cpu.portions import Cut, Spikes
from training.cpu.synapses import GradientSum, Matrix
from training.engine import Backward, LifRun, Synapses
from training.spike_trains import SpikeTrains


class Block:
    """The block of `training.engine`, computed by Numba's kernels on the CPU.

    Args:
        cell: constants of the neurons.
        afferent: synapses from the source, [source neurons, neurons].
        recurrent: synapses among the neurons, or None.
    """

    def __init__(self, cell: Cell, afferent: Synapses, recurrent: Synapses | None) -> None:
        self.cell = cell
        self.dtype = cell.alpha.dtype
        self.float_type = torch.from_numpy(cell.alpha).dtype
        self.size = cell.alpha.size
        self.is_recurrent = recurrent is not None
        self.nothing = Matrix.of(None, self.size, self.dtype)
        self.afferent = Matrix.of(afferent, self.size, self.dtype)
        self.recurrent = Matrix.of(recurrent, self.size, self.dtype)

    @property
    def sent(self) -> Matrix:
        """What afferent spikes add up to, in the numbers of the forward pass."""
        return self.afferent

    def run_lif(self, source: SpikeTrains) -> LifRun:
        """See `training.engine.Block`."""
        cut, spikes = self.cut(source), _arrays(source)
        drive = self.traces(cut, source.n_samples, self.sent.weight.dtype)
        tape = Tape(cut, source.n_samples, self.size, self.dtype)
        for first, last in cut.bounds(source.n_samples):
            traces = self._drive(spikes.part(first, last), cut, drive)
            room = tape.room(last - first)
            self.spike(cut, traces, *room)
            tape.keep(*room)
        return tape.run()

    def spike(
        self, cut: Cut, drive: NDArray, neuron: NDArray, slope: NDArray, count: NDArray
    ) -> None:
        """Run spiking neurons over a portion; arguments as of the kernel `run_lif`."""
        loop = self.recurrent
        forward.run_lif(
            self.cell,
            loop.weight,
            loop.delay,
            loop.reach,
            cut.stride,
            drive,
            neuron,
            slope,
            count,
        )

    def run_li(self, source: SpikeTrains) -> Tensor:
        """See `training.engine.Block`."""
        cut, spikes = self.cut(source), _arrays(source)
        drive = self.traces(cut, source.n_samples, self.sent.weight.dtype)
        shape = (source.n_samples, source.n_steps, self.size)
        membrane = np.empty(shape, self.sent.weight.dtype)
        for first, last in cut.bounds(source.n_samples):
            traces = self._drive(spikes.part(first, last), cut, drive)
            self.integrate(cut, traces, membrane[first:last])
        return torch.from_numpy(membrane)

    def integrate(self, cut: Cut, drive: NDArray, membrane: NDArray) -> None:
        """Run non-spiking neurons over a portion; arguments as of the kernel `run_li`."""
        forward.run_li(self.cell, cut.stride, drive, membrane)

    def backward_lif(
        self,
        source: SpikeTrains,
        run: LifRun,
        time_gradient: Tensor,
        push: Tensor,
        *,
        want_source_time: bool,
    ) -> Backward:
        """See `training.engine.Block`."""
        sums = _Sums(self, source, want_source_time)
        own = _arrays(run.spikes)
        gradient = np.array(time_gradient.numpy(), self.dtype)
        slope, pushes = run.slope.numpy(), push.numpy()
        for first, last in sums.cut.bounds(source.n_samples):
            part = own.part(first, last)
            mu_u = sums.traces(last - first)
            adjoint.run_lif_adjoint(
                self.cell,
                _senders(self.recurrent, part, sums.cut, gradient),
                slope,
                pushes,
                sums.senders(first, last),
                sums.reach,
                sums.cut.stride,
                mu_u,
            )
            sums.add(first, last, mu_u, part)
        return sums.result()

    def backward_li(
        self, source: SpikeTrains, d_membrane: Tensor, *, want_source_time: bool
    ) -> Backward:
        """See `training.engine.Block`."""
        sums = _Sums(self, source, want_source_time)
        for first, last in sums.cut.bounds(source.n_samples):
            mu_u = sums.traces(last - first)
            adjoint.run_li_adjoint(
                self.cell,
                d_membrane[first:last].to(self.float_type).contiguous().numpy(),
                sums.senders(first, last),
                sums.reach,
                sums.cut.stride,
                mu_u,
            )
            sums.add(first, last, mu_u, sums.spikes.part(first, last))
        return sums.result()

    def cut(self, source: SpikeTrains) -> Cut:
        """How a batch is cut, forward and backward alike."""
        reach = max(self.afferent.reach, self.recurrent.reach)
        return Cut.of(source.n_steps, reach, source.n_samples, self.dtype)

    def traces(self, cut: Cut, n_samples: int, dtype: DTypeLike) -> NDArray:
        """[tiles of a portion, neurons, tile·stride] numbers, taken once per pass."""
        tiles = cut.n_tiles(min(cut.portion, n_samples))
        return np.empty((tiles, self.size, cut.tile * cut.stride), dtype)

    def _drive(self, part: Spikes, cut: Cut, scratch: NDArray) -> NDArray:
        traces = scratch[: cut.n_tiles(part.n_samples)]
        weight, delay = self.sent.weight_by_post, self.sent.delay_by_post
        currents.afferent_drive(weight, delay, *part.by_channel(weight.shape[1], cut), traces)
        return traces


class Tape:
    """Spikes of a block, portion after portion."""

    def __init__(self, cut: Cut, n_samples: int, size: int, dtype: np.dtype) -> None:
        self.cut, self.size = cut, size
        # Pages of the room that no spike touches take up no memory.
        shape = (min(cut.portion, n_samples), cut.n_steps * size)
        self._room = np.empty(shape, np.int32), np.empty(shape, dtype)
        self.total = [np.zeros(1, np.int64)]
        self.step = [np.zeros(0, np.int32)]
        self.neuron = [np.zeros(0, np.int32)]
        self.slope = [np.zeros(0, dtype)]

    def room(self, n_samples: int) -> tuple[NDArray, NDArray, NDArray]:
        """Arrays for neuron, slope and count of a portion."""
        count = np.empty((n_samples, self.cut.n_steps + 1), np.int64)
        neuron, slope = (array[:n_samples] for array in self._room)
        return neuron, slope, count

    def keep(self, neuron: NDArray, slope: NDArray, count: NDArray) -> None:
        """Append what the kernel wrote."""
        total = count[:, -1]
        steps = np.tile(np.arange(self.cut.n_steps, dtype=np.int32), len(count))
        self.total.append(total)
        self.step.append(np.repeat(steps, np.diff(count, axis=1).ravel()))
        self.neuron.extend(row[:n].copy() for row, n in zip(neuron, total, strict=True))
        self.slope.extend(row[:n].copy() for row, n in zip(slope, total, strict=True))

    def run(self) -> LifRun:
        """All of it."""
        offset = torch.from_numpy(np.cumsum(np.concatenate(self.total)))
        step, neuron, slope = (_joined(parts) for parts in (self.step, self.neuron, self.slope))
        spikes = SpikeTrains(offset, step, neuron, self.cut.n_steps, self.size)
        return LifRun(spikes, slope)


def _joined(parts: list[NDArray]) -> Tensor:
    """The parts in one piece; they are let go."""
    whole = torch.from_numpy(np.concatenate(parts))
    parts.clear()
    return whole


class _Sums:
    """Gradients of a block's synapses while its portions go by."""

    def __init__(self, block: Block, source: SpikeTrains, want_source_time: bool) -> None:
        self.block = block
        self.cut = block.cut(source)
        self.spikes = _arrays(source)
        self.afferent = GradientSum(block.afferent)
        self.recurrent = GradientSum(block.recurrent)
        self.asked = block.afferent if want_source_time else block.nothing
        self.reach = max(self.asked.reach, block.recurrent.reach)
        self.source_time = np.zeros(source.n_spikes if want_source_time else 0, block.dtype)
        self._scratch = block.traces(self.cut, source.n_samples, block.dtype)

    def traces(self, n_samples: int) -> NDArray:
        """Room for μ_u of a portion; zero beyond the last step, where nothing counts."""
        part = self._scratch[: self.cut.n_tiles(n_samples)]
        by_sample = part.reshape(*part.shape[:2], self.cut.tile, self.cut.stride)
        by_sample[..., self.cut.n_steps :] = 0.0
        return part

    def senders(self, first: int, last: int) -> adjoint.Senders:
        """The source's spikes, if their time gradients are wanted."""
        return _senders(self.asked, self.spikes.part(first, last), self.cut, self.source_time)

    def add(self, first: int, last: int, mu_u: NDArray, own: Spikes) -> None:
        """Add a portion's gradients."""
        gradients.synapse_gradients(
            self.block.cell,
            self.afferent.over(self.spikes.part(first, last), self.cut),
            self.recurrent.over(own, self.cut),
            mu_u,
        )

    def result(self) -> Backward:
        """The sums."""
        recurrent = self.recurrent.result() if self.block.is_recurrent else None
        wanted = self.asked is self.block.afferent
        source_time = torch.from_numpy(self.source_time) if wanted else None
        return Backward(self.afferent.result(), recurrent, source_time)


def _arrays(trains: SpikeTrains) -> Spikes:
    return Spikes(trains.offset.numpy(), trains.step.numpy(), trains.neuron.numpy())


def _senders(matrix: Matrix, spikes: Spikes, cut: Cut, time_gradient: NDArray) -> adjoint.Senders:
    begin = spikes.by_step(cut.n_steps)
    return adjoint.Senders(matrix.weight, matrix.delay, begin, spikes.neuron, time_gradient)

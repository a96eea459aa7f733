"""Forward and backward pass of a layer over a batch, in portions of a few samples.

Temporary memory has the size of one portion's traces (neurons × steps × samples of the portion),
whatever the batch size. Only lists of spikes are stored from the forward pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray
from torch import Tensor

from nmtool.training.engines.cell import Neurons
from nmtool.training.engines.cpu.kernels import adjoint, currents, forward, gradients, integer
from nmtool.training.engines.cpu.pool import Scratch
from nmtool.training.engines.cpu.portions import ByChannel, Cut, Spikes
from nmtool.training.engines.cpu.synapses import GradientSum, Matrix
from nmtool.training.engines.spike_trains import LifRun, SpikeTrains
from nmtool.training.engines.synapses import Gradients, Synapses


class Layer:
    """Neurons that are simulated together, with their afferent and recurrent synapses.

    For integer arithmetic, the forward pass runs in the chip's integers. The backward pass is the
    same as for floats, with the values that those integers represent.

    Args:
        neurons: constants of the neurons.
        afferent: synapses from the source, [source neurons, neurons].
        recurrent: synapses among the neurons, or None.
        scratch: memory for temporary arrays.
    """

    def __init__(
        self,
        neurons: Neurons,
        afferent: Synapses,
        recurrent: Synapses | None,
        scratch: Scratch,
    ) -> None:
        self.neurons, self.scratch = neurons, scratch
        self.constants, self.integers = neurons.constants, neurons.integers
        self.dtype = self.constants.alpha.dtype
        self.float_type = torch.from_numpy(self.constants.alpha).dtype
        self.size = self.constants.alpha.size
        self.is_recurrent = recurrent is not None
        self.no_synapses = Matrix.of(None, self.size, self.dtype)
        self.afferent = Matrix.of(afferent, self.size, self.dtype)
        self.recurrent = Matrix.of(recurrent, self.size, self.dtype)
        # If the run trains in integers, the forward pass has its own synapses, which are rounded to
        # integers.
        self.forward_afferent, self.forward_recurrent = self.afferent, self.recurrent
        if self.integers is not None:
            self.forward_afferent = Matrix.of_integers(afferent, self.size)
            self.forward_recurrent = Matrix.of_integers(recurrent, self.size)
        self._sorted: tuple[SpikeTrains, ByChannel] | None = None

    def run_lif(self, source: SpikeTrains) -> LifRun:
        """Run the spiking neurons of the layer on a batch; return their spikes and slopes.

        Args:
            source: the afferent spikes.
        """
        cut, arriving = self.cut(source), self.by_channel(source)
        tape = Tape(cut, self.size, self.dtype)
        in_flight = min(cut.portion, source.n_samples)
        shape = in_flight, cut.n_steps * self.size
        with (
            self.traces(cut, in_flight, self.forward_afferent.weight.dtype) as drive,
            self.scratch.spike_lists.lend(shape, np.int32) as neuron,
            self.scratch.spike_lists.lend(shape, self.dtype) as slope,
            self.counts(shape) as counts,
        ):
            for first, last in cut.bounds(source.n_samples):
                traces = self._drive(arriving, first, last, drive)
                begin = np.empty((last - first, cut.n_steps + 1), np.int64)
                self.run_lif_portion(cut, traces, neuron, slope, begin, counts)
                tape.append(neuron, slope, begin, counts)
        return tape.lif_run()

    @contextmanager
    def counts(self, shape: tuple[int, int]) -> Iterator[forward.Counts | None]:
        """Borrow arrays for numbers of spikes; None if the neurons spike at most once in a step."""
        most = self.neurons.most_spikes
        if most is None:
            yield None
            return
        with self.scratch.spike_lists.lend(shape, np.uint8) as spikes:
            yield forward.Counts(most, spikes)

    def run_lif_portion(
        self,
        cut: Cut,
        drive: NDArray,
        neuron: NDArray,
        slope: NDArray,
        begin: NDArray,
        counts: forward.Counts | None,
    ) -> None:
        """Run spiking neurons over a portion; arrays are as for the kernel `run_lif`."""
        loop = (
            self.forward_recurrent.weight,
            self.forward_recurrent.delay,
            self.forward_recurrent.arrival_span,
        )
        lists = neuron, slope, begin, counts
        if self.integers is None:
            forward.run_lif(self.constants, *loop, cut.stride, drive, *lists)
            return
        faults = np.zeros((len(begin), 2, self.size), np.int64)
        chip_arguments = self.constants, self.integers
        kernels = integer.kernels(self.neurons.arithmetic)
        kernels.run_lif(*chip_arguments, *loop, cut.stride, drive, *lists, faults)
        self.neurons.add_faults(faults)

    def run_li(self, source: SpikeTrains) -> Tensor:
        """Run non-spiking neurons on a batch, and return v[n], [samples, T, neurons] float.

        In integer arithmetic, the result is always float64, so that v/unit·unit is exact.

        Args:
            source: the afferent spikes.
        """
        cut, arriving = self.cut(source), self.by_channel(source)
        shape = (source.n_samples, source.n_steps, self.size)
        membrane = np.empty(shape, self.forward_afferent.weight.dtype)
        in_flight = min(cut.portion, source.n_samples)
        with self.traces(cut, in_flight, membrane.dtype) as drive:
            for first, last in cut.bounds(source.n_samples):
                traces = self._drive(arriving, first, last, drive)
                self.run_li_portion(cut, traces, membrane[first:last])
        if self.integers is None:
            return torch.from_numpy(membrane)
        return torch.from_numpy(membrane).to(torch.float64) / torch.from_numpy(self.integers.unit)

    def run_li_portion(self, cut: Cut, drive: NDArray, membrane: NDArray) -> None:
        """Run non-spiking neurons over a portion; arrays are as for the kernel `run_li`."""
        if self.integers is None:
            forward.run_li(self.constants, cut.stride, drive, membrane)
            return
        faults = np.zeros((len(membrane), 2, self.size), np.int64)
        kernels = integer.kernels(self.neurons.arithmetic)
        kernels.run_li(self.integers, cut.stride, drive, membrane, faults)
        self.neurons.add_faults(faults)

    def backward_lif(
        self,
        source: SpikeTrains,
        run: LifRun,
        time_gradient: Tensor,
        push: Tensor,
        *,
        want_source_time: bool,
    ) -> Gradients:
        """Run spiking neurons backward.

        Args:
            source, run: as in the forward pass.
            time_gradient: [filled] float, ∂L/∂t per ms of each spike of a bin, from later layers
                and the loss.
            push: [neurons] float, added to μ_v at every spike.
            want_source_time: True to compute gradients of the source's spike times.
        """
        own_spikes = _numpy_spikes(run.spikes)
        sums = _GradientSums(self, source, own_spikes, want_source_time)
        gradient = np.array(time_gradient.numpy(), self.dtype)
        slope, pushes = run.slope.numpy(), push.numpy()
        for first, last in sums.cut.bounds(source.n_samples):
            with sums.traces(last - first) as mu_u:
                adjoint.run_lif_adjoint(
                    self.constants,
                    _source_spikes(
                        self.recurrent, own_spikes.part(first, last), sums.cut, gradient
                    ),
                    slope,
                    own_spikes.count,
                    pushes,
                    sums.source_spikes(first, last),
                    sums.arrival_span,
                    sums.cut.stride,
                    mu_u,
                )
                sums.add(first, last, mu_u)
        return sums.result()

    def backward_li(
        self, source: SpikeTrains, d_membrane: Tensor, *, want_source_time: bool
    ) -> Gradients:
        """Run non-spiking neurons backward.

        Args:
            source: as in the forward pass.
            d_membrane: [samples, T, neurons] float, ∂L/∂v[n].
            want_source_time: True to compute gradients of the source's spike times.
        """
        sums = _GradientSums(self, source, Spikes.none(source.n_samples), want_source_time)
        for first, last in sums.cut.bounds(source.n_samples):
            direct = d_membrane[first:last].to(self.float_type).contiguous().numpy()
            with sums.traces(last - first) as mu_u:
                adjoint.run_li_adjoint(
                    self.constants,
                    direct,
                    sums.source_spikes(first, last),
                    sums.arrival_span,
                    sums.cut.stride,
                    mu_u,
                )
                sums.add(first, last, mu_u)
        return sums.result()

    def cut(self, source: SpikeTrains) -> Cut:
        """Divide a batch into tiles and portions; both passes use the same division."""
        arrival_span = max(self.afferent.arrival_span, self.recurrent.arrival_span)
        return Cut.of(source.n_steps, arrival_span, source.n_samples, self.dtype)

    def traces(self, cut: Cut, n_samples: int, dtype: DTypeLike) -> AbstractContextManager[NDArray]:
        """Borrow an array [tiles, neurons, tile·stride] for the traces of `n_samples` samples."""
        shape = cut.n_tiles(n_samples), self.size, cut.tile * cut.stride
        return self.scratch.traces.lend(shape, dtype)

    def by_channel(self, source: SpikeTrains) -> ByChannel:
        """The source's spikes by channel, sorted once for the forward and the backward pass."""
        if self._sorted is None or self._sorted[0] is not source:
            channels = self.afferent.weight.shape[0]
            self._sorted = source, _numpy_spikes(source).by_channel(channels, self.cut(source))
        return self._sorted[1]

    def _drive(self, arriving: ByChannel, first: int, last: int, scratch: NDArray) -> NDArray:
        traces = scratch[: arriving.cut.n_tiles(last - first)]
        weight, delay = self.forward_afferent.weight_by_post, self.forward_afferent.delay_by_post
        currents.afferent_drive(weight, delay, *arriving.part(first, last), traces)
        return traces


class Tape:
    """Spikes of a layer, collected portion by portion."""

    def __init__(self, cut: Cut, size: int, dtype: np.dtype) -> None:
        self.cut, self.size = cut, size
        self.total = [np.zeros(1, np.int64)]
        self.step = [np.zeros(0, np.int32)]
        self.neuron = [np.zeros(0, np.int32)]
        self.slope = [np.zeros(0, dtype)]
        self.count: list[NDArray] = []

    def append(
        self, neuron: NDArray, slope: NDArray, begin: NDArray, counts: forward.Counts | None
    ) -> None:
        """Append a portion's spikes; all lists may have unused entries at their ends."""
        total = begin[:, -1]
        steps = np.tile(np.arange(self.cut.n_steps, dtype=np.int32), len(begin))
        self.total.append(total)
        self.step.append(np.repeat(steps, np.diff(begin, axis=1).ravel()))
        lists = [(self.neuron, neuron), (self.slope, slope)]
        if counts is not None:
            lists.append((self.count, counts.spikes))
        for collected, rows in lists:
            collected.extend(row[:n].copy() for row, n in zip(rows, total, strict=False))

    def lif_run(self) -> LifRun:
        """All collected spikes, as the result of the forward pass."""
        offset = torch.from_numpy(np.cumsum(np.concatenate(self.total)))
        step, neuron, slope = (_joined(parts) for parts in (self.step, self.neuron, self.slope))
        count = _joined(self.count) if self.count else None
        spikes = SpikeTrains(offset, step, neuron, self.cut.n_steps, self.size, count)
        return LifRun(spikes, slope)


def _joined(parts: list[NDArray]) -> Tensor:
    """Concatenate arrays to a tensor, and empty their list to free memory."""
    whole = torch.from_numpy(np.concatenate(parts))
    parts.clear()
    return whole


class _GradientSums:
    """Gradients of a layer's synapses, accumulated over portions.

    Args:
        layer: the layer with the synapses.
        source: afferent spikes.
        own_spikes: the layer's spikes, of all samples.
        want_source_time: True to compute gradients of the source's spike times.
    """

    def __init__(
        self, layer: Layer, source: SpikeTrains, own_spikes: Spikes, want_source_time: bool
    ) -> None:
        self.layer = layer
        self.cut = layer.cut(source)
        self.arriving = layer.by_channel(source)
        self.own_spikes = own_spikes.by_channel(layer.recurrent.weight.shape[0], self.cut)
        self.afferent = GradientSum(layer.afferent)
        self.recurrent = GradientSum(layer.recurrent)
        self.source_synapses = layer.afferent if want_source_time else layer.no_synapses
        self.spikes = _numpy_spikes(source) if want_source_time else Spikes.none(source.n_samples)
        self.arrival_span = max(self.source_synapses.arrival_span, layer.recurrent.arrival_span)
        self.source_time = np.zeros(self.spikes.step.size, layer.dtype)

    @contextmanager
    def traces(self, n_samples: int) -> Iterator[NDArray]:
        """Borrow an array for μ_u of a portion, with zeros after the last step."""
        with self.layer.traces(self.cut, n_samples, self.layer.dtype) as mu_u:
            by_sample = mu_u.reshape(*mu_u.shape[:2], self.cut.tile, self.cut.stride)
            by_sample[..., self.cut.n_steps :] = 0.0
            yield mu_u

    def source_spikes(self, first: int, last: int) -> adjoint.SourceSpikes:
        """The portion's afferent spikes and synapses; empty unless time gradients are needed."""
        return _source_spikes(
            self.source_synapses, self.spikes.part(first, last), self.cut, self.source_time
        )

    def add(self, first: int, last: int, mu_u: NDArray) -> None:
        """Add the gradients of the portion with samples first … last − 1."""
        gradients.synapse_gradients(
            self.afferent.kernel_arguments(self.arriving, first, last),
            self.recurrent.kernel_arguments(self.own_spikes, first, last),
            mu_u,
        )

    def result(self) -> Gradients:
        """The gradients of all portions added so far."""
        recurrent = self.recurrent.result() if self.layer.is_recurrent else None
        has_source_time = self.source_synapses is self.layer.afferent
        source_time = torch.from_numpy(self.source_time) if has_source_time else None
        return Gradients(self.afferent.result(), recurrent, source_time)


def _numpy_spikes(trains: SpikeTrains) -> Spikes:
    """Convert spike trains to arrays for the kernels, without copies."""
    count = None if trains.count is None else trains.count.numpy()
    return Spikes(trains.offset.numpy(), trains.step.numpy(), trains.neuron.numpy(), count)


def _source_spikes(
    matrix: Matrix, spikes: Spikes, cut: Cut, time_gradient: NDArray
) -> adjoint.SourceSpikes:
    """Arguments of the adjoint kernels: spikes of a source, their synapses and time gradients."""
    begin = spikes.by_step(cut.n_steps)
    return adjoint.SourceSpikes(matrix.weight, matrix.delay, begin, spikes.neuron, time_gradient)

"""Forward and backward pass of a layer over a batch, on a GPU.

A batch is processed in portions of samples with bounded scratch memory; the number of launches per
portion is constant. Sorting, counting and summing between the kernels uses torch.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from nmtool.training.engines.cell import Neurons
from nmtool.training.engines.cuda.arrays import free_bytes, launch
from nmtool.training.engines.cuda.kernels import adjoint, currents, forward, gradients
from nmtool.training.engines.cuda.kernels.constants import chip_constants, constants
from nmtool.training.engines.cuda.kernels.counts import no_counts
from nmtool.training.engines.cuda.kernels.warps import PITCH, WARP
from nmtool.training.engines.cuda.limits import Limits, blocks_of, words_of
from nmtool.training.engines.cuda.synapses import GradientSum, first_indices
from nmtool.training.engines.spike_trains import LifRun, SpikeTrains
from nmtool.training.engines.synapses import Gradients, Synapses

ASK_FROM_BYTES = 64 << 20
"""Size of scratch memory from which the GPU is queried for free memory, since the query is slow."""

SPIKE_THREADS = 256
"""Threads per block of kernels with one thread (or warp) per spike or step."""


class Layer:
    """Neurons that are simulated together, with their afferent and recurrent synapses.

    For integer arithmetic, the forward pass runs in the chip's integers. The backward pass is the
    same as for floats, with the values that those integers represent.

    Args:
        neurons: constants of the neurons.
        afferent: synapses from the source, [source neurons, neurons].
        recurrent: synapses among the neurons, or None.
        limits: limits on threads and memory.

    Raises:
        UsageError: delays are too long for the shared memory of a GPU.
    """

    def __init__(
        self,
        neurons: Neurons,
        afferent: Synapses,
        recurrent: Synapses | None,
        limits: Limits | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self.neurons, self.is_recurrent = neurons, recurrent is not None
        self.afferent = _contiguous(afferent)
        self.recurrent = _contiguous(recurrent) if recurrent else _no_synapses(self.afferent)
        self.constants = constants(neurons, self.afferent.weight)
        self.size = self.constants.shape[1]
        self.itemsize = self.constants.element_size()
        self.arrival_span = self.afferent.arrival_span
        self.lanes = self.limits.ring_lanes(self.arrival_span, self.itemsize)
        self.row_bytes = self.size * self.itemsize
        # If the run trains in integers, the forward pass has its own synapses, which are rounded to
        # integers.
        self.forward_afferent, self.forward_recurrent = self.afferent, self.recurrent
        if neurons.integers is not None:
            device = self.constants.device
            self.integers = chip_constants(neurons, device)
            self.unit = torch.from_numpy(neurons.integers.unit).to(device)
            self.forward_afferent = _integer_synapses(afferent)
            self.forward_recurrent = (
                _integer_synapses(recurrent) if recurrent else _no_synapses(self.forward_afferent)
            )
            self.row_bytes += self.size * self.forward_afferent.weight.element_size()

    def run_lif(self, source: SpikeTrains) -> LifRun:
        """Run the spiking neurons of the layer on a batch; return their spikes and slopes.

        Args:
            source: the afferent spikes.

        Raises:
            UsageError: the neurons do not fit the shared memory of a GPU.
        """
        row_bytes = self.row_bytes + 8 * words_of(self.size)
        if self.neurons.most_spikes is not None:
            row_bytes += 4 * self.size
        portions = self._portions(source, row_bytes) or [(0, 0)]
        parts = [self._run_lif(source, first, last) for first, last in portions]
        filled, step, neuron, slope, count = (
            torch.cat(lists) for lists in zip(*parts, strict=True)
        )
        ends = filled.reshape(source.n_samples, source.n_steps).sum(1).cumsum(0)
        offset = torch.cat([ends.new_zeros(1), ends])
        counts = None if self.neurons.most_spikes is None else count.to(torch.uint8)
        spikes = SpikeTrains(offset, step, neuron, source.n_steps, self.size, counts)
        return LifRun(spikes, slope)

    def _run_lif(
        self, source: SpikeTrains, first: int, last: int
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Run spiking neurons over a portion of samples.

        Returns the number of filled bins per step, [samples·T], and step, neuron, q and number of
        spikes of each bin (or `no_counts`).
        """
        n_steps, rows = source.n_steps, (last - first) * source.n_steps
        drive = self._drive(source, first, last)
        tape = drive.new_empty((last - first, n_steps, words_of(self.size)), dtype=torch.int64)
        has_counts = self.neurons.most_spikes is not None
        spikes = no_counts(drive, torch.int32)
        if has_counts:
            spikes = spikes.new_empty((last - first, n_steps, self.size))
        slopes = self.run_lif_portion(drive, tape, spikes).reshape(rows, self.size)
        tape = tape.reshape(rows, tape.shape[2])
        grid = (blocks_of(rows, SPIKE_THREADS),)
        filled = tape.new_empty(rows)
        launch(forward.count_spikes, grid, SPIKE_THREADS, 0, tape, filled)
        step, neuron = source.step.new_empty((2, int(filled.sum())))
        slope, count = slopes.new_empty(step.numel()), spikes
        if has_counts:
            spikes, count = spikes.reshape(rows, self.size), spikes.new_empty(step.numel())
        traces, lists = (tape, slopes, spikes), (step, neuron, slope, count)
        start = filled.cumsum(0) - filled
        launch(forward.list_spikes, grid, SPIKE_THREADS, 0, *traces, start, n_steps, *lists)
        return filled, *lists

    def run_lif_portion(self, drive: Tensor, tape: Tensor, spikes: Tensor) -> Tensor:
        """Run spiking neurons over a portion.

        Args:
            drive: [samples, T, neurons], summed input weights; overwritten in float arithmetic.
            tape: [samples, T, words] int64, filled with masks of spikes.
            spikes: [samples, T, neurons] int32, filled with the number of spikes where a neuron
                spiked; or `no_counts`.

        Returns:
            [samples, T, neurons] float, q where a neuron spiked.
        """
        cut, loop = (
            self.per_sample(len(drive)),
            (self.forward_recurrent.weight, self.forward_recurrent.delay),
        )
        if self.neurons.integers is None:
            launch(forward.run_lif, *cut, self.constants, *loop, drive, tape, spikes)
            return drive
        slopes = torch.empty_like(drive, dtype=self.constants.dtype)
        faults = self._no_faults(len(drive))
        chip_arguments = self.constants, self.integers, self.unit.to(self.constants.dtype)
        kernels = forward.chip_kernels(self.neurons.arithmetic)
        traces = drive, tape, slopes, faults, spikes
        launch(kernels.run_lif, *cut, *chip_arguments, *loop, *traces)
        self._count_faults(faults)
        return slopes

    def per_sample(self, n_samples: int) -> tuple[tuple[int], int, int]:
        """Grid, threads and shared bytes of kernels with one block per sample."""
        shared = self.limits.state_bytes(self.size, self.itemsize)
        return (n_samples,), self.limits.threads_for(self.size), shared

    def run_li(self, source: SpikeTrains) -> Tensor:
        """Run non-spiking neurons on a batch, and return v[n], [samples, T, neurons] float.

        In integer arithmetic, the result is always float64, so that v/unit·unit is exact.

        Args:
            source: the afferent spikes.
        """
        shape = (source.n_samples, source.n_steps, self.size)
        membrane = self.forward_afferent.weight.new_empty(shape)
        for first, last in self._portions(source, self.size * self.itemsize):
            self.run_li_portion(self._drive(source, first, last), membrane[first:last])
        if self.neurons.integers is None:
            return membrane
        return membrane.to(torch.float64) / self.unit

    def run_li_portion(self, drive: Tensor, membrane: Tensor) -> None:
        """Run non-spiking neurons over a portion.

        Args:
            drive: [samples, T, neurons], summed input weights.
            membrane: [samples, T, neurons], filled with v[n].
        """
        grid, threads = self.per_neuron(len(drive))
        if self.neurons.integers is None:
            launch(forward.run_li, grid, threads, 0, self.constants, drive, membrane)
            return
        faults = self._no_faults(len(drive))
        kernels = forward.chip_kernels(self.neurons.arithmetic)
        launch(kernels.run_li, grid, threads, 0, self.integers, drive, membrane, faults)
        self._count_faults(faults)

    def _no_faults(self, n_samples: int) -> Tensor:
        """Counts of wraps and clips before a pass: zeros, [samples, 2, neurons] int64."""
        return self.integers.new_zeros((n_samples, 2, self.size))

    def _count_faults(self, faults: Tensor) -> None:
        """Add the faults of a pass, [samples, 2, neurons] int64, to the neurons' counts.

        The host waits for the device.
        """
        self.neurons.add_faults(faults.sum(dim=0, keepdim=True).cpu().numpy())

    def _portions(self, source: SpikeTrains, row_bytes: int) -> list[tuple[int, int]]:
        """First and last sample (exclusive) of every portion.

        Args:
            source: the afferent spikes.
            row_bytes: scratch memory of one step of a sample.
        """
        sample_bytes, free_memory = row_bytes * source.n_steps, None
        if source.n_samples * sample_bytes >= ASK_FROM_BYTES:
            free_memory = free_bytes(self.constants.device)
        return list(self.limits.portions(source.n_samples, sample_bytes, free_memory))

    def per_neuron(self, n_samples: int) -> tuple[tuple[int, int], int]:
        """Grid and threads of kernels with one thread per sample and neuron."""
        threads = min(SPIKE_THREADS, self.limits.threads_for(self.size))
        return (n_samples, blocks_of(self.size, threads)), threads

    def _drive(self, source: SpikeTrains, first: int, last: int) -> Tensor:
        """Sum the weights of the source's spikes by step of arrival: [samples, T, neurons]."""
        drive = self.forward_afferent.weight.new_empty((last - first, source.n_steps, self.size))
        launch(
            currents.afferent_drive,
            (last - first, blocks_of(self.size, self.lanes)),
            self.lanes,
            self.arrival_span * self.lanes * self.itemsize,
            self.forward_afferent.weight,
            self.forward_afferent.delay,
            source.offset[first : last + 1],
            source.step,
            source.neuron,
            no_counts(drive) if source.count is None else source.count,
            self.arrival_span,
            drive,
        )
        return drive

    def backward_lif(
        self,
        source: SpikeTrains,
        run: LifRun,
        time_gradient: Tensor,
        push: Tensor,
        *,
        want_source_time: bool,
    ) -> Gradients:
        """Run spiking neurons backward; arguments as for the CPU engine's layer."""
        own_spikes, n_steps = run.spikes, source.n_steps
        start = first_indices(
            own_spikes.sample_index() * n_steps + own_spikes.step, own_spikes.n_samples * n_steps
        )
        sums = _GradientSums(self, source, own_spikes, want_source_time)
        count = no_counts(start) if own_spikes.count is None else own_spikes.count
        for first, last, mu_u, c in self._adjoint_portions(source):
            launch(
                adjoint.run_lif_adjoint,
                *self.per_sample(last - first),
                self.constants,
                self.recurrent.weight,
                self.recurrent.delay,
                start[first * n_steps : last * n_steps + 1],
                own_spikes.neuron,
                count,
                run.slope,
                time_gradient.contiguous(),
                push.contiguous(),
                mu_u,
                c,
            )
            sums.add(first, last, mu_u, c)
        return sums.result()

    def backward_li(
        self, source: SpikeTrains, d_membrane: Tensor, *, want_source_time: bool
    ) -> Gradients:
        """Run non-spiking neurons backward; arguments as for the CPU engine's layer."""
        # If the run trains in integers, the gradients of membranes are float64. The adjoint needs
        # the type of the constants.
        d_membrane = d_membrane.to(self.constants.dtype).contiguous()
        sums = _GradientSums(self, source, None, want_source_time)
        for first, last, mu_u, c in self._adjoint_portions(source):
            grid, threads = self.per_neuron(last - first)
            arguments = self.constants, d_membrane[first:last], mu_u, c
            launch(adjoint.run_li_adjoint, grid, threads, 0, *arguments)
            sums.add(first, last, mu_u, c)
        return sums.result()

    def _adjoint_portions(self, source: SpikeTrains) -> Iterator[tuple[int, int, Tensor, Tensor]]:
        """Yield first and last sample (exclusive) of each portion, and arrays for its μ_u and c.

        The arrays are [samples, neurons, T] float. All portions use the same memory, one after the
        other.
        """
        portions = self._portions(source, 2 * self.size * self.itemsize)
        largest = max((last - first for first, last in portions), default=0)
        mu_u, c = self.constants.new_empty((2, largest, self.size, source.n_steps))
        for first, last in portions:
            yield first, last, mu_u[: last - first], c[: last - first]


class _GradientSums:
    """Gradients of a layer's synapses, accumulated over portions."""

    def __init__(
        self,
        layer: Layer,
        source: SpikeTrains,
        own_spikes: SpikeTrains | None,
        want_source_time: bool,
    ) -> None:
        self.layer, self.source = layer, source
        self.offset: list[int] = []
        self.afferent = GradientSum(layer.afferent, source, layer.limits)
        self.recurrent = (
            GradientSum(layer.recurrent, own_spikes, layer.limits)
            if own_spikes is not None and layer.is_recurrent
            else None
        )
        self.source_time = layer.constants.new_empty(source.n_filled) if want_source_time else None
        self.sample = source.sample_index() if want_source_time else None

    def add(self, first: int, last: int, mu_u: Tensor, c: Tensor) -> None:
        """Add the gradients of samples first … last − 1; mu_u and c are their adjoint."""
        self.afferent.add(first, last, mu_u)
        if self.recurrent is not None:
            self.recurrent.add(first, last, mu_u)
        if self.source_time is not None and self.sample is not None:
            spikes = self._spikes(first, last)
            threads = min(SPIKE_THREADS, self.layer.limits.threads)
            warps = threads // WARP
            launch(
                gradients.spike_time_gradients,
                (blocks_of(spikes.stop - spikes.start, warps),),
                threads,
                warps * PITCH * self.layer.itemsize,
                self.layer.afferent.weight,
                self.layer.afferent.delay,
                self.sample[spikes] - first,
                self.source.step[spikes],
                self.source.neuron[spikes],
                c,
                self.source_time[spikes],
            )

    def _spikes(self, first: int, last: int) -> slice:
        """Range of the source's filled bins in samples first … last − 1.

        If there are several portions, the host waits for the GPU.
        """
        if last - first == self.source.n_samples:
            return slice(0, self.source.n_filled)
        self.offset = self.offset or self.source.offset.tolist()
        return slice(self.offset[first], self.offset[last])

    def result(self) -> Gradients:
        """The gradients of all portions added so far."""
        recurrent = self.recurrent.result() if self.recurrent is not None else None
        return Gradients(self.afferent.result(), recurrent, self.source_time)


def _contiguous(synapses: Synapses) -> Synapses:
    """The synapses with contiguous weights and delays, without their parameters."""
    return Synapses(synapses.weight.detach().contiguous(), synapses.delay.contiguous())


def _no_synapses(like: Synapses) -> Synapses:
    """An empty matrix of recurrent synapses, with the types of other synapses."""
    return Synapses(like.weight[:0], like.delay[:0])


def _integer_synapses(synapses: Synapses) -> Synapses:
    """The synapses with the chip's shifted weights in place of the float weights."""
    assert synapses.integer is not None
    return _contiguous(Synapses(synapses.integer, synapses.delay))

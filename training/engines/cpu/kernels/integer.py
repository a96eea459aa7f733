"""The forward pass in a chip's integers: the step of `hardware_sim` in the trainer's time loops.

Weights that arrive in a step are summed in any order here: networks whose sums could clip are
refused beforehand (`IntegerNetwork.check_sums`).

Only the step differs from `forward.py`. Values for the backward pass are in the units of the float
network: u/unit and v/unit.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numba
import numpy as np

from nmtool.arithmetic import Arithmetic
from nmtool.hardware_sim.kernel import compiled_step
from nmtool.hardware_sim.resets import owed_after
from nmtool.training.engines.cpu.kernels.compiled import compiled
from nmtool.training.engines.cpu.kernels.forward import (
    after_reset,
    of_crossings,
    send_recurrent,
    spikes_of_sample,
    times_above,
)
from nmtool.training.engines.cpu.kernels.rings import SPAN, add_to_ring, new_ring

owed_next = compiled(inline="always")(owed_after)


@compiled()
def spike_slope(cell, integer_constants, u, peak, j):
    """Slope q of neuron j at its spike, defined as in `forward.emit`."""
    current, membrane = u / integer_constants.unit[j], peak / integer_constants.unit[j]
    return max(current / cell.b[j], current / cell.gain[j]) + cell.bias[j] - membrane


@compiled()
def any_reset(v, peak, first, last):
    """True if any of the neurons first … last − 1 spiked and was reset from v > 0."""
    reset = False
    for j in range(first, last):
        reset |= v[j] != peak[j]
    return reset


@compiled()
def record_spikes(
    cell,
    integer_constants,
    u,
    v,
    peak,
    added,
    before,
    n,
    s,
    left_over,
    n_bins,
    neuron,
    slope,
    counts,
):
    """Record and reset the neurons that spiked in this step; return the number of bins so far.

    Args:
        cell, integer_constants: constants of the neurons as floats and as integers.
        u, v, peak: [neurons] int64, as `advance` leaves them; v is reset.
        added: [neurons] int64, what the next step adds to v; late resets are added.
        before: [neurons] int64, v at the end of the step before; unused without `counts`.
        n, s, left_over, n_bins, neuron, slope, counts: as in `forward.emit`.
    """
    n_neurons, span = np.uint64(u.size), np.uint64(SPAN)
    for first in range(np.uint64(0), n_neurons, span):
        last = min(first + span, n_neurons)
        if any_reset(v, peak, first, last):
            for j in range(first, last):
                if v[j] != peak[j]:
                    neuron[n_bins] = j
                    slope[n_bins] = spike_slope(cell, integer_constants, u[j], peak[j], j)
                    drop, silent = integer_constants.drop[j], integer_constants.left_from[j] - 1
                    spikes = 1
                    if counts is None:
                        if left_over[j] == n:
                            slope[n_bins] = np.inf
                    else:
                        spikes = times_above(peak[j], True, silent, drop, counts.most[j])
                        owed = times_above(before[j], left_over[j] == n, silent, drop, spikes)
                        later = owed * drop / integer_constants.unit[j]
                        slope[n_bins] = of_crossings(slope[n_bins] + later, spikes - owed)
                        counts.spikes[s, n_bins] = spikes
                    n_bins += 1
                    v[j] = after_reset(peak[j], spikes, drop)
                    added[j] += owed_next(True, drop)
                    if v[j] > silent:
                        left_over[j] = n + 1
    return n_bins


class Kernels(NamedTuple):
    """The compiled forward passes in one integer arithmetic.

    Attributes:
        run_lif, run_li: forward passes of spiking and of non-spiking neurons.
    """

    run_lif: Callable[..., None]
    run_li: Callable[..., None]


@cache
def kernels(arithmetic: Arithmetic) -> Kernels:
    """The forward passes in an integer arithmetic; each is compiled when it first runs."""
    neuron_step = compiled_step(arithmetic.module)

    @compiled()
    def advance(integer_constants, arriving, added, u, v, peak, faults):
        """Advance every neuron by a step, in a loop that the compiler can vectorise.

        Args:
            integer_constants: constants of the neurons as integers, see
                `nmtool.training.engines.cell.IntegerConstants`.
            arriving: [at least neurons] int32, sums of the shifted weights that arrive.
            added: [neurons] int64, added to v: the bias, and late resets.
            u, v: [neurons] int64, the state, which is updated; v is 0 after a spike.
            peak: [neurons] int64, filled with v before the reset; differs from v after a spike.
            faults: [2, neurons] int64, counts of wraps of u and of clips of v; new ones are added.
        """
        for j in range(u.size):
            after = neuron_step(
                np.int64(arriving[j]),
                u[j],
                v[j],
                added[j],
                integer_constants.keep_u[j],
                integer_constants.keep_v[j],
                integer_constants.vth[j],
            )
            u[j], v[j], peak[j] = after.u, after.v, after.peak
            faults[0, j] += after.wrapped
            faults[1, j] += after.clipped

    @compiled(parallel=True)
    def run_lif(
        cell,
        integer_constants,
        weight,
        delay,
        arrival_span,
        stride,
        drive,
        neuron,
        slope,
        begin,
        counts,
        faults,
    ):
        """Run spiking neurons through all steps of every sample.

        Args:
            cell: constants of the neurons as floats, equal to the chip's.
            integer_constants: the same constants as integers.
            weight: [pre, post] int32, shifted weights among the neurons; pre is 0 without
                recurrence.
            delay, arrival_span, stride, neuron, slope, begin, counts: as in
                `nmtool.training.engines.cpu.kernels.forward.run_lif`.
            drive: [tiles, neurons, tile·stride] int32, sums of shifted afferent weights.
            faults: [samples, 2, neurons] int64, counts of wraps of u and clips of v, which are
                increased.
        """
        n_samples, n_steps = begin.shape[0], begin.shape[1] - 1
        n_neurons, tile = drive.shape[1], drive.shape[2] // stride
        for s in numba.prange(n_samples):
            u = np.zeros(n_neurons, np.int64)
            v = np.zeros(n_neurons, np.int64)
            peak = np.zeros(n_neurons, np.int64)
            before = np.zeros(n_neurons, np.int64)
            added = integer_constants.bias.copy()
            left_over = np.full(n_neurons, -1)
            ring = new_ring(arrival_span, n_neurons, np.int32)
            spikes = spikes_of_sample(counts, s)
            n_bins = 0
            for n in range(n_steps):
                if n % SPAN == 0:
                    add_to_ring(ring, n, drive[s // tile], (s % tile) * stride + n)
                begin[s, n] = n_bins
                arriving = ring[n & (ring.shape[0] - 1)]
                if counts is not None:
                    before[:] = v
                advance(integer_constants, arriving, added, u, v, peak, faults[s])
                for k in range(begin[s, max(n - 1, 0)], n_bins):
                    added[neuron[s, k]] = integer_constants.bias[neuron[s, k]]
                n_bins = record_spikes(
                    cell,
                    integer_constants,
                    u,
                    v,
                    peak,
                    added,
                    before,
                    n,
                    s,
                    left_over,
                    n_bins,
                    neuron[s],
                    slope[s],
                    counts,
                )
                arriving[:] = 0
                if weight.size:
                    for k in range(begin[s, n], n_bins):
                        send_recurrent(weight, delay, neuron[s, k], spikes, k, n, ring)
            begin[s, n_steps] = n_bins

    @compiled(parallel=True)
    def run_li(integer_constants, stride, drive, membrane, faults):
        """Run non-spiking neurons through all steps of every sample.

        Args:
            integer_constants, stride, drive, faults: as in `run_lif`.
            membrane: [samples, T, neurons] int32, filled with v after each step.
        """
        n_samples, n_steps, n_neurons = membrane.shape
        tile = drive.shape[2] // stride
        for s in numba.prange(n_samples):
            traces, base = drive[s // tile], (s % tile) * stride
            for j in range(n_neurons):
                u, v = np.int64(0), np.int64(0)
                for n in range(n_steps):
                    after = neuron_step(
                        np.int64(traces[j, base + n]),
                        u,
                        v,
                        integer_constants.bias[j],
                        integer_constants.keep_u[j],
                        integer_constants.keep_v[j],
                        integer_constants.vth[j],
                    )
                    u, v = after.u, after.v
                    membrane[s, n, j] = v
                    faults[s, 0, j] += after.wrapped
                    faults[s, 1, j] += after.clipped

    return Kernels(run_lif, run_li)

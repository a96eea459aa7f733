"""The recursion of one time step, for spiking and for non-spiking populations.

u[n] = β·u[n−1] + a[n]
v[n] = α·v[n−1] + u[n] + (1−α)·bias       spike iff v[n] > θ, then v[n] ← 0 or v[n] ← v[n] − c

For a chip's integers the step is that of `hardware_sim`; values for the backward pass are in the
units of the float network, u/unit and v/unit.

If neurons may spike several times in a step, they do so while v[n] > θ, see `counts.py`.

The spikes of a step are a mask with one bit per neuron; a *word* has the bits of 32 neurons. A
*group* has one bit for each of 32 words, set if the word has spikes. The cost of a step is
therefore proportional to its spikes.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
from numba import int32, uint32

from nmtool.arithmetic import Arithmetic
from nmtool.dynamics import HOP_LATENCY
from nmtool.hardware_sim.resets import owed_after, spikes_in, v_after
from nmtool.training.engines.cuda.kernels.compiled import cuda, device_function, index, kernel
from nmtool.training.engines.cuda.kernels.constants import (
    ALPHA,
    BETA,
    BIAS,
    BIAS_STEP,
    CHIP_BIAS,
    CHIP_DROP,
    CHIP_MOST_SPIKES,
    DROP,
    GAIN,
    KEEP_U,
    KEEP_V,
    LEFT_FROM,
    MOST_SPIKES,
    THETA,
    VTH,
    B,
)
from nmtool.training.engines.cuda.kernels.counts import DENSE, LISTED, of_dense

WORD = 32
"""Number of bits of a word."""

BUFFERS = 3
"""Number of masks in shared memory: in a step, one is filled, one may still be read, and one is
cleared."""

after_reset = device_function(v_after)
owed_next = device_function(owed_after)
times_above = device_function(spikes_in)


@device_function
def mark(j, words, groups):
    """Mark in the mask of a step that neuron j spikes; the order of calls has no effect."""
    word = j // WORD
    cuda.atomic.or_(words, word, np.uint32(np.uint32(1) << np.uint32(j % WORD)))
    cuda.atomic.or_(groups, word // WORD, np.uint32(np.uint32(1) << np.uint32(word % WORD)))


@device_function
def spike_slope(cell, j, current, membrane):
    """Slope of neuron j at its spike: q = max(u/b, u/(1−α)) + bias − v.

    Args:
        cell: [constants, neurons] float.
        j: index of the neuron.
        current, membrane: u and v before the reset, in units of u.
    """
    return max(current / cell[B, j], current / cell[GAIN, j]) + cell[BIAS, j] - membrane


@device_function
def spikes_above(cell, i, v, most):
    """How often v of neuron i is above θ if c is subtracted each time, up to `most` times.

    `most` is a float. All arithmetic has the type of the constants.
    """
    number, times = cell.dtype.type, 0
    while number(times) < most and v - number(times) * cell[DROP, i] > cell[THETA, i]:
        times += 1
    return times


@device_function
def advance(cell, a, u, v, words, groups, spikes, s, n):
    """Advance the thread's neurons by a step and mark those that spike.

    Args:
        cell: [constants, neurons] float.
        a: [neurons] float, the drive of the step; overwritten by q where a neuron spikes, or by ∞
            if the spike is left over: v was above θ after the reset of the step before. Of a bin of
            several spikes, it is q of the first crossing, divided by the number of crossings.
        u, v: [neurons] float, the state, which is updated.
        words, groups: the mask of the step.
        spikes: [samples, T, neurons] int32, filled with the number of spikes where a neuron spikes;
            or `no_counts`.
        s, n: the sample and the step.
    """
    j = cuda.threadIdx.x
    while j < u.size:
        i = index(j)
        before = v[i]
        u[i] = cell[BETA, i] * u[i] + a[i]
        v[i] = cell[ALPHA, i] * v[i] + u[i] + cell[BIAS_STEP, i]
        if v[i] > cell[THETA, i]:
            if spikes.ndim == DENSE:
                number, drop = cell.dtype.type, cell[DROP, i]
                count = spikes_above(cell, i, v[i], cell[MOST_SPIKES, i])
                owed = spikes_above(cell, i, before, number(count))
                if count == owed:
                    a[i] = np.inf
                else:
                    q = spike_slope(cell, i, u[i], v[i] - number(owed) * drop)
                    a[i] = q / number(count - owed)
                spikes[index(s), index(n), i] = count
                v[i] = after_reset(v[i], number(count), drop)
            else:
                a[i] = spike_slope(cell, i, u[i], v[i])
                if before > cell[THETA, i]:
                    a[i] = np.inf
                v[i] = after_reset(v[i], True, cell[DROP, i])
            mark(j, words, groups)
        j += cuda.blockDim.x


@device_function
def send(weight, delay, n, words, groups, spikes, s, drive):
    """Add the weights of the spikes of step n to the drive of the thread's neurons.

    Spikes are added in ascending order of their neurons.

    Args:
        weight, delay: [pre, post], jumps of u, and delays in steps.
        n: the step.
        words, groups: the mask of the step.
        spikes: [samples, T, pre] int32, number of spikes where a neuron spikes, or `no_counts`.
        s: the sample.
        drive: [T, post], the drive; arrivals after the last step are lost.
    """
    for group in range(groups.size):
        occupied = groups[index(group)]
        while occupied != 0:
            word = group * WORD + cuda.ffs(occupied) - 1
            occupied = np.uint32(occupied & (occupied - np.uint32(1)))
            spiking = words[index(word)]
            while spiking != 0:
                i = index(word * WORD + cuda.ffs(spiking) - 1)
                spiking = np.uint32(spiking & (spiking - np.uint32(1)))
                j = cuda.threadIdx.x
                while j < drive.shape[1]:
                    arrival = n + HOP_LATENCY + np.int32(delay[i, index(j)])
                    if arrival < drive.shape[0]:
                        sent = of_dense(weight, i, index(j), spikes, s, n)
                        drive[index(arrival), index(j)] += sent
                    j += cuda.blockDim.x


@device_function
def clear(bits):
    """Set a part of the shared memory to zero; all threads of the block must call this."""
    word = cuda.threadIdx.x
    while word < bits.size:
        bits[index(word)] = np.uint32(0)
        word += cuda.blockDim.x


@device_function
def begin(u, v, masks):
    """Set state and masks to zero, then wait at a barrier; all threads of the block call this."""
    j = cuda.threadIdx.x
    while j < u.size:
        u[j] = v[j] = 0
        j += cuda.blockDim.x
    clear(masks)
    cuda.syncthreads()


@device_function
def record_and_send(weight, delay, n, words, groups, next_but_one, tape, spikes, s, drive):
    """Record a step's mask and send its spikes, after the step's barrier.

    Args:
        weight, delay: [neurons, neurons], recurrent synapses; [0, neurons] without recurrence.
        n: the step.
        words, groups: the mask of the step.
        next_but_one: the mask of step n + 2, which is cleared.
        tape: [words] int64, filled with the mask.
        spikes, s: as in `send`.
        drive: [T, neurons], to which the weights of the spikes are added.
    """
    clear(next_but_one)
    word = cuda.threadIdx.x
    while word < tape.size:
        tape[index(word)] = np.int64(words[index(word)])
        word += cuda.blockDim.x
    if weight.shape[0] > 0:
        send(weight, delay, n, words, groups, spikes, s, drive)


@kernel
def run_lif(cell, weight, delay, drive, tape, spikes):
    """Run spiking neurons through all steps of every sample, one block per sample.

    u, v and the masks are in shared memory. The drive also serves as the delay line of the
    population's own spikes: only the thread of a neuron adds to its drive. Three masks take turns,
    so that a step needs one barrier: the mask of step n is read after the barrier of step n,
    cleared after that of n + 1 and filled again after that of n + 2.

    Args:
        cell: [constants, neurons] float.
        weight, delay: [neurons, neurons], synapses within the population; [0, neurons] without
            recurrence.
        drive: [samples, T, neurons] float, a[n], to which recurrent arrivals are added. Where a
            neuron spikes, a[n] is overwritten by q, see `advance`.
        tape: [samples, T, words] int64, filled with the masks.
        spikes: [samples, T, neurons] int32, filled with the number of spikes where a neuron spikes;
            or `no_counts`.

    Dynamic shared memory: [2, neurons] of the type of `drive`, then [3, words + groups] uint32.
    """
    n_neurons, n_words = drive.shape[2], tape.shape[2]
    s = cuda.blockIdx.x
    state = cuda.shared.array(0, drive.dtype)
    u, v = state[:n_neurons], state[n_neurons : 2 * n_neurons]
    size = n_words + (n_words + WORD - 1) // WORD
    bits = cuda.shared.array(0, uint32)[2 * n_neurons * drive.itemsize // 4 :]
    begin(u, v, bits[: BUFFERS * size])
    for n in range(drive.shape[1]):
        first, later = (n % BUFFERS) * size, ((n + 2) % BUFFERS) * size
        words, groups = bits[first : first + n_words], bits[first + n_words : first + size]
        advance(cell, drive[index(s), index(n)], u, v, words, groups, spikes, s, n)
        cuda.syncthreads()
        next_but_one, row = bits[later : later + size], tape[s, n]
        record_and_send(weight, delay, n, words, groups, next_but_one, row, spikes, s, drive[s])


@kernel
def count_spikes(tape, count):
    """Count the neurons that spike in every step, one thread per step of a sample.

    Args:
        tape: [samples·T, words] int64, masks.
        count: [samples·T] int64, filled with the number of filled bins.
    """
    row = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
    if row < tape.shape[0]:
        total = 0
        for word in range(tape.shape[1]):
            total += cuda.popc(np.uint32(tape[row, word]))
        count[row] = total


@kernel
def list_spikes(tape, slopes, spikes, start, n_steps, step, neuron, slope, count):
    """Convert masks to lists of bins in the order of a raster, one thread per step of a sample.

    Args:
        tape: [samples·T, words] int64, masks.
        slopes: [samples·T, neurons] float, q where a neuron spiked.
        spikes: [samples·T, neurons] int32, number of spikes where a neuron spiked; unused without
            counts.
        start: [samples·T] int64, index of each step's first bin in the lists.
        n_steps: T, time steps of a sample.
        step, neuron: [filled] int32, filled with step and neuron of each bin.
        slope: [filled] float, filled with q of each bin.
        count: [filled] int32, filled with the number of spikes of each bin; or `no_counts`.
    """
    row = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
    if row < tape.shape[0]:
        at, n = start[row], row % n_steps
        for word in range(tape.shape[1]):
            spiking = np.uint32(tape[row, word])
            while spiking != 0:
                i = word * WORD + cuda.ffs(spiking) - 1
                spiking = np.uint32(spiking & (spiking - np.uint32(1)))
                step[at] = n
                neuron[at] = i
                slope[at] = slopes[row, i]
                if count.ndim == LISTED:
                    count[at] = spikes[row, i]
                at += 1


@kernel
def run_li(cell, drive, membrane):
    """Run non-spiking neurons through all steps, one thread per sample and neuron.

    Neighbouring threads are neighbouring neurons: reads and writes are coalesced.

    Args:
        cell: [constants, neurons] float.
        drive: [samples, T, neurons] float, a[n].
        membrane: [samples, T, neurons] float, filled with v[n].
    """
    s, j = cuda.blockIdx.x, cuda.blockIdx.y * cuda.blockDim.x + cuda.threadIdx.x
    if j < drive.shape[2]:
        alpha, beta, bias_step = cell[ALPHA, j], cell[BETA, j], cell[BIAS_STEP, j]
        u = v = drive.dtype.type(0)
        for n in range(drive.shape[1]):
            u = beta * u + drive[s, n, j]
            v = alpha * v + u + bias_step
            membrane[s, n, j] = v


class ChipKernels(NamedTuple):
    """The forward kernels in one integer arithmetic.

    Attributes:
        run_lif, run_li: kernels for spiking and for non-spiking neurons.
    """

    run_lif: Any
    run_li: Any


@cache
def chip_kernels(arithmetic: Arithmetic) -> ChipKernels:
    """The forward kernels in an integer arithmetic; each is compiled at its first launch."""
    chip_step = device_function(import_module(arithmetic.module).neuron_step)
    shift, margin = arithmetic.state_shift, arithmetic.firing_level(0)

    @device_function
    def advance_chip(
        cell, integer_constants, unit, a, u, v, words, groups, slope, faults, spikes, s, n
    ):
        """Advance the thread's neurons by a step in a chip's integers.

        Args:
            cell: [constants, neurons] float, the chip's constants as floats.
            integer_constants: [constants, neurons] int64, see
                `nmtool.training.engines.cuda.kernels.constants`.
            unit: [neurons] float, factor from u and v of the float network to the integers.
            a: [neurons] int32, sums of the shifted weights that arrive.
            u, v: [neurons] int32, the state, which is updated.
            words, groups: the mask of the step.
            slope: [neurons] float, filled where a neuron spikes with q, or with ∞ if the spike is
                left over, see `advance`.
            faults: [2, neurons] int64, counts of wraps of u and of clips of v; new ones are added.
            spikes, s, n: as in `advance`.
        """
        number = unit.dtype.type
        j = cuda.threadIdx.x
        while j < u.size:
            i = index(j)
            added = integer_constants[CHIP_BIAS, i]
            # Only after a spike, and only with some resets, v is still at the firing level.
            if v[i] >= (integer_constants[VTH, i] << shift) + margin:
                added += owed_next(True, integer_constants[CHIP_DROP, i])
            after = chip_step(
                np.int64(a[i]),
                np.int64(u[i]),
                np.int64(v[i]),
                added,
                integer_constants[KEEP_U, i],
                integer_constants[KEEP_V, i],
                integer_constants[VTH, i],
            )
            u[i] = after.u
            # Since overflows are rare, most steps do not access the counters, which are in global
            # memory.
            if after.wrapped:
                faults[0, i] += 1
            if after.clipped:
                faults[1, i] += 1
            if after.spiked:
                current, membrane = number(after.u) / unit[i], number(after.peak) / unit[i]
                left_from = integer_constants[LEFT_FROM, i]
                if spikes.ndim == DENSE:
                    before, drop = np.int64(v[i]), integer_constants[CHIP_DROP, i]
                    silent, most = left_from - 1, integer_constants[CHIP_MOST_SPIKES, i]
                    count = times_above(after.peak, True, silent, drop, most)
                    owed = times_above(before, before > silent, silent, drop, count)
                    if count == owed:
                        slope[i] = np.inf
                    else:
                        membrane -= number(owed * drop) / unit[i]
                        q = spike_slope(cell, i, current, membrane)
                        slope[i] = q / number(count - owed)
                    spikes[index(s), index(n), i] = count
                    v[i] = after_reset(after.peak, count, drop)
                else:
                    slope[i] = spike_slope(cell, i, current, membrane)
                    if v[i] >= left_from:
                        slope[i] = np.inf
                    v[i] = after_reset(after.peak, True, integer_constants[CHIP_DROP, i])
                mark(j, words, groups)
            else:
                v[i] = after.v
            j += cuda.blockDim.x

    @kernel
    def run_lif_chip(
        cell, integer_constants, unit, weight, delay, drive, tape, slope, faults, spikes
    ):
        """Run spiking neurons in a chip's integers through all steps, one block per sample.

        Args:
            cell: [constants, neurons] float, the chip's constants as floats.
            integer_constants: [constants, neurons] int64.
            unit: [neurons] float, factor from u and v of the float network to the integers.
            weight: [neurons, neurons] int32, shifted weights; [0, neurons] without recurrence.
            delay: as in `run_lif`.
            drive: [samples, T, neurons] int32, sums of shifted weights, to which those of recurrent
                arrivals are added.
            tape: [samples, T, words] int64, filled with the masks.
            slope: [samples, T, neurons] float, filled with q where a neuron spikes.
            faults: [samples, 2, neurons] int64, counts of wraps of u and clips of v, which are
                increased.
            spikes: as in `run_lif`.

        Dynamic shared memory: [2, neurons] int32, then [3, words + groups] uint32.
        """
        n_neurons, n_words = drive.shape[2], tape.shape[2]
        s = cuda.blockIdx.x
        state = cuda.shared.array(0, int32)
        u, v = state[:n_neurons], state[n_neurons : 2 * n_neurons]
        size = n_words + (n_words + WORD - 1) // WORD
        bits = cuda.shared.array(0, uint32)[2 * n_neurons :]
        begin(u, v, bits[: BUFFERS * size])
        for n in range(drive.shape[1]):
            first, later = (n % BUFFERS) * size, ((n + 2) % BUFFERS) * size
            words, groups = bits[first : first + n_words], bits[first + n_words : first + size]
            advance_chip(
                cell,
                integer_constants,
                unit,
                drive[s, n],
                u,
                v,
                words,
                groups,
                slope[s, n],
                faults[s],
                spikes,
                s,
                n,
            )
            cuda.syncthreads()
            next_but_one, row = bits[later : later + size], tape[s, n]
            record_and_send(weight, delay, n, words, groups, next_but_one, row, spikes, s, drive[s])

    @kernel
    def run_li_chip(integer_constants, drive, membrane, faults):
        """Run non-spiking neurons in a chip's integers, one thread per sample and neuron.

        Args:
            integer_constants: [constants, neurons] int64.
            drive: [samples, T, neurons] int32, sums of shifted weights.
            membrane: [samples, T, neurons] int32, filled with v after each step.
            faults: [samples, 2, neurons] int64, filled with counts of wraps of u and clips of v.
        """
        s, j = cuda.blockIdx.x, cuda.blockIdx.y * cuda.blockDim.x + cuda.threadIdx.x
        if j < drive.shape[2]:
            bias, vth = integer_constants[CHIP_BIAS, j], integer_constants[VTH, j]
            keep_u, keep_v = integer_constants[KEEP_U, j], integer_constants[KEEP_V, j]
            u = v = wraps = clips = np.int64(0)
            for n in range(drive.shape[1]):
                after = chip_step(np.int64(drive[s, n, j]), u, v, bias, keep_u, keep_v, vth)
                u, v = after.u, after.v
                membrane[s, n, j] = v
                wraps += after.wrapped
                clips += after.clipped
            faults[s, 0, j] = wraps
            faults[s, 1, j] = clips

    return ChipKernels(run_lif_chip, run_li_chip)

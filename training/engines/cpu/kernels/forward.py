"""The recursion of one time step, for spiking and for non-spiking populations.

u[n] = β·u[n−1] + a[n]
v[n] = α·v[n−1] + u[n] + (1−α)·bias       spike iff v[n] > θ, then v[n] ← 0 or v[n] ← v[n] − c

Neurons that may spike several times in a step do so while v[n] > θ. Then kernels get `Counts`; with
None in its place, Numba compiles them without the branches of counts.

Loops over neurons read few arrays each, so that the compiler can vectorise them.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from nmtool.dynamics import HOP_LATENCY
from nmtool.hardware_sim.resets import spikes_in, v_after
from nmtool.training.engines.cpu.kernels.compiled import compiled
from nmtool.training.engines.cpu.kernels.rings import SPAN, add_to_ring, new_ring

after_reset = compiled(inline="always")(v_after)
times_above = compiled(inline="always")(spikes_in)


class Counts(NamedTuple):
    """Numbers of spikes in a step, for neurons that may spike more than once.

    Attributes:
        most: [neurons] int64, largest number of spikes of each neuron.
        spikes: [samples, T·neurons] uint8, filled with the number of spikes of each filled bin.
    """

    most: NDArray[np.int64]
    spikes: NDArray[np.uint8]


@compiled()
def of_crossings(q, crossings):
    """The slope of a bin: q of its first crossing, divided by their number; ∞ if there is none."""
    return q / crossings if crossings else np.inf


@compiled()
def of_spikes(weight, spikes, k):
    """The weight that bin k sends; `spikes` are the bins' numbers of spikes, or None."""
    return weight if spikes is None else weight * spikes[k]


@compiled(fastmath={"contract"})
def leak(u, beta, arriving):
    """Compute u ← β·u + a in place; all arrays are [neurons]."""
    for j in range(u.size):
        u[j] = beta[j] * u[j] + arriving[j]


@compiled(fastmath={"contract"})
def integrate(v, alpha, u, bias_step):
    """Compute v ← α·v + u + (1−α)·bias in place; all arrays are [neurons]."""
    for j in range(v.size):
        v[j] = alpha[j] * v[j] + u[j] + bias_step[j]


@compiled()
def any_above(v, theta, first, last):
    """True if any of the neurons first … last − 1 has a membrane above its threshold."""
    crossing = False
    for j in range(first, last):
        crossing |= v[j] > theta[j]
    return crossing


@compiled(fastmath={"contract"})
def emit(cell, u, v, before, n, s, left_over, n_bins, neuron, slope, counts):
    """Record and reset the neurons that spike in this step; return the number of bins so far.

    Args:
        cell: constants of the neurons.
        u, v: [neurons] float, before the reset.
        before: [neurons] float, v at the end of the step before; unused without `counts`.
        n, s: the step, and the sample.
        left_over: [neurons] int64, the step in which a spike of the neuron would be left over,
            since v was above θ after the reset of the step before; updated for the next step.
        n_bins: number of filled bins of the sample before this step.
        neuron: [T·neurons] int32, filled from index `n_bins` on with the neurons that spike.
        slope: [T·neurons] float, filled from the same index on with q of each spike, which is
            max(u/b, u/(1−α)) + bias − v. q is τ_mem times the slope of the membrane at the
            threshold crossing, and positive; ∞ if the spike is left over, see
            `mathematics/reference.py`. Of a bin of several spikes, it is q of the first crossing,
            divided by the number of crossings.
        counts: see `Counts`; None if each neuron spikes at most once.
    """
    theta, n_neurons, span = cell.theta, np.uint64(v.size), np.uint64(SPAN)
    for first in range(np.uint64(0), n_neurons, span):
        last = min(first + span, n_neurons)
        if any_above(v, theta, first, last):
            for j in range(first, last):
                if v[j] > theta[j]:
                    neuron[n_bins] = j
                    slope[n_bins] = max(u[j] / cell.b[j], u[j] / cell.gain[j]) + cell.bias[j] - v[j]
                    spikes = 1
                    if counts is None:
                        if left_over[j] == n:
                            slope[n_bins] = np.inf
                    else:
                        drop = cell.drop[j]
                        spikes = times_above(v[j], True, theta[j], drop, counts.most[j])
                        owed = times_above(before[j], left_over[j] == n, theta[j], drop, spikes)
                        slope[n_bins] = of_crossings(slope[n_bins] + owed * drop, spikes - owed)
                        counts.spikes[s, n_bins] = spikes
                    n_bins += 1
                    v[j] = after_reset(v[j], spikes, cell.drop[j])
                    if v[j] > theta[j]:
                        left_over[j] = n + 1
    return n_bins


@compiled()
def send_recurrent(weight, delay, i, spikes, k, n, ring):
    """Add the recurrent weights of a neuron's spikes in step n to its population's ring buffer.

    Args:
        weight, delay: [pre, post], the synapses.
        i: the neuron that spiked.
        spikes, k: as for `of_spikes`.
        n: the step in which this neuron spiked.
        ring: [rows, at least post], the ring buffer.
    """
    last_row = np.uint64(ring.shape[0] - 1)
    first = np.uint64(n + HOP_LATENCY)
    pre = np.uint64(i)
    for j in range(np.uint64(weight.shape[1])):
        sent = of_spikes(weight[pre, j], spikes, k)
        ring[(first + np.uint64(delay[pre, j])) & last_row, j] += sent


@compiled()
def spikes_of_sample(counts, s):
    """[T·neurons] uint8, the number of spikes of each bin of sample s; None without counts."""
    return None if counts is None else counts.spikes[s]


@compiled(parallel=True, fastmath={"contract"})
def run_lif(cell, weight, delay, arrival_span, stride, drive, neuron, slope, begin, counts):
    """Run spiking neurons through all steps of every sample.

    Args:
        cell: constants of the neurons, see `nmtool.training.engines.cell.NeuronConstants`.
        weight, delay: [pre, post], synapses among the neurons; pre is 0 without recurrence.
        arrival_span: steps from a spike to its last arrival over these synapses.
        stride: steps that a sample takes up in `drive`, padding included.
        drive: [tiles, neurons, tile·stride] float, a[n] without recurrent arrivals.
        neuron: [samples, T·neurons] int32, filled with the neurons that spiked, step by step: the
            filled bins.
        slope: [samples, T·neurons] float, filled with q of these bins, see `emit`.
        begin: [samples, T + 1] int64, filled with the number of bins before each step.
        counts: see `Counts`; None if each neuron spikes at most once.
    """
    n_samples, n_steps = begin.shape[0], begin.shape[1] - 1
    n_neurons, tile = drive.shape[1], drive.shape[2] // stride
    for s in numba.prange(n_samples):
        u = np.zeros(n_neurons, drive.dtype)
        v = np.zeros(n_neurons, drive.dtype)
        before = np.zeros(n_neurons, drive.dtype)
        left_over = np.full(n_neurons, -1)
        ring = new_ring(arrival_span, n_neurons, drive.dtype)
        spikes = spikes_of_sample(counts, s)
        n_bins = 0
        for n in range(n_steps):
            if n % SPAN == 0:
                add_to_ring(ring, n, drive[s // tile], (s % tile) * stride + n)
            begin[s, n] = n_bins
            arriving = ring[n & (ring.shape[0] - 1)]
            leak(u, cell.beta, arriving)
            arriving[:] = 0.0
            if counts is not None:
                before[:] = v
            integrate(v, cell.alpha, u, cell.bias_step)
            n_bins = emit(cell, u, v, before, n, s, left_over, n_bins, neuron[s], slope[s], counts)
            if weight.size:
                for k in range(begin[s, n], n_bins):
                    send_recurrent(weight, delay, neuron[s, k], spikes, k, n, ring)
        begin[s, n_steps] = n_bins


@compiled(parallel=True, fastmath={"contract"})
def run_li(cell, stride, drive, membrane):
    """Run non-spiking neurons through all steps of every sample.

    Args:
        cell: constants of the neurons.
        stride, drive: as in `run_lif`.
        membrane: [samples, T, neurons] float, filled with v[n].
    """
    n_samples, n_steps, n_neurons = membrane.shape
    tile = drive.shape[2] // stride
    for s in numba.prange(n_samples):
        u = np.zeros(n_neurons, drive.dtype)
        v = np.zeros(n_neurons, drive.dtype)
        traces, base = drive[s // tile], (s % tile) * stride
        for n in range(n_steps):
            leak(u, cell.beta, traces[:, base + n])
            integrate(v, cell.alpha, u, cell.bias_step)
            # Assigning the row would compile a comparison of shapes and its message, for seconds.
            for j in range(n_neurons):
                membrane[s, n, j] = v[j]

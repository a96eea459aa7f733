"""The recursion of one time step, for spiking and for non-spiking populations.

u[n] = β·u[n−1] + a[n]
v[n] = α·v[n−1] + u[n] + (1−α)·bias       spike iff v[n] > θ, then v[n] ← 0 or v[n] ← v[n] − c

Loops over neurons read few arrays each, so that the compiler can vectorise them.
"""

from __future__ import annotations

import numba
import numpy as np

from nmtool.dynamics import HOP_LATENCY
from nmtool.hardware_sim.resets import v_after
from nmtool.training.engines.cpu.kernels.compiled import compiled
from nmtool.training.engines.cpu.kernels.rings import SPAN, add_to_ring, new_ring

after_reset = compiled(inline="always")(v_after)


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
def emit(cell, u, v, n, left_over, n_spikes, neuron, slope):
    """Record and reset the neurons that spike in this step; return the number of spikes so far.

    Args:
        cell: constants of the neurons.
        u, v: [neurons] float, before the reset.
        n: the step.
        left_over: [neurons] int64, the step in which a spike of the neuron would be left over,
            since v was above θ after the reset of the step before; updated for the next step.
        n_spikes: number of spikes of the sample before this step.
        neuron: [T·neurons] int32, filled from index `n_spikes` on with the neurons that spike.
        slope: [T·neurons] float, filled from the same index on with q of each spike, which is
            max(u/b, u/(1−α)) + bias − v. q is τ_mem times the slope of the membrane at the
            threshold crossing, and positive; ∞ if the spike is left over, see
            `mathematics/reference.py`.
    """
    theta, n_neurons, span = cell.theta, np.uint64(v.size), np.uint64(SPAN)
    for first in range(np.uint64(0), n_neurons, span):
        last = min(first + span, n_neurons)
        if any_above(v, theta, first, last):
            for j in range(first, last):
                if v[j] > theta[j]:
                    neuron[n_spikes] = j
                    slope[n_spikes] = (
                        max(u[j] / cell.b[j], u[j] / cell.gain[j]) + cell.bias[j] - v[j]
                    )
                    if left_over[j] == n:
                        slope[n_spikes] = np.inf
                    n_spikes += 1
                    v[j] = after_reset(v[j], True, cell.drop[j])
                    if v[j] > theta[j]:
                        left_over[j] = n + 1
    return n_spikes


@compiled()
def send_recurrent(weight, delay, i, n, ring):
    """Add the recurrent weights of a spike of step n to the ring buffer of its population.

    Args:
        weight, delay: [pre, post], the synapses.
        i: the neuron that spiked.
        n: the step in which this neuron spiked.
        ring: [rows, at least post], the ring buffer.
    """
    last_row = np.uint64(ring.shape[0] - 1)
    first = np.uint64(n + HOP_LATENCY)
    pre = np.uint64(i)
    for j in range(np.uint64(weight.shape[1])):
        ring[(first + np.uint64(delay[pre, j])) & last_row, j] += weight[pre, j]


@compiled(parallel=True, fastmath={"contract"})
def run_lif(cell, weight, delay, arrival_span, stride, drive, neuron, slope, count):
    """Run spiking neurons through all steps of every sample.

    Args:
        cell: constants of the neurons, see `nmtool.training.engines.cell.NeuronConstants`.
        weight, delay: [pre, post], synapses among the neurons; pre is 0 without recurrence.
        arrival_span: steps from a spike to its last arrival over these synapses.
        stride: steps that a sample takes up in `drive`, padding included.
        drive: [tiles, neurons, tile·stride] float, a[n] without recurrent arrivals.
        neuron: [samples, T·neurons] int32, filled with the neurons that spiked, step by step.
        slope: [samples, T·neurons] float, filled with q of these spikes.
        count: [samples, T + 1] int64, filled with the number of spikes before each step.
    """
    n_samples, n_steps = count.shape[0], count.shape[1] - 1
    n_neurons, tile = drive.shape[1], drive.shape[2] // stride
    for s in numba.prange(n_samples):
        u = np.zeros(n_neurons, drive.dtype)
        v = np.zeros(n_neurons, drive.dtype)
        left_over = np.full(n_neurons, -1)
        ring = new_ring(arrival_span, n_neurons, drive.dtype)
        n_spikes = 0
        for n in range(n_steps):
            if n % SPAN == 0:
                add_to_ring(ring, n, drive[s // tile], (s % tile) * stride + n)
            count[s, n] = n_spikes
            arriving = ring[n & (ring.shape[0] - 1)]
            leak(u, cell.beta, arriving)
            arriving[:] = 0.0
            integrate(v, cell.alpha, u, cell.bias_step)
            n_spikes = emit(cell, u, v, n, left_over, n_spikes, neuron[s], slope[s])
            if weight.size:
                for k in range(count[s, n], n_spikes):
                    send_recurrent(weight, delay, neuron[s, k], n, ring)
        count[s, n_steps] = n_spikes


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

"""Gradients of synapses and of spike times, gathered from the adjoint where spikes arrive.

With m = k + 1 + d for the steps k of the spikes,

    ∂L/∂w_u = Σ μ_u[m]        ∂L/∂d = w_u·Σ (μ_u[m+1] − μ_u[m])   per step
    ∂L/∂t = w_u·c[m]   per ms, summed over the synapses of a spike
"""

from __future__ import annotations

import numpy as np

from nmtool.dynamics import HOP_LATENCY
from nmtool.training.engines.cuda.kernels.compiled import cuda, kernel
from nmtool.training.engines.cuda.kernels.warps import PITCH, WARP, arrival_gradient, sum_of_warp


@kernel
def synapse_gradients(delay, start, step, window, mu_u, at_arrival, change):
    """Sum the adjoint over the arrivals at every synapse, one thread per synapse.

    A block is one post-neuron, a chunk of the samples and a strip of pre-neurons. The traces of
    the post-neuron come into shared memory, coalesced, a window of steps at a time; there every
    thread gathers where the spikes of its pre-neuron arrive. Sums stay in registers and are
    written once per chunk. Spikes of a channel ascend in time, so that a thread walks its list
    once, whatever the number of windows. The change one step later is taken arrival by arrival:
    of the two sums it would be a small difference, in which float32 loses two of its digits.

    Args:
        delay: [post, pre] steps; read coalesced.
        start: [samples·pre + 1] int64, where the spikes of each sample and channel begin.
        step: [spikes] int32, sorted by sample, channel and time.
        window: steps that fit in shared memory.
        mu_u: [samples, post, T] float, the adjoint.
        at_arrival: [chunks, post, pre] float, filled: Σ μ_u[m].
        change: [chunks, post, pre] float, filled: Σ (μ_u[m+1] − μ_u[m]).

    Dynamic shared memory: [window + 1] of the type of `mu_u`.
    """
    n_samples, n_steps = mu_u.shape[0], mu_u.shape[2]
    n_pre, chunks = delay.shape[1], at_arrival.shape[0]
    j, chunk = cuda.blockIdx.x, cuda.blockIdx.y
    thread, threads = cuda.threadIdx.x, cuda.blockDim.x
    i = cuda.blockIdx.z * threads + thread
    trace = cuda.shared.array(0, mu_u.dtype)
    shift = HOP_LATENCY + np.int32(delay[j, i]) if i < n_pre else 0
    here = moved = mu_u.dtype.type(0)
    size = (n_samples + chunks - 1) // chunks
    for s in range(chunk * size, min(chunk * size + size, n_samples)):
        k = start[s * n_pre + i] if i < n_pre else 0
        last = start[s * n_pre + i + 1] if i < n_pre else 0
        first = 0
        while first < n_steps:
            steps = min(window, n_steps - first)
            cuda.syncthreads()
            m = thread
            while m <= steps:
                trace[m] = mu_u[s, j, first + m] if first + m < n_steps else mu_u.dtype.type(0)
                m += threads
            cuda.syncthreads()
            while k < last and step[k] + shift < first + steps:
                arrival = step[k] + shift - first
                here += trace[arrival]
                moved += trace[arrival + 1] - trace[arrival]
                k += 1
            first += window
    if i < n_pre:
        at_arrival[chunk, j, i] = here
        change[chunk, j, i] = moved


@kernel
def spike_time_gradients(weight, delay, sample, step, neuron, c, gradient):
    """∂L/∂t per ms of every spike of a source through one projection, a warp per spike.

    Args:
        weight, delay: [pre, post], rows read coalesced.
        sample: [spikes] int64, counted within `c`; step, neuron: [spikes] int32.
        c: [samples, post, T] float, the target's adjoint.
        gradient: [spikes] float, filled.

    Dynamic shared memory: [warps, PITCH] of the type of `c`.
    """
    thread, threads = cuda.threadIdx.x, cuda.blockDim.x
    parts = cuda.shared.array(0, c.dtype)
    warp, lane, warps = thread // WARP, thread % WARP, threads // WARP
    first = cuda.blockIdx.x * warps
    part, k = c.dtype.type(0), first + warp
    if k < step.size:
        part = arrival_gradient(weight[neuron[k]], delay[neuron[k]], step[k], lane, c[sample[k]])
    parts[warp * PITCH + lane] = part
    cuda.syncthreads()
    k = first + thread
    if thread < warps and k < step.size:
        gradient[k] = sum_of_warp(parts, thread, threads // warps)

"""Gradients of synapses and of spike times, gathered from the adjoint where spikes arrive.

With m = k + 1 + d for the steps k of the spikes, of which a bin may have several,

    ∂L/∂w_u = Σ μ_u[m]        ∂L/∂d = w_u·Σ (μ_u[m+1] − μ_u[m])   per step
    ∂L/∂t = w_u·c[m]   per ms, summed over the synapses of a spike
"""

from __future__ import annotations

import numpy as np

from nmtool.dynamics import HOP_LATENCY
from nmtool.training.engines.cuda.kernels.compiled import cuda, index, kernel
from nmtool.training.engines.cuda.kernels.counts import of_listed
from nmtool.training.engines.cuda.kernels.warps import PITCH, WARP, arrival_gradient, sum_of_warp


@kernel
def synapse_gradients(delay, start, step, count, window, first_chunk, chunk_size, mu_u, sums):
    """Sum the adjoint over the arrivals at every synapse, one thread per synapse.

    A block handles one post-neuron, a chunk of the batch's samples and a strip of pre-neurons. The
    traces of the post-neuron are read into shared memory, coalesced, a window of steps at a time.
    From there, every thread reads the values at the arrivals of its pre-neuron's spikes. Sums stay
    in registers. A chunk that extends into the next portion continues its sums there, so that sums
    do not depend on the size of portions. Spikes of a channel ascend in time, so that a thread
    reads its list once, whatever the number of windows. Changes between steps are summed one by
    one: in the small difference of two large sums, float32 would lose two digits.

    Args:
        delay: [post, pre] steps; read coalesced.
        start: [samples·pre + 1] int64, index in `step` of the first bin of each sample and channel.
        step: [filled] int32, sorted by sample, channel and time.
        count: [filled] uint8, number of spikes of each bin, or `no_counts`.
        window: steps that fit in shared memory.
        first_chunk: first sample of the first chunk, counted from the portion's first sample:
            negative if the chunk began in an earlier portion.
        chunk_size: samples of a chunk.
        mu_u: [samples, post, T] float, the adjoint of the portion.
        sums: [chunks, 2, post, pre] float, Σ μ_u[m] and Σ (μ_u[m+1] − μ_u[m]) of the portion's
            chunks, to which the portion's samples are added.

    Dynamic shared memory: [window + 1] of the type of `mu_u`.
    """
    n_samples, n_steps = mu_u.shape[0], mu_u.shape[2]
    n_pre = delay.shape[1]
    j, chunk = cuda.blockIdx.x, cuda.blockIdx.y
    thread, threads = cuda.threadIdx.x, cuda.blockDim.x
    i = cuda.blockIdx.z * threads + thread
    trace = cuda.shared.array(0, mu_u.dtype)
    shift = HOP_LATENCY + np.int32(delay[j, i]) if i < n_pre else 0
    at_arrival = change = mu_u.dtype.type(0)
    if i < n_pre:
        at_arrival, change = sums[chunk, 0, j, i], sums[chunk, 1, j, i]
    begin = first_chunk + chunk * chunk_size
    for s in range(max(begin, 0), min(begin + chunk_size, n_samples)):
        k = start[s * n_pre + i] if i < n_pre else 0
        last = start[s * n_pre + i + 1] if i < n_pre else 0
        first = 0
        while first < n_steps:
            steps = min(window, n_steps - first)
            cuda.syncthreads()
            m = thread
            while m <= steps:
                value = mu_u.dtype.type(0)
                if first + m < n_steps:
                    value = mu_u[index(s), index(j), index(first + m)]
                trace[index(m)] = value
                m += threads
            cuda.syncthreads()
            while k < last and step[index(k)] + shift < first + steps:
                arrival = step[index(k)] + shift - first
                mu_u_at_arrival = trace[index(arrival)]
                at_arrival += of_listed(mu_u_at_arrival, count, k)
                change += of_listed(trace[index(arrival + 1)] - mu_u_at_arrival, count, k)
                k += 1
            first += window
    if i < n_pre:
        sums[chunk, 0, j, i] = at_arrival
        sums[chunk, 1, j, i] = change


@kernel
def sum_chunks(sums, total):
    """Add up the sums of all chunks in ascending order, one thread per number.

    Args:
        sums: [chunks, numbers] float; read coalesced.
        total: [numbers] float, filled.
    """
    at = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
    if at < total.size:
        value = sums[0, index(at)]
        for chunk in range(1, sums.shape[0]):
            value += sums[index(chunk), index(at)]
        total[index(at)] = value


@kernel
def spike_time_gradients(weight, delay, sample, step, neuron, c, gradient):
    """Compute ∂L/∂t per ms of a source's spikes through one projection, a warp per filled bin.

    Args:
        weight, delay: [pre, post], whose rows are read coalesced.
        sample: [filled] int64, index of each bin's sample in `c`.
        step, neuron: [filled] int32, step and neuron of each bin.
        c: [samples, post, T] float, from the adjoint of the target.
        gradient: [filled] float, filled with ∂L/∂t per ms of each spike of a bin.

    Dynamic shared memory: [warps, PITCH] of the type of `c`.
    """
    thread, threads = cuda.threadIdx.x, cuda.blockDim.x
    parts = cuda.shared.array(0, c.dtype)
    warp, lane, warps = thread // WARP, thread % WARP, threads // WARP
    first = cuda.blockIdx.x * warps
    part, k = c.dtype.type(0), first + warp
    if k < step.size:
        i, s = index(neuron[k]), index(sample[k])
        part = arrival_gradient(weight[i], delay[i], step[k], lane, c[s])
    parts[warp * PITCH + lane] = part
    cuda.syncthreads()
    k = first + thread
    if thread < warps and k < step.size:
        gradient[k] = sum_of_warp(parts, thread, threads // warps)

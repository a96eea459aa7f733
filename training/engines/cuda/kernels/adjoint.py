"""The adjoint of the forward recursion, backward in time, with EventProp's jump at every spike.

With μ = ∂L/∂·, q as stored at the spike (see `run_lif`), f the fall of v at a spike (FALL), and c
the derivative of the loss with respect to the arrival time of a spike, per unit of weight:

    μ_v[n] = ∂L/∂v[n] + α·μ_v[n+1]
    at a spike:  μ_v ← μ_v·(1 + f/q) − (τ_mem/q)·∂L/∂t + push
    μ_u[n] = μ_v[n] + β·μ_u[n+1]
    c[n]   = μ_u[n]/τ_syn − μ_v[n]/(b·τ_mem)

With q = ∞, of a spike that is left over, only the push is added. A bin of several spikes jumps like
one spike with the q of the bin, and gets the push once for each. ∂L/∂t of a spike is the sum over
its arrivals, Σ_j w_j·c_j[n + 1 + d_j], in all projections, plus the direct derivative of the loss
with respect to the time of the spike (Mészáros, Knight & Nowotny 2025, in stepped form).
"""

from __future__ import annotations

from nmtool.training.engines.cuda.kernels.compiled import cuda, device_function, index, kernel
from nmtool.training.engines.cuda.kernels.constants import (
    ALPHA,
    BETA,
    FALL,
    PER_DRIVE,
    PER_TAU_SYN,
    TAU_MEM,
)
from nmtool.training.engines.cuda.kernels.counts import of_listed
from nmtool.training.engines.cuda.kernels.warps import PITCH, WARP, arrival_gradient, sum_of_warp


@device_function
def jump(cell, i, q, dt_gradient, push, count, k, mu_v):
    """Add the jump at bin k, of neuron i, to μ_v."""
    i = index(i)
    pull = mu_v[i] * cell[FALL, i] - cell[TAU_MEM, i] * dt_gradient
    mu_v[i] += pull / q + of_listed(push[i], count, k)


@device_function
def write_step(cell, n, mu_v, mu_u_later, mu_u, c):
    """Compute μ_u and c of step n for the thread's neurons.

    Args:
        cell: [constants, neurons] float.
        n: the step.
        mu_v: [neurons], μ_v[n].
        mu_u_later: [neurons], μ_u[n + 1], which is overwritten by μ_u[n].
        mu_u, c: [neurons, T] float, filled in column n.
    """
    j = cuda.threadIdx.x
    while j < mu_v.size:
        i = index(j)
        mu_u_later[i] = mu_v[i] + cell[BETA, i] * mu_u_later[i]
        mu_u[i, index(n)] = mu_u_later[i]
        c[i, index(n)] = mu_u_later[i] * cell[PER_TAU_SYN, i] - mu_v[i] * cell[PER_DRIVE, i]
        j += cuda.blockDim.x


@kernel
def run_lif_adjoint(cell, weight, delay, start, neuron, count, slope, time_gradient, push, mu_u, c):
    """Run the adjoint of spiking neurons from the last step to the first, one block per sample.

    μ_v and the latest μ_u are in shared memory. Each filled bin of a step is assigned to a warp of
    32 threads, which reads the rows of its synapses coalesced and sums in shared memory. A neuron
    has at most one bin in a step, so that no two bins change the same μ_v.

    Args:
        cell: [constants, neurons] float.
        weight, delay: [neurons, neurons], synapses within the population; [0, neurons] without
            recurrence.
        start: [samples·T + 1] int64, index of each step's first bin in the lists below.
        neuron: [filled] int32, neuron of each filled bin.
        count: [filled] uint8, number of spikes of each bin, or `no_counts`.
        slope: [filled] float, q of each bin.
        time_gradient: [filled] float, ∂L/∂t per ms of each spike of a bin, from the loss and from
            other populations.
        push: [neurons] float, added to μ_v at every spike (the firing-rate regulariser).
        mu_u, c: [samples, neurons, T] float, filled.

    Dynamic shared memory: [2, neurons] and [warps, PITCH] of the type of `mu_u`.
    """
    n_neurons, n_steps = mu_u.shape[1], mu_u.shape[2]
    s, thread, threads = cuda.blockIdx.x, cuda.threadIdx.x, cuda.blockDim.x
    warp, lane, warps = thread // WARP, thread % WARP, threads // WARP
    state = cuda.shared.array(0, mu_u.dtype)
    mu_v, mu_u_later = state[:n_neurons], state[n_neurons : 2 * n_neurons]
    partial_sums = state[2 * n_neurons : 2 * n_neurons + warps * PITCH]
    zero = mu_u.dtype.type(0)
    j = thread
    while j < n_neurons:
        mu_v[j] = mu_u_later[j] = zero
        j += threads
    for n in range(n_steps - 1, -1, -1):
        j = thread
        while j < n_neurons:
            mu_v[index(j)] *= cell[ALPHA, index(j)]
            j += threads
        row = s * n_steps + n
        first, last = start[index(row)], start[index(row + 1)]
        # The condition has the same value in all threads of the block, so that all threads reach
        # each barrier.
        if first < last:
            cuda.syncthreads()
        while first < last:
            part, k = zero, first + warp
            if k < last and weight.shape[0] > 0:
                i = index(neuron[index(k)])
                part = arrival_gradient(weight[i], delay[i], n, lane, c[index(s)])
            partial_sums[index(warp * PITCH + lane)] = part
            cuda.syncthreads()
            k = first + thread
            if thread < warps and k < last:
                at = index(k)
                dt_gradient = time_gradient[at] + sum_of_warp(
                    partial_sums, thread, threads // warps
                )
                jump(cell, neuron[at], slope[at], dt_gradient, push, count, k, mu_v)
            cuda.syncthreads()
            first += warps
        write_step(cell, n, mu_v, mu_u_later, mu_u[index(s)], c[index(s)])


@kernel
def run_li_adjoint(cell, d_membrane, mu_u, c):
    """Run the adjoint of non-spiking neurons, one thread per sample and neuron.

    Args:
        cell: [constants, neurons] float.
        d_membrane: [samples, T, neurons] float, ∂L/∂v[n]; read coalesced.
        mu_u, c: [samples, neurons, T] float, filled; a thread writes the rows of its neuron.
    """
    s, j = cuda.blockIdx.x, cuda.blockIdx.y * cuda.blockDim.x + cuda.threadIdx.x
    if j < mu_u.shape[1]:
        alpha, beta = cell[ALPHA, j], cell[BETA, j]
        per_tau_syn, per_drive = cell[PER_TAU_SYN, j], cell[PER_DRIVE, j]
        mu_v = mu_u_later = mu_u.dtype.type(0)
        for n in range(mu_u.shape[2] - 1, -1, -1):
            mu_v = d_membrane[s, n, j] + alpha * mu_v
            mu_u_later = mu_v + beta * mu_u_later
            mu_u[s, j, n] = mu_u_later
            c[s, j, n] = mu_u_later * per_tau_syn - mu_v * per_drive

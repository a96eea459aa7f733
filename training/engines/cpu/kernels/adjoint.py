"""The adjoint of the forward recursion, backward in time, with EventProp's jump at every spike.

With μ = ∂L/∂·, q as stored at the spike (see `emit`), f the fall of v at a spike (`cell.fall`), and
c the derivative of the loss with respect to the arrival time of a spike, per unit of weight:

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

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from nmtool.dynamics import HOP_LATENCY
from nmtool.training.engines.cpu.kernels.compiled import compiled
from nmtool.training.engines.cpu.kernels.forward import leak, of_spikes
from nmtool.training.engines.cpu.kernels.rings import SPAN, new_ring, store_ring

_FAST = {"contract", "reassoc", "nsz"}


class SourceSpikes(NamedTuple):
    """Presynaptic spikes, the synapses over which they arrive, and their time gradients.

    Attributes:
        weight, delay: [pre, post], jumps of u, and delays in unsigned steps; pre is 0 where time
            gradients are not needed.
        begin: [samples, T + 1] int64, index of each step's first bin in the lists below.
        neuron: [filled] int32, neuron of each filled bin.
        time_gradient: [filled] float, ∂L/∂t per ms of each spike of a bin, to which arrivals are
            added.
    """

    weight: NDArray
    delay: NDArray
    begin: NDArray[np.int64]
    neuron: NDArray[np.int32]
    time_gradient: NDArray


@compiled(fastmath=_FAST)
def arrival_gradient(weight, delay, i, n, c):
    """∂L/∂t per ms of a spike of step n through one projection.

    Args:
        weight, delay: [pre, post], the synapses.
        i: the neuron that spiked.
        n: the step in which this neuron spiked.
        c: [rows, at least post] float, a ring buffer: derivative of the loss with respect to a
            spike's arrival time, per unit of weight.
    """
    last_row = np.uint64(c.shape[0] - 1)
    first = np.uint64(n + HOP_LATENCY)
    pre = np.uint64(i)
    total = c.dtype.type(0.0)
    for j in range(np.uint64(weight.shape[1])):
        total += weight[pre, j] * c[(first + np.uint64(delay[pre, j])) & last_row, j]
    return total


@compiled()
def read_arrivals(source_spikes, s, n, c):
    """Add the gradients at arrivals to the time gradients of the spikes in step n of sample s."""
    if source_spikes.weight.size:
        for k in range(source_spikes.begin[s, n], source_spikes.begin[s, n + 1]):
            source_spikes.time_gradient[k] += arrival_gradient(
                source_spikes.weight, source_spikes.delay, source_spikes.neuron[k], n, c
            )


@compiled(fastmath=_FAST)
def step_back(cell, mu_v, n, ring_u, ring_c):
    """Compute μ_u[n] = μ_v[n] + β·μ_u[n+1] and c[n] = μ_u[n]/τ_syn − μ_v[n]/(b·τ_mem).

    Args:
        cell: constants of the neurons.
        mu_v: [neurons] float, after the jumps of step n.
        ring_u, ring_c: [rows, at least neurons] float, ring buffers of μ_u and c, whose row of step
            n is written.
    """
    now, later = n & (ring_u.shape[0] - 1), (n + 1) & (ring_u.shape[0] - 1)
    mu_u, after, c = ring_u[now], ring_u[later], ring_c[n & (ring_c.shape[0] - 1)]
    for j in range(mu_v.size):
        mu_u[j] = cell.beta[j] * after[j] + mu_v[j]
    for j in range(mu_v.size):
        c[j] = mu_u[j] * cell.per_tau_syn[j] - mu_v[j] * cell.per_drive[j]


@compiled(parallel=True, fastmath=_FAST)
def run_lif_adjoint(cell, own_spikes, slope, spikes, push, source, arrival_span, stride, mu_u):
    """Run the adjoint of spiking neurons from the last step to the first.

    Args:
        cell: constants of the neurons.
        own_spikes: the population's spikes, and the synapses among its neurons. Time gradients
            initially contain the terms of the loss and of other populations.
        slope: [filled] float, q of each bin.
        spikes: [filled] uint8, number of spikes of each bin; None if each has one.
        push: [neurons] float, added to μ_v at every spike (the firing-rate regulariser).
        source: afferent spikes whose time gradients are needed.
        arrival_span: steps from a spike to its last arrival over the synapses of `own_spikes` and
            `source`.
        stride: steps that a sample takes up in a trace, padding included.
        mu_u: [tiles, neurons, tile·stride] float, filled with μ_u up to step T − 1; later steps
            must be 0.
    """
    n_samples, n_steps = own_spikes.begin.shape[0], own_spikes.begin.shape[1] - 1
    n_neurons, tile = mu_u.shape[1], mu_u.shape[2] // stride
    for s in numba.prange(n_samples):
        mu_v = np.zeros(n_neurons, mu_u.dtype)
        ring_u = new_ring(0, n_neurons, mu_u.dtype)
        ring_c = new_ring(arrival_span, n_neurons, mu_u.dtype)
        for n in range(n_steps - 1, -1, -1):
            read_arrivals(own_spikes, s, n, ring_c)
            read_arrivals(source, s, n, ring_c)
            mu_v *= cell.alpha
            for k in range(own_spikes.begin[s, n], own_spikes.begin[s, n + 1]):
                i, q = own_spikes.neuron[k], slope[k]
                pull = mu_v[i] * cell.fall[i] - cell.tau_mem[i] * own_spikes.time_gradient[k]
                mu_v[i] += pull / q + of_spikes(push[i], spikes, k)
            step_back(cell, mu_v, n, ring_u, ring_c)
            if n % SPAN == 0:
                store_ring(ring_u, n, mu_u[s // tile], (s % tile) * stride + n)


@compiled(parallel=True, fastmath=_FAST)
def run_li_adjoint(cell, d_membrane, source, arrival_span, stride, mu_u):
    """Run the adjoint of non-spiking neurons from the last step to the first.

    Args:
        cell: constants of the neurons.
        d_membrane: [samples, T, neurons] float, ∂L/∂v[n].
        source, arrival_span, stride, mu_u: as in `run_lif_adjoint`.
    """
    n_samples, n_steps, n_neurons = d_membrane.shape
    tile = mu_u.shape[2] // stride
    for s in numba.prange(n_samples):
        mu_v = np.zeros(n_neurons, mu_u.dtype)
        ring_u = new_ring(0, n_neurons, mu_u.dtype)
        ring_c = new_ring(arrival_span, n_neurons, mu_u.dtype)
        for n in range(n_steps - 1, -1, -1):
            read_arrivals(source, s, n, ring_c)
            leak(mu_v, cell.alpha, d_membrane[s, n])
            step_back(cell, mu_v, n, ring_u, ring_c)
            if n % SPAN == 0:
                store_ring(ring_u, n, mu_u[s // tile], (s % tile) * stride + n)

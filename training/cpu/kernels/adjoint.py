"""The transposed recursion, backward in time, with EventProp's jump at every spike.

With μ = ∂L/∂·, q as stored at the spike (see `run_lif`) and c the derivative of
the loss by the arrival time of a weight of one:

    μ_v[n] = ∂L/∂v[n] + α·μ_v[n+1]
    at a spike:  μ_v ← μ_v·(1 + θ/q) − (τ_mem/q)·∂L/∂t + push
    μ_u[n] = μ_v[n] + β·μ_u[n+1]
    c[n]   = μ_u[n]/τ_syn − μ_v[n]/(b·τ_mem)

∂L/∂t of a spike sums its arrivals, Σ_j w_j·c_j[n + 1 + d_j], over all projections, and what the
loss itself says of the spike's time (Mészáros, Knight & Nowotny 2025, in stepped form).
"""

from __future__ import annotations

import numba
import numpy as np

from hardware_sim.compiled import compiled
from nmtool.dynamics import HOP_LATENCY

_FAST = {"contract", "reassoc", "nsz"}


@compiled(fastmath=_FAST)
def arrival_gradient(weight, delay, n, c):
    """∂L/∂t per ms of a spike of step n through one projection.

    Args:
        weight, delay: [post], the synapses of the neuron that spiked.
        c: [stride, post] float, derivative by the arrival time of a weight of one.
    """
    total = c.dtype.type(0.0)
    for j in range(weight.size):
        total += weight[j] * c[n + HOP_LATENCY + delay[j], j]
    return total


@compiled(parallel=True, fastmath=_FAST)
def run_lif_adjoint(
    cell, recurrent, weight, delay, n_steps, count, neuron, slope, time_gradient, push, mu_u, c
):
    """Run the adjoint of spiking neurons from the last step to the first.

    Args:
        cell, recurrent, weight, delay, n_steps: as in `run_lif`.
        count: [samples, T + 1] int64, position of each step's spikes in the lists below.
        neuron: [spikes] int32.
        slope: [spikes] float, q.
        time_gradient: [spikes] float, ∂L/∂t per ms from the loss and from other populations.
        push: [neurons] float, added to μ_v at every spike (the firing-rate regulariser).
        mu_u, c: [samples, stride, neurons] float, zero beyond T; filled.
    """
    n_samples, _, n_neurons = mu_u.shape
    for s in numba.prange(n_samples):
        mu_v = np.zeros(n_neurons, mu_u.dtype)
        after = np.zeros(n_neurons, mu_u.dtype)
        for n in range(n_steps - 1, -1, -1):
            for j in range(n_neurons):
                mu_v[j] *= cell.alpha[j]
            for k in range(count[s, n], count[s, n + 1]):
                i, q = neuron[k], slope[k]
                dt_gradient = time_gradient[k]
                if recurrent:
                    dt_gradient += arrival_gradient(weight[i], delay[i], n, c[s])
                mu_v[i] += (mu_v[i] * cell.theta[i] - cell.tau_mem[i] * dt_gradient) / q + push[i]
            for j in range(n_neurons):
                after[j] = mu_v[j] + cell.beta[j] * after[j]
                mu_u[s, n, j] = after[j]
                c[s, n, j] = after[j] * cell.per_tau_syn[j] - mu_v[j] * cell.per_drive[j]


@compiled(parallel=True, fastmath=_FAST)
def run_li_adjoint(cell, d_membrane, mu_u, c):
    """Run the adjoint of non-spiking neurons from the last step to the first.

    Args:
        cell: constants of the neurons.
        d_membrane: [samples, T, neurons] float, ∂L/∂v[n].
        mu_u, c: [samples, stride, neurons] float, zero beyond T; filled.
    """
    n_samples, n_steps, n_neurons = d_membrane.shape
    for s in numba.prange(n_samples):
        mu_v = np.zeros(n_neurons, mu_u.dtype)
        after = np.zeros(n_neurons, mu_u.dtype)
        for n in range(n_steps - 1, -1, -1):
            for j in range(n_neurons):
                mu_v[j] = d_membrane[s, n, j] + cell.alpha[j] * mu_v[j]
                after[j] = mu_v[j] + cell.beta[j] * after[j]
                mu_u[s, n, j] = after[j]
                c[s, n, j] = after[j] * cell.per_tau_syn[j] - mu_v[j] * cell.per_drive[j]

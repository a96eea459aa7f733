"""The recursion of one time step, for spiking and for non-spiking populations.

u[n] = β·u[n−1] + a[n]
v[n] = α·v[n−1] + u[n] + (1−α)·bias       spike iff v[n] > θ, then v[n] ← 0
"""

from __future__ import annotations

import numba
import numpy as np

from hardware_sim.compiled import compiled
from nmtool.dynamics import HOP_LATENCY


@compiled()
def send_recurrent(weight, delay, n, drive):
    """Add one spike of step n to the drive of its own population.

    Args:
        weight, delay: [post], the synapses of the neuron that spiked.
        drive: [stride, post] float, added to.
    """
    for j in range(weight.size):
        drive[n + HOP_LATENCY + delay[j], j] += weight[j]


@compiled(parallel=True, fastmath={"contract"})
def run_lif(cell, recurrent, weight, delay, n_steps, drive, neuron, slope, count):
    """Run spiking neurons through all steps of every sample.

    Args:
        cell: constants of the neurons, see `training.cell.Cell`.
        recurrent: whether there are synapses within the population.
        weight, delay: [pre, post], those synapses.
        n_steps: T.
        drive: [samples, stride, neurons] float, a[n]; recurrent arrivals are added.
        neuron: [samples, T·neurons] int32, filled with the neurons that spiked, step by step.
        slope: [samples, T·neurons] float, filled with q = max(u/b, u/(1−α)) + bias − v of
            those spikes, τ_mem times the slope of the membrane as it crosses the threshold; see
            `training.reference` for why it is positive.
        count: [samples, T + 1] int64, filled: spikes before each step.
    """
    n_samples, _, n_neurons = drive.shape
    for s in numba.prange(n_samples):
        u = np.zeros(n_neurons, drive.dtype)
        v = np.zeros(n_neurons, drive.dtype)
        spikes = 0
        for n in range(n_steps):
            count[s, n] = spikes
            for j in range(n_neurons):
                u[j] = cell.beta[j] * u[j] + drive[s, n, j]
                v[j] = cell.alpha[j] * v[j] + u[j] + cell.bias_step[j]
            for j in range(n_neurons):
                if v[j] > cell.theta[j]:
                    neuron[s, spikes] = j
                    drive_now = max(u[j] / cell.b[j], u[j] / cell.gain[j])
                    slope[s, spikes] = drive_now + cell.bias[j] - v[j]
                    spikes += 1
                    v[j] = 0.0
            if recurrent:
                for k in range(count[s, n], spikes):
                    i = neuron[s, k]
                    send_recurrent(weight[i], delay[i], n, drive[s])
        count[s, n_steps] = spikes


@compiled(parallel=True, fastmath={"contract"})
def run_li(cell, drive, membrane):
    """Run non-spiking neurons through all steps of every sample.

    Args:
        cell: constants of the neurons.
        drive: [samples, stride, neurons] float, a[n].
        membrane: [samples, T, neurons] float, filled with v[n].
    """
    n_samples, n_steps, n_neurons = membrane.shape
    for s in numba.prange(n_samples):
        u = np.zeros(n_neurons, drive.dtype)
        v = np.zeros(n_neurons, drive.dtype)
        for n in range(n_steps):
            for j in range(n_neurons):
                u[j] = cell.beta[j] * u[j] + drive[s, n, j]
                v[j] = cell.alpha[j] * v[j] + u[j] + cell.bias_step[j]
                membrane[s, n, j] = v[j]

"""Gradients of synapses and of spike times, gathered from the adjoint where spikes arrive.

∂L/∂w_u = Σ_k μ_u[k + 1 + d]        ∂L/∂t = w_u·Σ_k c[k + 1 + d]      (k: steps of the spikes)
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from hardware_sim.compiled import compiled
from nmtool.dynamics import HOP_LATENCY
from training.cpu.kernels.adjoint import arrival_gradient
from training.cpu.kernels.currents import LANES


class Gathering(NamedTuple):
    """A projection, the spikes that travelled through it, and the gradients they add up to.

    Attributes:
        weight, delay: [post, pre], jumps of u and unsigned steps.
        start, position: the source's spikes by channel, tile by tile, see `by_channel`.
        d_weight: [post, pre] float, added to: ∂L/∂w_u.
        d_time: [post, pre] float, added to: ∂L/∂(delay in ms).
    """

    weight: NDArray
    delay: NDArray
    start: NDArray[np.uint64]
    position: NDArray[np.uint32]
    d_weight: NDArray
    d_time: NDArray


@compiled(fastmath={"contract", "reassoc", "nsz"})
def gather(projection, t, j, mu_u, c):
    """Add the gradients of one post-neuron's synapses, summed over the spikes of a tile.

    Args:
        projection: see `Gathering`.
        t: the tile.
        j: the post-neuron.
        mu_u, c: [tile·stride] float, the neuron's adjoint for the samples of the tile.
    """
    weight, delay, start = projection.weight[j], projection.delay[j], projection.start[t]
    position, d_weight, d_time = projection.position, projection.d_weight[j], projection.d_time[j]
    for i in range(weight.size):
        shift = np.uint64(delay[i]) + np.uint64(HOP_LATENCY)
        total_mu = mu_u.dtype.type(0.0)
        total_c = mu_u.dtype.type(0.0)
        for k in range(start[i], start[i + 1]):
            m = np.uint64(position[k]) + shift
            total_mu += mu_u[m]
            total_c += c[m]
        d_weight[i] += total_mu
        d_time[i] += weight[i] * total_c


@compiled()
def lanes_of(time_major, first, rows, by_neuron):
    """Copy some neurons' traces of a tile so that each lies contiguous in memory.

    Args:
        time_major: [samples of the tile, stride, neurons] float.
        first: the first of the neurons.
        rows: how many of them.
        by_neuron: [rows, tile·stride] float, filled.
    """
    n_samples, stride, _ = time_major.shape
    for s in range(n_samples):
        base = np.uint64(s * stride)
        for n in range(np.uint64(stride)):
            row = time_major[s, n, first : first + rows]
            for lane in range(np.uint64(rows)):
                by_neuron[lane, base + n] = row[lane]


@compiled(parallel=True)
def synapse_gradients(afferent, recurrent, tile, mu_u, c):
    """Add the gradients of a population's incoming synapses, summed over samples.

    Args:
        afferent, recurrent: see `Gathering`; recurrent may have no pre-neurons.
        tile: samples per tile.
        mu_u, c: [samples, stride, post] float, the population's adjoint.
    """
    n_samples, stride, n_post = mu_u.shape
    for block in numba.prange((n_post + LANES - 1) // LANES):
        first = block * LANES
        lanes = min(LANES, n_post - first)
        mu_u_of = np.empty((lanes, tile * stride), mu_u.dtype)
        c_of = np.empty((lanes, tile * stride), mu_u.dtype)
        for t in range(afferent.start.shape[0]):
            samples = slice(t * tile, min(t * tile + tile, n_samples))
            lanes_of(mu_u[samples], first, lanes, mu_u_of)
            lanes_of(c[samples], first, lanes, c_of)
            for lane in range(lanes):
                gather(afferent, t, first + lane, mu_u_of[lane], c_of[lane])
                gather(recurrent, t, first + lane, mu_u_of[lane], c_of[lane])


@compiled(parallel=True)
def spike_time_gradients(weight, delay, offset, step, neuron, c, gradient):
    """∂L/∂t per ms of every spike of a source, through one projection.

    Args:
        weight, delay: [pre, post].
        offset: [samples + 1] int64; step, neuron: [spikes] int32, the source's raster.
        c: [samples, stride, post] float, the target's adjoint.
        gradient: [spikes] float, filled.
    """
    for s in numba.prange(offset.size - 1):
        for k in range(offset[s], offset[s + 1]):
            i = neuron[k]
            gradient[k] = arrival_gradient(weight[i], delay[i], step[k], c[s])

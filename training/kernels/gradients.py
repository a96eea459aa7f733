"""Gradients of synapses and of spike times, gathered from the adjoint where spikes arrive.

    ∂L/∂w_u = Σ_k μ_u[k + 1 + d]        ∂L/∂t = w_u·Σ_k c[k + 1 + d]      (k: steps of the spikes)
"""

from __future__ import annotations

import numba
import numpy as np

from hardware_sim.compiled import compiled
from training.kernels.adjoint import arrival_gradient
from training.kernels.currents import LANES


@compiled()
def gather(weight, delay, start, position, trace, d_weight, d_time):
    """Add the gradients of one post-neuron's synapses, summed over the spikes of a tile.

    Args:
        weight, delay: [pre], the neuron's synapses; a jump of u and steps.
        start: [pre + 1] int64; position: [spikes] int32, see `by_channel`.
        trace: [tile·stride, 2] float, μ_u and c of the neuron for the samples of the tile.
        d_weight, d_time: [pre] float, added to.
    """
    for i in range(weight.size):
        shift = np.int64(delay[i]) + 1
        total_mu = trace.dtype.type(0.0)
        total_c = trace.dtype.type(0.0)
        for k in range(start[i], start[i + 1]):
            m = position[k] + shift
            total_mu += trace[m, 0]
            total_c += trace[m, 1]
        d_weight[i] += total_mu
        d_time[i] += weight[i] * total_c


@compiled(parallel=True)
def synapse_gradients(weight, delay, start, position, mu_u, c, d_weight, d_time):
    """Add the gradients of a projection, summed over samples.

    Args:
        weight, delay: [post, pre].
        start, position: the source's spikes by channel, tile by tile.
        mu_u, c: [samples, stride, post] float, the target's adjoint.
        d_weight: [post, pre] float, added to: ∂L/∂w_u.
        d_time: [post, pre] float, added to: ∂L/∂(delay in ms).
    """
    n_samples, stride, n_post = mu_u.shape
    n_tiles = start.shape[0]
    tile = (n_samples + n_tiles - 1) // n_tiles
    for block in numba.prange((n_post + LANES - 1) // LANES):
        first = block * LANES
        lanes = min(LANES, n_post - first)
        trace = np.empty((lanes, tile * stride, 2), mu_u.dtype)
        for t in range(n_tiles):
            for s in range(t * tile, min(t * tile + tile, n_samples)):
                base = (s - t * tile) * stride
                for n in range(stride):
                    for lane in range(lanes):
                        trace[lane, base + n, 0] = mu_u[s, n, first + lane]
                        trace[lane, base + n, 1] = c[s, n, first + lane]
            for lane in range(lanes):
                j = first + lane
                gather(
                    weight[j], delay[j], start[t], position, trace[lane], d_weight[j], d_time[j]
                )


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

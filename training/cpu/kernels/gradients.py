"""Gradients of synapses, gathered from the adjoint where spikes arrive.

∂L/∂w_u = Σ_k μ_u[k + 1 + d]        ∂L/∂d = w_u·Σ_k c[k + 1 + d]      (k: steps of the spikes)
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from hardware_sim.compiled import compiled
from nmtool.dynamics import HOP_LATENCY


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


@compiled(parallel=True)
def synapse_gradients(afferent, recurrent, mu_u, c):
    """Add the gradients of a population's incoming synapses, summed over samples.

    Args:
        afferent, recurrent: see `Gathering`; recurrent may have no pre-neurons.
        mu_u, c: [tiles, post, tile·stride] float, the population's adjoint.
    """
    for j in numba.prange(mu_u.shape[1]):
        for t in range(mu_u.shape[0]):
            gather(afferent, t, j, mu_u[t, j], c[t, j])
            gather(recurrent, t, j, mu_u[t, j], c[t, j])

"""Gradients of synapses, gathered from the adjoint where spikes arrive.

With m = k + 1 + d for the steps k of the spikes, of which a bin may have several,

    ∂L/∂w_u = Σ μ_u[m]        ∂L/∂d = w_u·Σ (μ_u[m+1] − μ_u[m])   per step
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from nmtool.dynamics import HOP_LATENCY
from nmtool.training.engines.cpu.kernels.compiled import compiled
from nmtool.training.engines.cpu.kernels.pairs import (
    as_tuple,
    plus_pair,
    plus_pair_at,
    plus_two_pairs_at,
    zero_pair,
)


class Gathering(NamedTuple):
    """A projection, its presynaptic spikes, and its gradients.

    Attributes:
        weight, delay: [post, pre], jumps of u, and delays in unsigned steps.
        start, position: the source's spikes by channel, tile by tile, see `by_channel`.
        spikes: [filled] uint8, number of spikes of each bin; None if each has one.
        d_weight: [post, pre] float, sum of ∂L/∂w_u over the tiles so far.
        d_delay: [post, pre] float, sum of ∂L/∂d per step over the tiles so far.
    """

    weight: NDArray
    delay: NDArray
    start: NDArray[np.uint64]
    position: NDArray[np.unsignedinteger]
    spikes: NDArray[np.uint8] | None
    d_weight: NDArray
    d_delay: NDArray


@compiled()
def sum_at_arrivals(mu_u, position, first, last, shift):
    """Σ μ_u[m] and Σ (μ_u[m+1] − μ_u[m]) over the arrivals m = position + shift of some spikes.

    Uses four partial sums, so that additions do not wait for each other.

    Args:
        mu_u: [tile·stride] float, adjoint of the post-neuron.
        position: [spikes] unsigned, step of each spike as an index into `mu_u`.
        first, last: the sums are over `position[first:last]`.
        shift: steps from a spike to its arrival.
    """
    unity, two, three = np.uint64(1), np.uint64(2), np.uint64(3)
    arriving = mu_u[shift:]
    ab = cd = zero_pair(mu_u), zero_pair(mu_u)
    n_groups = (last - first) >> two
    for group in range(n_groups):
        k = first + (group << two)
        ab = plus_two_pairs_at(ab, arriving, position[k], position[k + unity])
        cd = plus_two_pairs_at(cd, arriving, position[k + two], position[k + three])
    a, b = ab
    c, d = cd
    for k in range(first + (n_groups << two), last):
        a = plus_pair_at(a, arriving, position[k])
    return as_tuple(plus_pair(plus_pair(a, b), plus_pair(c, d)))


@compiled()
def sum_of_counts_at_arrivals(mu_u, position, spikes, first, last, shift):
    """The sums of `sum_at_arrivals`, in which a bin occurs as often as it has spikes.

    Args:
        mu_u, position, first, last, shift: as for `sum_at_arrivals`.
        spikes: [filled] uint8, number of spikes of each bin.
    """
    arriving = mu_u[shift:]
    at_arrival = change = mu_u.dtype.type(0.0)
    for k in range(first, last):
        m = np.uint64(position[k])
        at_arrival += spikes[k] * arriving[m]
        change += spikes[k] * (arriving[m + np.uint64(1)] - arriving[m])
    return at_arrival, change


@compiled(fastmath={"contract"})
def gather(projection, spikes, t, j, mu_u):
    """Add the gradients of one post-neuron's synapses, summed over the spikes of a tile.

    Args:
        projection, spikes: see `Gathering`; a branch on None needs an argument of its own.
        t: index of the tile.
        j: index of the post-neuron.
        mu_u: [tile·stride] float, the neuron's adjoint for the samples of the tile.
    """
    weight, delay, start = projection.weight[j], projection.delay[j], projection.start[t]
    position, d_weight, d_delay = projection.position, projection.d_weight[j], projection.d_delay[j]
    for i in range(weight.size):
        shift = np.uint64(delay[i]) + np.uint64(HOP_LATENCY)
        bounds = start[i], start[i + 1]
        if spikes is None:
            at_arrival, change = sum_at_arrivals(mu_u, position, *bounds, shift)
        else:
            at_arrival, change = sum_of_counts_at_arrivals(mu_u, position, spikes, *bounds, shift)
        d_weight[i] += at_arrival
        d_delay[i] += weight[i] * change


@compiled(parallel=True)
def synapse_gradients(afferent, recurrent, mu_u):
    """Add the gradients of a population's incoming synapses, summed over samples.

    Args:
        afferent, recurrent: see `Gathering`; recurrent may have no pre-neurons.
        mu_u: [tiles, post, tile·stride] float, the population's adjoint, zero beyond T.
    """
    for j in numba.prange(mu_u.shape[1]):
        for t in range(mu_u.shape[0]):
            gather(afferent, afferent.spikes, t, j, mu_u[t, j])
            gather(recurrent, recurrent.spikes, t, j, mu_u[t, j])

"""Sums over the synapses of one spike by a warp of 32 threads.

Sums go through shared memory instead of shuffles, so that simulator and GPU run the same code and
sum in a fixed order.
"""

from __future__ import annotations

import numpy as np

from nmtool.dynamics import HOP_LATENCY
from nmtool.training.engines.cuda.kernels.compiled import device_function, index

WARP = 32
"""Threads per warp."""

PITCH = WARP + 1
"""Distance between the parts of neighbouring warps in shared memory, in numbers: not a multiple of
32, so that they begin in different banks."""


@device_function
def arrival_gradient(weight, delay, n, lane, c):
    """One thread's part of its warp's sum: ∂L/∂t per ms of a spike of step n.

    Args:
        weight, delay: [post], the synapses of the neuron that spiked.
        n: the spike's step.
        lane: index of the thread in its warp.
        c: [post, T] float, derivative of the loss with respect to a spike's arrival time, per unit
            of weight; after the last step it counts as 0.
    """
    total = c.dtype.type(0)
    j = lane
    while j < weight.size:
        arrival = n + HOP_LATENCY + np.int32(delay[index(j)])
        if arrival < c.shape[1]:
            total += weight[index(j)] * c[index(j), index(arrival)]
        j += WARP
    return total


@device_function
def sum_of_warp(parts, warp, size):
    """The sum of a warp's parts in shared memory, in a fixed order.

    Args:
        parts: [warps·PITCH] float, a number per thread.
        warp: index of the warp.
        size: WARP, computed from a launch parameter: with a constant, the compiler would hold all
            parts in registers at once.
    """
    first = warp * PITCH
    total = parts[index(first)]
    for at in range(first + 1, first + size):
        total += parts[index(at)]
    return total

"""Synaptic currents that spikes from elsewhere drive into a population."""

from __future__ import annotations

import numba
import numpy as np

from hardware_sim.compiled import compiled

LANES = 16
"""Post-neurons handled together: one cache line of 32-bit floats."""


@compiled()
def add_arrivals(weight, delay, start, position, trace):
    """Add the weights of all spikes of a tile to the trace of one post-neuron.

    Args:
        weight, delay: [pre], the neuron's synapses; a jump of u and steps.
        start: [pre + 1] int64, spikes of each channel.
        position: [spikes] int32, see `by_channel`.
        trace: [tile·stride] float, added to: a[n] for the samples of the tile.
    """
    for i in range(weight.size):
        w = weight[i]
        if w != 0.0:
            shift = np.int64(delay[i]) + 1
            for k in range(start[i], start[i + 1]):
                trace[position[k] + shift] += w


@compiled(parallel=True)
def afferent_drive(weight, delay, start, position, drive):
    """Fill the drive of a population: a[n] from all spikes that come from elsewhere.

    Args:
        weight: [post, pre] float, jumps of u.
        delay: [post, pre] unsigned, steps.
        start, position: the spikes by channel, tile by tile.
        drive: [samples, stride, post] float, overwritten.
    """
    n_samples, stride, n_post = drive.shape
    n_tiles = start.shape[0]
    tile = (n_samples + n_tiles - 1) // n_tiles
    for block in numba.prange((n_post + LANES - 1) // LANES):
        first = block * LANES
        lanes = min(LANES, n_post - first)
        trace = np.empty((lanes, tile * stride), drive.dtype)
        for t in range(n_tiles):
            trace[:] = 0.0
            for lane in range(lanes):
                j = first + lane
                add_arrivals(weight[j], delay[j], start[t], position, trace[lane])
            for s in range(t * tile, min(t * tile + tile, n_samples)):
                base = (s - t * tile) * stride
                for n in range(stride):
                    for lane in range(lanes):
                        drive[s, n, first + lane] = trace[lane, base + n]

"""Synaptic input of a population from afferent spikes."""

from __future__ import annotations

import numba
import numpy as np

from nmtool.dynamics import HOP_LATENCY
from nmtool.training.engines.cpu.kernels.compiled import compiled
from nmtool.training.engines.cpu.kernels.forward import of_spikes


@compiled()
def add_arrivals(weight, delay, start, position, count, trace):
    """Add the weights of all spikes of a tile to the trace of one post-neuron.

    Indices are unsigned, which avoids the check for negative ones.

    Args:
        weight: [pre] float, jump of u per spike over each of the neuron's synapses.
        delay: [pre] unsigned, in steps.
        start: [pre + 1] uint64, where each channel's bins begin in `position`.
        position: [filled] unsigned, index of each bin's step in `trace`, see `by_channel`.
        count: [filled] uint8, number of spikes of each bin; None: one.
        trace: [tile·stride] float, a[n] of the tile's samples, to which the weights are added.
    """
    for i in range(weight.size):
        w = weight[i]
        if w != 0.0:
            shift = np.uint64(delay[i]) + np.uint64(HOP_LATENCY)
            for k in range(start[i], start[i + 1]):
                trace[np.uint64(position[k]) + shift] += of_spikes(w, count, k)


@compiled(parallel=True)
def afferent_drive(weight, delay, start, position, count, drive):
    """Compute the drive a[n] of a population: the summed weights that arrive in each step.

    Args:
        weight: [post, pre] float, jumps of u.
        delay: [post, pre] unsigned, in steps.
        start, position, count: the spikes by channel, tile by tile, see `by_channel`; `count` is
            None if each bin has one spike.
        drive: [tiles, post, tile·stride] float, overwritten with a[n].
    """
    n_tiles, n_post, _ = drive.shape
    for j in numba.prange(n_post):
        for t in range(n_tiles):
            trace = drive[t, j]
            trace[:] = 0.0
            add_arrivals(weight[j], delay[j], start[t], position, count, trace)

"""Which overflows change what a network says: one definition for all who choose scales.

v saturates at ±(2^23 − 1), beyond every threshold. A spiking neuron that saturates upwards spikes
and is reset all the same, so that nothing is lost. What counts are membranes that are read, those
of non-spiking neurons, and spiking neurons that saturate downwards, which forget how far they
were inhibited.
"""

from __future__ import annotations

import numpy as np

from nmtool.hardware_sim.simulator import simulate
from nmtool.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.targets import STATE_LIMIT

SAMPLES_AT_ONCE = 8
"""Of which u and v of every neuron are held in memory."""


def saturated_populations(network: IntegerNetwork, recording: Recording) -> set[str]:
    """The populations with a membrane that saturated in a way that counts.

    Args:
        network: what was run.
        recording: a deep one of the simulator.
    """
    counts, potential = recording.counts, recording.potential
    outputs = {p.name for p in network.integrating if counts[f"v_clips.{p.name}"]}
    lowest = {p.name: potential[p.name].min(initial=0) for p in network.spiking}
    return outputs | {name for name, v in lowest.items() if v <= 1 - STATE_LIMIT}


def overflows(network: IntegerNetwork, spikes: Raster) -> bool:
    """Whether a current wraps around, or a membrane saturates in a way that counts.

    Args:
        network: what to run.
        spikes: input raster.
    """
    counts = simulate(network, spikes).counts
    if counts["u_wraps"] or not counts["v_clips"]:
        return counts["u_wraps"] > 0
    portions = range(0, spikes.n_samples, SAMPLES_AT_ONCE)
    return any(_saturates_on(network, spikes, first) for first in portions)


def _saturates_on(network: IntegerNetwork, spikes: Raster, first: int) -> bool:
    last = min(first + SAMPLES_AT_ONCE, spikes.n_samples)
    part = spikes.take(np.arange(first, last))
    return bool(saturated_populations(network, simulate(network, part, deep=True)))

"""The work of a run: the operations that an event-driven chip would carry out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nmtool.graph import INPUT
from nmtool.integer_network import IntegerNetwork
from nmtool.network import Network
from nmtool.raster import Raster
from nmtool.recording import Recording


@dataclass(frozen=True)
class Operations:
    """Counts over all samples.

    Attributes:
        input_spikes: spikes that entered.
        spikes: spikes that populations emitted.
        synaptic_events: spikes times the synapses they went through, those of weight 0 left out.
        neuron_updates: neurons × steps.
    """

    input_spikes: int
    spikes: int
    synaptic_events: int
    neuron_updates: int


def count_operations(
    network: Network | IntegerNetwork, spikes: Raster, recording: Recording
) -> Operations:
    """Count the operations of a run.

    Args:
        network: what was run.
        spikes: its input.
        recording: what came out.
    """
    rasters = {INPUT: spikes, **recording.spikes}
    projections: Sequence = network.projections
    events = 0
    for projection in projections:
        emitted = rasters[projection.source].counts().sum(axis=0)
        fan_out = np.count_nonzero(projection.weight, axis=1)
        events += int(emitted @ fan_out)
    neurons = sum(population.size for population in network.populations)
    return Operations(
        input_spikes=spikes.n_spikes,
        spikes=sum(raster.n_spikes for raster in recording.spikes.values()),
        synaptic_events=events,
        neuron_updates=neurons * spikes.n_steps * spikes.n_samples,
    )

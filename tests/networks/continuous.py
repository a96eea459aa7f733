"""Random networks in continuous time, small enough for finite differences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nmtool.network.float_parts import Population
from tests.training.mathematics.oracle import ContinuousNetwork, ContinuousProjection, SpikeTimes

CHANNELS = 5
DURATION = 35.0


def synapses(rng, source, target, shape, mean, spread) -> ContinuousProjection:
    """Synapses with normally distributed weights and delays of up to 8 ms."""
    delay_ms = rng.uniform(0, 8, shape)
    return ContinuousProjection(source, target, rng.normal(mean, spread, shape), delay_ms)


def feed_forward(rng) -> ContinuousNetwork:
    projections = [
        synapses(rng, "input", "a", (CHANNELS, 5), 1.3, 0.6),
        synapses(rng, "a", "out", (5, 3), 0, 0.5),
    ]
    populations = [Population("a", 5), Population("out", 3, "li")]
    return ContinuousNetwork(CHANNELS, populations, projections, DURATION)


def recurrent(rng) -> ContinuousNetwork:
    network = feed_forward(rng)
    projections = [*network.projections, synapses(rng, "a", "a", (5, 5), 0, 0.4)]
    return replace(network, projections=projections)


def two_layers(rng) -> ContinuousNetwork:
    projections = [
        synapses(rng, "input", "a", (CHANNELS, 5), 1.3, 0.6),
        synapses(rng, "a", "b", (5, 4), 2.0, 1.0),
        synapses(rng, "b", "out", (4, 3), 0, 0.5),
    ]
    populations = [Population("a", 5), Population("b", 4), Population("out", 3, "li")]
    return ContinuousNetwork(CHANNELS, populations, projections, DURATION)


def random_events(rng) -> SpikeTimes:
    """Twenty input events over 28 ms, no two closer than 0.1 ms."""
    time_ms = np.arange(20) * 1.4 + rng.uniform(0, 1.3, 20)
    return SpikeTimes(time_ms, rng.integers(0, CHANNELS, 20))

"""Small stepped networks for the tests of the reference."""

from __future__ import annotations

import numpy as np

from nmtool.network.float_network import Network
from nmtool.network.float_parts import Population, Projection
from nmtool.network.graph import INPUT, LI, LIF, InputChannels
from nmtool.network.readout import Readout
from nmtool.raster import Raster
from nmtool.training.mathematics.reference import Trace

CHANNELS, STEPS, SAMPLES = 5, 40, 2


def synapses(rng, source, target, shape, mean, spread, max_delay=6) -> Projection:
    """Synapses with normally distributed weights and delays of 0 to max_delay steps."""
    weight = rng.normal(mean, spread, shape)
    return Projection(source, target, weight, rng.integers(0, max_delay + 1, shape))


def make(populations, projections, dt_ms=1.0) -> Network:
    readout = Readout("out", "mean")
    return Network(InputChannels(CHANNELS), populations, projections, readout, dt_ms, STEPS)


def tangled(rng) -> Network:
    """Feedback, self, skip and double projections; constants differ between neurons."""
    populations = [
        Population("a", 4, LIF, [8, 12, 5, 20], [3, 5, 5, 8], [1, 0.8, 1.2, 1], [0.2, 0, -0.1, 0]),
        Population("out", 3, LI, [10, 5, 4], [5, 5, 9], bias=0.1),
        Population("b", 3, LIF, 15.0, 15.0, bias=[0.1, 0.0, 0.3]),
    ]
    projections = [
        synapses(rng, INPUT, "a", (CHANNELS, 4), 1.3, 0.6),
        synapses(rng, INPUT, "a", (CHANNELS, 4), 0.1, 0.1, max_delay=2),
        synapses(rng, "a", "b", (4, 3), 0.9, 0.4),
        synapses(rng, "b", "a", (3, 4), -0.1, 0.3),
        synapses(rng, "b", "b", (3, 3), 0, 0.3),
        synapses(rng, "a", "out", (4, 3), 0, 0.5),
        synapses(rng, "b", "out", (3, 3), 0, 0.5),
        synapses(rng, INPUT, "out", (CHANNELS, 3), 0, 0.5),
    ]
    return make(populations, projections)


def none_hidden(rng) -> Network:
    projections = [synapses(rng, INPUT, "out", (CHANNELS, 3), 0, 0.5)]
    return make(
        [Population("out", 3, LI, [20, 8, 5], [5, 8, 20], bias=[0.1, 0, -0.2])], projections
    )


def random_input(rng, samples=SAMPLES, rate=0.15, most_spikes=1) -> Raster:
    """Input with spikes up to the last step, of up to `most_spikes` per bin."""
    dense = rng.random((samples, STEPS, CHANNELS)) < rate
    dense[:, -3:, :] = True
    if most_spikes == 1:
        return Raster.from_dense(dense)
    return Raster.from_dense(dense * rng.integers(1, most_spikes + 1, dense.shape))


def n_hidden_spikes(trace: Trace) -> int:
    return sum(raster.n_spikes for raster in trace.spikes.values())


def single_neuron(weight, delay, recurrent=None, kind=LIF, threshold=1.0) -> Network:
    """Channel 0 drives neuron `n`; `out` exists because a network needs an output."""
    into = Projection(INPUT, "n", np.full((CHANNELS, 1), weight), np.full((CHANNELS, 1), delay))
    projections = [into]
    if recurrent is not None:
        projections.append(Projection("n", "n", [[recurrent[0]]], [[recurrent[1]]]))
    populations = [Population("n", 1, kind, threshold=threshold), Population("out", 1, LI)]
    return make(populations, projections)


def input_at(*steps: int) -> Raster:
    dense = np.zeros((1, STEPS, CHANNELS))
    dense[0, list(steps), 0] = 1
    return Raster.from_dense(dense)

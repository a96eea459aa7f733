"""Integer networks of the sizes of speech networks, and input that makes them spike."""

from __future__ import annotations

import numpy as np

from nmtool.arithmetic import SILENT_THRESHOLD
from nmtool.network.graph import INPUT, LI, LIF, InputChannels
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.network.readout import Readout
from nmtool.raster import Raster


def speech_network(
    channels: int, hidden: int, classes: int, *, recurrent: bool, n_steps: int = 40, seed: int = 0
) -> IntegerNetwork:
    """A network with one hidden population; a fifth of its weights is 0, delays reach 61 steps."""
    random = np.random.default_rng(seed)

    def synapses(source: str, target: str, shape: tuple[int, int], top: int) -> IntegerProjection:
        weight = random.integers(-top, top + 1, shape) * 2
        weight[random.random(shape) < 0.2] = 0
        delay = random.integers(0, 62, shape)
        delay.flat[0] = 61
        return IntegerProjection(source, target, weight, delay)

    projections = [synapses(INPUT, "hidden", (channels, hidden), 60)]
    if recurrent:
        projections.append(synapses("hidden", "hidden", (hidden, hidden), 20))
    projections.append(synapses("hidden", "output", (hidden, classes), 100))
    return IntegerNetwork(
        InputChannels(channels),
        [
            IntegerPopulation("hidden", hidden, LIF, du=700, dv=200, vth=900, scale=1.0),
            IntegerPopulation("output", classes, LI, 700, 100, SILENT_THRESHOLD, scale=1.0),
        ],
        projections,
        Readout("output", "mean"),
        dt_ms=1.0,
        n_steps=n_steps,
    )


def speech_raster(channels: int, *, n_samples: int = 3, n_steps: int = 40, seed: int = 1) -> Raster:
    """Samples of different loudness; the last is silent."""
    random = np.random.default_rng(seed)
    rate = np.append(np.linspace(0.02, 0.08, n_samples - 1), 0.0)[:, None, None]
    return Raster.from_dense(random.random((n_samples, n_steps, channels)) < rate)

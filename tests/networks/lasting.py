"""A network that shows if Lava keeps state between samples, for tests of the Lava exporter."""

from __future__ import annotations

import numpy as np

from nmtool.arithmetic import SILENT_THRESHOLD
from nmtool.network.graph import INPUT, LI, LIF, InputChannels
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.network.readout import Readout
from nmtool.targets import LOIHI2


def self_sustained_network() -> IntegerNetwork:
    """Two channels, a population whose activity never ends once it begins, and an output.

    Every delay from 0 to the longest occurs in the recurrent matrix.
    """
    size = 8
    random = np.random.default_rng(5)
    delay = np.arange(size * size).reshape(size, size) % (LOIHI2.max_delay + 1)
    everywhere = np.full((size, size), 40)
    return IntegerNetwork(
        InputChannels(2),
        [
            IntegerPopulation("hidden", size, LIF, du=600, dv=300, vth=60, scale=1.0),
            IntegerPopulation("out", 3, LI, du=600, dv=100, vth=SILENT_THRESHOLD, scale=1.0),
        ],
        [
            IntegerProjection(INPUT, "hidden", np.full((2, size), 200), np.zeros((2, size), int)),
            IntegerProjection("hidden", "hidden", everywhere, delay),
            IntegerProjection(
                "hidden",
                "out",
                random.integers(-50, 50, (size, 3)) * 2,
                random.integers(0, LOIHI2.max_delay + 1, (size, 3)),
            ),
        ],
        Readout("out", "max"),
        dt_ms=1.0,
        n_steps=100,
    )

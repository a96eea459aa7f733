"""Integer networks at the limits of the arithmetic, for the tests of exporters."""

from __future__ import annotations

import numpy as np

from nmtool.arithmetic import SILENT_THRESHOLD
from nmtool.network.graph import INPUT, LI, LIF, InputChannels
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.network.readout import Readout


def edge_network(sign: int) -> IntegerNetwork:
    """A network in which u leaves its range, v saturates, and a threshold is 0.

    This needs input at every step.
    """
    weight = np.array([[255, 1, 254]]) * sign
    return IntegerNetwork(
        InputChannels(1),
        [
            IntegerPopulation("quick", 3, LIF, du=0, dv=0, vth=0, scale=1.0),
            IntegerPopulation("out", 3, LI, du=0, dv=0, vth=SILENT_THRESHOLD, scale=1.0),
        ],
        [
            IntegerProjection(INPUT, "quick", weight, np.zeros((1, 3), int), 8, 7),
            IntegerProjection(INPUT, "out", weight, np.zeros((1, 3), int), 8, 7),
        ],
        Readout("out", "mean"),
        dt_ms=1.0,
        n_steps=40,
    )


def word_network(sign: int) -> IntegerNetwork:
    """A network whose sums of one step exceed 24 and even 32 bits, of which the low word remains.

    This needs 1200 channels that spike at once: 1200·255·2^7·2^6 is beyond 2^31.
    """
    n, weight = 1200, np.full((1200, 1), 255 * sign)
    return IntegerNetwork(
        InputChannels(n),
        [
            IntegerPopulation("out", 1, LI, du=300, dv=100, vth=SILENT_THRESHOLD, scale=1.0),
            IntegerPopulation("quick", 1, LIF, du=4095, dv=4095, vth=7, scale=1.0),
        ],
        [
            IntegerProjection(INPUT, "out", weight, np.zeros((n, 1), int), 8, 7),
            IntegerProjection(INPUT, "quick", weight, np.ones((n, 1), int), 8, 7),
        ],
        Readout("out", "mean"),
        dt_ms=1.0,
        n_steps=12,
    )


def scattered_network() -> IntegerNetwork:
    """Unconnected populations, one of them driven by its bias, and an unused input."""
    bias = np.array([3000, -3000])
    return IntegerNetwork(
        InputChannels(2),
        [
            IntegerPopulation("lonely", 2, LIF, 100, 50, 90, 1.0, 2, bias),
            IntegerPopulation("driven", 3, LIF, 100, 50, 100, 1.0, 0, 4000),
            IntegerPopulation("out", 2, LI, 100, 50, SILENT_THRESHOLD, 1.0, 1, 5),
            IntegerPopulation("alone", 1, LI, 100, 50, SILENT_THRESHOLD, 1.0, 1, -7),
        ],
        [IntegerProjection("driven", "out", np.full((3, 2), 9), np.full((3, 2), 2))],
        Readout("out", "mean"),
        dt_ms=1.0,
        n_steps=25,
    )

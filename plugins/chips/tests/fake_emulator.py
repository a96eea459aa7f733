"""The integer simulator in place of brian2-loihi: replaces `emulator.py` of its package."""

from __future__ import annotations

import sys
from types import SimpleNamespace as Trace
from typing import Any

import numpy as np

from nmtool.hardware_sim.simulator import simulate
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster

HIGHEST_THRESHOLD, LI = 131071, "li"


class Emulator:
    """Runs the network that is the first argument of the script."""

    def __init__(self, header: dict[str, Any], arrays: object, samples: int, steps: int) -> None:
        self.input = np.zeros((samples, steps, header["channels"]["size"]), bool)

    def run(self, *spikes: Any) -> dict[str, Trace]:
        """Return u, v and spikes of every population.

        Args:
            spikes: indices of the input spikes by axis, then a function that reports progress.
        """
        dense = self.input.copy()
        dense[spikes[:3]] = True
        recording = simulate(IntegerNetwork.load(sys.argv[1]), Raster.from_dense(dense), deep=True)
        v = {**recording.membrane, **recording.potential}
        traces = {}
        for name, u in recording.current.items():
            sample = step = neuron = np.zeros(0, int)
            if (raster := recording.spikes.get(name)) is not None:
                sample = np.repeat(np.arange(raster.n_samples), np.diff(raster.offset))
                step, neuron = raster.step, raster.neuron
            traces[name] = Trace(sample=sample, step=step, neuron=neuron, u=u, v=v[name])
        return traces

"""Networks and files for the tests of NIR."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.network.float_network import Network
from nmtool.network.float_parts import Population, Projection
from nmtool.network.graph import INPUT, LI, LIF, InputChannels
from nmtool.network.readout import Readout
from nmtool.raster import Raster

CHANNELS = 6


def layered_network(max_delay: int = 0, *, recurrent: bool = True, **changes: Any) -> Network:
    """A chain of two hidden populations that spike often, and an output that does not spike."""
    random = np.random.default_rng(0)

    def synapses(source: str, target: str, shape: tuple[int, int], size: float) -> Projection:
        delay = random.integers(0, max_delay + 1, shape)
        return Projection(source, target, random.normal(size / 3, size, shape), delay)

    projections = [
        synapses(INPUT, "first", (CHANNELS, 8), 6.0),
        synapses("first", "second", (8, 5), 4.0),
        synapses("second", "out", (5, 3), 1.0),
    ]
    if recurrent:
        projections.append(synapses("first", "first", (8, 8), 1.0))
        projections.append(synapses("second", "second", (5, 5), 1.0))
    parts: dict[str, Any] = {
        "channels": InputChannels(CHANNELS),
        "populations": [
            Population("first", 8),
            Population("second", 5, tau_mem_ms=10.0),
            Population("out", 3, LI),
        ],
        "projections": projections,
        "readout": Readout("out", "mean"),
        "dt_ms": 1.0,
        "n_steps": 60,
    }
    return Network(**parts | changes)


def noise(n_samples: int = 2, n_steps: int = 60, rate: float = 0.2) -> Raster:
    """Input for `layered_network` that makes every population spike."""
    random = np.random.default_rng(1)
    return Raster.from_dense(random.random((n_samples, n_steps, CHANNELS)) < rate)


def in_general_position(network: Network) -> Network:
    """The same network with thresholds that no sum of its weights equals.

    If v equalled a threshold, the order of additions would decide whether a neuron spikes.
    """
    populations = [
        replace(p, threshold=p.values("threshold") * _irrational(p.size)) if p.kind == LIF else p
        for p in network.populations
    ]
    return replace(network, populations=populations)


def _irrational(size: int) -> NDArray[np.float64]:
    return 1 + np.sqrt(2 + np.arange(size)) * 1e-5

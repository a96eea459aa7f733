"""Networks of the tests with another reset than to zero."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np

from nmtool.network.float_network import Network
from nmtool.network.graph import LATE, LIF, SUBTRACT, TO_ZERO
from nmtool.training.mathematics.oracle import ContinuousNetwork

_AnyNetwork = TypeVar("_AnyNetwork", Network, ContinuousNetwork)


def with_reset(network: _AnyNetwork, reset: str, share: float = 1.0) -> _AnyNetwork:
    """The network with a reset of all spiking populations; c is a share of the threshold."""
    if reset == TO_ZERO:
        return network
    populations = [
        replace(p, reset=reset, reset_by=share * p.values("threshold")) if p.kind == LIF else p
        for p in network.populations
    ]
    return replace(network, populations=populations)


def with_several_resets(network: Network, seed: int) -> Network:
    """The network with another reset per spiking population, and another constant per neuron.

    Constants are 0.1 to 1.5 thresholds, so that some spikes are left over.
    """
    rng = np.random.default_rng(seed)
    populations = []
    for index, p in enumerate(network.populations):
        reset = (SUBTRACT, LATE, TO_ZERO)[(seed + index) % 3]
        if p.kind == LIF and reset != TO_ZERO:
            reset_by = rng.uniform(0.1, 1.5, p.size) * p.values("threshold")
            p = replace(p, reset=reset, reset_by=reset_by)
        populations.append(p)
    return replace(network, populations=populations)

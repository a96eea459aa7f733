"""Networks of the tests with another reset than to zero, or with several spikes per step."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np

from nmtool.network.float_network import Network
from nmtool.network.graph import LATE, LIF, SUBTRACT, TO_ZERO
from nmtool.network.integer_network import IntegerNetwork
from tests.training.mathematics.oracle import ContinuousNetwork

_AnyNetwork = TypeVar("_AnyNetwork", Network, ContinuousNetwork)


def with_reset(
    network: _AnyNetwork, reset: str, share: float = 1.0, most_spikes: int = 1
) -> _AnyNetwork:
    """The network with a reset of all spiking populations; c is a share of the threshold.

    Neurons and channels may spike up to `most_spikes` times in a step.
    """
    if reset == TO_ZERO:
        return network
    populations = [
        replace(p, reset=reset, reset_by=share * p.values("threshold")) if p.kind == LIF else p
        for p in network.populations
    ]
    network = replace(network, populations=populations)
    return network if most_spikes == 1 else with_most_spikes(network, most_spikes)


def counting(network: IntegerNetwork, most_spikes: int = 9) -> IntegerNetwork:
    """The network with several spikes per step of channels and of neurons of its first population.

    Its neurons spike easily, and most spikes subtract much less than a step adds.
    """
    first, *others = network.populations
    first = replace(first, vth=20, reset=SUBTRACT, reset_by=40, most_spikes=most_spikes)
    channels = replace(network.channels, most_spikes=most_spikes)
    return replace(network, populations=[first, *others], channels=channels)


def with_most_spikes(network: Network, most: int) -> Network:
    """The network with up to `most` spikes per step of channels and of neurons that subtract."""
    populations = [
        replace(p, most_spikes=most) if p.reset == SUBTRACT else p for p in network.populations
    ]
    channels = replace(network.channels, most_spikes=most)
    return replace(network, populations=populations, channels=channels)


def with_several_resets(network: Network, seed: int, most_spikes: int = 1) -> Network:
    """The network with another reset per spiking population, and another constant per neuron.

    Constants are 0.1 to 1.5 thresholds, so that some spikes are left over. Neurons that subtract at
    once, and channels, may spike up to `most_spikes` times in a step.
    """
    rng = np.random.default_rng(seed)
    populations = []
    for index, p in enumerate(network.populations):
        reset = (SUBTRACT, LATE, TO_ZERO)[(seed + index) % 3]
        if p.kind == LIF and reset != TO_ZERO:
            reset_by = rng.uniform(0.1, 1.5, p.size) * p.values("threshold")
            p = replace(p, reset=reset, reset_by=reset_by)
        populations.append(p)
    return with_most_spikes(replace(network, populations=populations), most_spikes)

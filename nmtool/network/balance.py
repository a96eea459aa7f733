"""The drive of a new network, such that its neurons spike at a given rate.

How strongly inputs drive a network depends on how many channels spike how often, which differs
by orders of magnitude between data sets. Too weak a drive leaves no spike to learn from.

Weights into hidden neurons are scaled. Weights into outputs that spike get another mean and keep
their spread: an output that is silent has no gradient, so that each has to spike on most samples,
and weights around 0, however large, leave half of the outputs silent.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from numpy.typing import NDArray

from nmtool.network.float_network import Network
from nmtool.network.graph import LIF, strongly_connected
from nmtool.raster import Raster
from nmtool.recording import Recording

MAX_FACTOR = 256.0
_HALVINGS = 10


Record = Callable[[Network, Raster], Recording]
"""Runs a network on an input."""


def balance_drive(network: Network, spikes: Raster, rate: float, record: Record) -> Network:
    """Change the feed-forward weights into every spiking population, first layers first.

    Args:
        network: a new network.
        spikes: some input.
        rate: wanted mean spikes per neuron and sample.
        record: runs it.

    Returns:
        The network with weights into each hidden population multiplied by one factor, and weights
        into a spiking readout moved to one mean, in the paper's units. Both are within 1/256 … 256,
        found by bisection on a logarithmic scale.
    """
    names = [population.name for population in network.populations]
    edges = [(projection.source, projection.target) for projection in network.projections]
    for group in strongly_connected(names, edges):
        if network.population(group[0]).kind == LIF:
            network = _balance_group(network, group, spikes, rate, record)
    return network


def _balance_group(
    network: Network,
    group: list[str],
    spikes: Raster,
    rate: float,
    record: Record,
) -> Network:
    low, high = -math.log(MAX_FACTOR), math.log(MAX_FACTOR)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        recording = record(_driven(network, group, math.exp(middle)), spikes)
        if _rate(recording, group) < rate:
            low = middle
        else:
            high = middle
    return _driven(network, group, math.exp(0.5 * (low + high)))


def _driven(network: Network, group: list[str], drive: float) -> Network:
    """The network with weights from outside of a group that drive it so strongly."""
    change = _moved if network.readout.population in group else _scaled
    return network.with_projections(
        [
            replace(projection, weight=change(projection.weight, drive))
            if projection.target in group and projection.source not in group
            else projection
            for projection in network.projections
        ]
    )


def _scaled(weight: NDArray, factor: float) -> NDArray:
    return weight * factor


def _moved(weight: NDArray, mean: float) -> NDArray:
    return weight + (mean - weight.mean())


def _rate(recording: Recording, group: list[str]) -> float:
    """Mean spikes per neuron and sample of some populations."""
    counts = [recording.spikes[name].counts() for name in group]
    return sum(count.sum() for count in counts) / sum(count.size for count in counts)

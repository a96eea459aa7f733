"""Start alive: scale the weights of a new network until its hidden neurons spike at a given rate.

How strongly inputs drive a network depends on how many channels spike how often, which differs
by orders of magnitude between data sets. Too weak a drive leaves no spike to learn from.
"""

from __future__ import annotations

import math
from dataclasses import replace

from nmtool.graph import LIF, strongly_connected
from nmtool.network import Network
from nmtool.raster import Raster
from training.devices import CPU, Device
from training.model import SpikingNetwork

MAX_FACTOR = 256.0
_HALVINGS = 10


def balance_drive(
    network: Network, spikes: Raster, rate: float, max_delay: int, device: Device = CPU
) -> Network:
    """Scale the feed-forward weights into every hidden population, first layers first.

    Args:
        network: a new network.
        spikes: some input.
        rate: wanted mean spikes per neuron and sample.
        max_delay: largest delay of the network, in steps.
        device: where it runs.

    Returns:
        The network with weights into each hidden population multiplied by one factor within
        1/256 … 256, found by bisection on a logarithmic scale.
    """
    names = [population.name for population in network.populations]
    edges = [(projection.source, projection.target) for projection in network.projections]
    for group in strongly_connected(names, edges):
        hidden = network.population(group[0]).kind == LIF
        if hidden and network.readout.population not in group:
            network = _balance_group(network, group, spikes, rate, max_delay, device)
    return network


def _balance_group(
    network: Network,
    group: list[str],
    spikes: Raster,
    rate: float,
    max_delay: int,
    device: Device,
) -> Network:
    low, high = -math.log(MAX_FACTOR), math.log(MAX_FACTOR)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        model = SpikingNetwork(
            _scaled(network, group, math.exp(middle)), max_delay=max_delay, device=device
        )
        if _rate(model, group, spikes) < rate:
            low = middle
        else:
            high = middle
    return _scaled(network, group, math.exp(0.5 * (low + high)))


def _scaled(network: Network, group: list[str], factor: float) -> Network:
    return network.with_projections(
        [
            replace(projection, weight=projection.weight * factor)
            if projection.target in group and projection.source not in group
            else projection
            for projection in network.projections
        ]
    )


def _rate(model: SpikingNetwork, group: list[str], spikes: Raster) -> float:
    recording = model.record(spikes)
    counts = [recording.spikes[name].counts() for name in group]
    return sum(count.sum() for count in counts) / sum(count.size for count in counts)

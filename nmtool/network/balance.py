"""Scale a new network's initial weights until its neurons spike at a given rate.

The drive of a network depends on the number of channels and their rates, which differ by orders of
magnitude between data sets. If the drive is too weak, nothing spikes, and there is no gradient.

The simulations run in float64 on the CPU, so that runs on all devices start from the same network.

Weights into hidden neurons are scaled. Weights into spiking outputs are shifted, so that they get
another mean but keep their spread. A silent output has no gradient, so each output must spike on
most samples; at a mean weight of 0, half of the outputs would be silent at any scale.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from numpy.typing import NDArray

from nmtool.float_simulator import reaches_rate
from nmtool.network.graph import LIF, strongly_connected
from nmtool.progress import Advance, Progress, silent
from nmtool.raster import Raster

if TYPE_CHECKING:
    from nmtool.network.float_network import Network

MAX_FACTOR = 256.0
_HALVINGS = 10


def balance_drive(
    network: Network, spikes: Raster, rate: float, progress: Progress = silent
) -> Network:
    """Scale or shift feed-forward weights until each spiking population reaches a rate.

    Populations are treated in the order of the layers, from first to last.

    Args:
        network: a new network.
        spikes: representative input.
        rate: target rate, spikes per neuron and sample.
        progress: shows the number of simulations.

    Returns:
        The network with weights into each hidden population multiplied by one factor, and weights
        into a spiking output shifted to one mean, in the paper's units. Factors and means are in
        1/256 … 256, found by bisection on a logarithmic scale.
    """
    names = [population.name for population in network.populations]
    edges = [(projection.source, projection.target) for projection in network.projections]
    groups = strongly_connected(names, edges)
    driven = [group for group in groups if network.population(group[0]).kind == LIF]
    with progress("driving the neurons", _HALVINGS * len(driven)) as advance:
        for group in driven:
            network = _balance_group(network, group, spikes, rate, advance)
    return network


def _balance_group(
    network: Network, group: list[str], spikes: Raster, rate: float, advance: Advance
) -> Network:
    """Find by bisection the drive at which a group reaches the rate, and apply that drive."""
    low, high = -math.log(MAX_FACTOR), math.log(MAX_FACTOR)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        if reaches_rate(_with_drive(network, group, math.exp(middle)), group, spikes, rate):
            high = middle
        else:
            low = middle
        advance(1)
    return _with_drive(network, group, math.exp(0.5 * (low + high)))


def _with_drive(network: Network, group: list[str], drive: float) -> Network:
    """Multiply feed-forward weights into a group by `drive`; shift an output's to this mean."""
    change = _shifted if network.readout.population in group else _scaled
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


def _shifted(weight: NDArray, mean: float) -> NDArray:
    return weight + (mean - weight.mean())

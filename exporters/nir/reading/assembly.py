"""Assemble a network from populations and their incoming synapses.

Edges of a graph take no step, while each hop of a network takes one. Populations therefore run
some steps later than in the graph (`nmtool.exporters.nir.graph.retiming`), with the same spikes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmtool import dynamics
from nmtool.dynamics import HOP_LATENCY
from nmtool.errors import FileFormatError
from nmtool.exporters.nir.graph.retiming import steps_behind
from nmtool.exporters.nir.reading import synapses as wires
from nmtool.exporters.nir.reading.neurons import GraphPopulation
from nmtool.exporters.nir.reading.synapses import Signal
from nmtool.network.float_network import Network
from nmtool.network.float_parts import Population, Projection
from nmtool.network.graph import INPUT, InputChannels
from nmtool.network.readout import Readout


@dataclass(frozen=True, eq=False)
class Parts:
    """Parts of an imported network, from which `assembled` makes a `Network`.

    Attributes:
        channels: number of input channels.
        populations: populations by name.
        arriving: per population, the signal that it receives from the input and from populations.
        readout: output population and rule.
    """

    channels: int
    populations: Mapping[str, GraphPopulation]
    arriving: Mapping[str, Signal]
    readout: Readout

    def size(self, name: str) -> int:
        """Number of neurons of a population, or of channels of the input."""
        return self.channels if name == INPUT else self.populations[name].population.size

    def lags(self) -> dict[str, int]:
        """Number of steps by which the input and each population run later than in the graph.

        Raises:
            FileFormatError: a loop takes fewer steps than it has populations.
        """
        least_delays = {
            (source, name): int(synapses.delay.min())
            for name in self.populations
            for source, synapses in self.arriving[name].origins.items()
            if synapses.delay.size
        }
        shifts = steps_behind(list(self.populations), least_delays, INPUT)
        if shifts is None:
            raise FileFormatError(
                "a loop takes fewer steps than it has populations",
                code="nir-loop-too-short",
                why="each hop of a network takes a step, while edges of a graph take none",
                fix="use longer delays in the loop",
            )
        return shifts


def assembled(parts: Parts, dt_ms: float, n_steps: int) -> Network:
    """Make a `Network` from the parts of an import.

    Args:
        parts: the network's parts.
        dt_ms: length of a step in ms.
        n_steps: steps of a sample in the graph; the output's lag is added.

    Raises:
        FileFormatError: a loop takes fewer steps than it has populations.
    """
    lags = parts.lags()
    return Network(
        InputChannels(parts.channels),
        [_population(population, dt_ms) for population in parts.populations.values()],
        list(_projections(parts, lags, dt_ms)),
        parts.readout,
        dt_ms=dt_ms,
        n_steps=n_steps + lags[parts.readout.population],
    )


def _projections(parts: Parts, lags: Mapping[str, int], dt_ms: float) -> Iterator[Projection]:
    """Projections of the network; their delays include the lags of populations."""
    total = 0
    for name, target in parts.populations.items():
        neurons = target.population
        tau_mem, tau_syn = (
            _time_constants(neurons.lose_v, dt_ms),
            _time_constants(neurons.lose_u, dt_ms),
        )
        factor = 1 / dynamics.drive_scale(tau_mem, tau_syn, dt_ms)
        for source, synapses in parts.arriving[name].origins.items():
            added_delay = lags[name] - lags[source] - HOP_LATENCY
            shape = parts.size(source), parts.size(name)
            for weight, delay in wires.layers(synapses, shape):
                total += weight.size
                why = f"{source} → {name} alone has {shape[0]:,} × {shape[1]:,}"
                wires.check_synapses(total, "the projections would need", why)
                delay_steps = np.where(weight != 0, delay + added_delay, 0)
                yield Projection(source, name, weight * factor, delay_steps)


def _time_constants(lose: NDArray[np.float64], dt_ms: float) -> NDArray[np.float64]:
    """Time constants in ms, from the share of u or v that is lost in one step."""
    with np.errstate(divide="ignore"):
        return -dt_ms / np.log1p(-lose)


def _population(graph_population: GraphPopulation, dt_ms: float) -> Population:
    """The population of a `Network` with the same constants."""
    neurons = graph_population.population
    tau_mem = _time_constants(neurons.lose_v, dt_ms)
    return Population(
        neurons.name,
        neurons.size,
        neurons.kind,
        tau_mem_ms=tau_mem,
        tau_syn_ms=_time_constants(neurons.lose_u, dt_ms),
        threshold=neurons.threshold,
        bias=neurons.drive / dynamics.membrane_gain(tau_mem, dt_ms),
    )

"""Plan a NIR graph: names of nodes, hops that take a step, and delays to write."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nmtool.dynamics import HOP_LATENCY
from nmtool.exporters.nir.graph.loops import closing_pairs, reached
from nmtool.exporters.nir.graph.nodes import Edge
from nmtool.exporters.nir.graph.retiming import steps_ahead
from nmtool.exporters.nir.options import CURRENT, FREE, POPULATION, SPIKES, NirOptions
from nmtool.exporters.nir.writing import neurons
from nmtool.exporters.nir.writing.neurons import unused
from nmtool.float_simulator import StepNetwork, StepPopulation, StepProjection
from nmtool.network.graph import INPUT


class Plan:
    """The layout of a graph, decided from a network and options before nodes are made.

    Attributes:
        network, options: the network and the writing options.
        projections: projections with nonzero weights.
        names: per population, the names of its nodes.
        entry: per population, the node to which incoming synapses lead.
        outputs: per population, the name of its `Output`, if it gets one.
        unreached: populations to which a wire of weight 0 is added, so that the input reaches all
            populations.
        closing: pairs (pre, post) of nodes of neurons. The connection of such a pair closes a loop,
            and therefore takes one step even without a `Delay` node.
        ahead: number of steps by which the input and each population run ahead of the network.
    """

    def __init__(self, network: StepNetwork, options: NirOptions) -> None:
        self.network, self.options = network, options
        self.projections = [p for p in network.projections if p.jump.any()]
        taken = {INPUT, *(p.name for p in network.populations)}
        self.names = {p.name: neurons.names_of(p, taken) for p in network.populations}
        self.entry = {name: names.entry for name, names in self.names.items()}
        self.outputs = self._output_names(taken)
        self.unreached = self._unreached()
        self.closing = self._closing()
        self.ahead = self._ahead()

    @property
    def readout(self) -> str:
        """The name of the output population."""
        return self.network.readout.population

    @property
    def written(self) -> list[StepPopulation]:
        """The populations that become nodes of neurons."""
        keeps = self.options.readout == POPULATION
        return [p for p in self.network.populations if keeps or p.name != self.readout]

    @property
    def recorded(self) -> dict[str, str]:
        """Per population, the node with its spikes, its potential or its input."""
        nodes = {p.name: p.name for p in self.written}
        if self.options.readout == CURRENT:
            nodes[self.readout] = self.outputs[self.readout]
        return nodes

    @property
    def end_populations(self) -> set[str]:
        """The populations whose spikes or potentials are the graph's output."""
        if self.options.readout == POPULATION:
            return {self.readout}
        if self.options.readout == CURRENT:
            return set()
        return {p.source for p in self.projections if p.target == self.readout}

    def is_written(self, projection: StepProjection) -> bool:
        """True if the file contains the projection."""
        return self.options.readout != SPIKES or projection.target != self.readout

    def _unreached(self) -> list[str]:
        """Populations that the input does not reach."""
        unreached: list[str] = []
        pairs = [(p.source, p.target) for p in self.projections]
        for population in self.network.populations:
            if population.name not in reached([INPUT, *unreached], pairs):
                unreached.append(population.name)
        return unreached

    def steps(self, projection: StepProjection) -> NDArray[np.int64]:
        """[pre, post]: delays to write; 0 for synapses of weight 0."""
        shift = self.ahead[projection.source] - self.ahead[projection.target]
        return np.where(projection.jump != 0, self._unshifted_delay(projection) + shift, 0)

    def _unshifted_delay(self, projection: StepProjection) -> NDArray[np.int64]:
        """[pre, post]: steps that `Delay` nodes add for each synapse, if no population runs ahead.

        This is the whole delay. If the connection closes a loop, one step is subtracted, which the
        connection takes even without a `Delay` node.
        """
        closes = (projection.source, self.entry[projection.target]) in self.closing
        return projection.delay + HOP_LATENCY - closes

    def _closing(self) -> set[Edge]:
        """Pairs (pre, post) of nodes of neurons whose connection closes a loop; see `closing`."""
        pairs = [(p.source, self.entry[p.target]) for p in self.projections]
        pairs += [(INPUT, self.entry[name]) for name in self.unreached]
        pairs += [(entry, name) for name, entry in self.entry.items() if entry != name]
        return closing_pairs({*self.entry, *self.entry.values()}, pairs, [INPUT])

    def _ahead(self) -> dict[str, int]:
        """Number of steps by which the input and each population run ahead of the network."""
        names = [p.name for p in self.network.populations]
        if self.options.hops != FREE:
            return dict.fromkeys([INPUT, *names], 0)
        least: dict[tuple[str, str], int] = {}
        for projection in self.projections:
            pair = projection.source, projection.target
            shortest = int(self._unshifted_delay(projection)[projection.jump != 0].min())
            least[pair] = min(shortest, least.get(pair, shortest))
        return steps_ahead(names, least, INPUT)

    def _output_names(self, taken: set[str]) -> dict[str, str]:
        """Unused names for `Output` nodes, by population."""
        taken = taken.union(*(names.all for names in self.names.values()))
        names = {name: f"{name}_output" for name in self.entry} | {self.readout: "output"}
        return {population: unused(name, taken) for population, name in names.items()}

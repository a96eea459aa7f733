"""From a plan to a NIR graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from nmtool import graph as kinds
from nmtool.exporters.nir.float_network import RealProjection
from nmtool.exporters.nir.graph.nodes import INPUT, OUTPUT, Edge, Graph, Node
from nmtool.exporters.nir.options import CURRENT
from nmtool.exporters.nir.writing import delays as forms
from nmtool.exporters.nir.writing import neurons
from nmtool.exporters.nir.writing.depth_first import edge_order
from nmtool.exporters.nir.writing.plan import Plan


@dataclass(frozen=True, eq=False)
class Built:
    """A graph and what cannot be seen from it.

    Attributes:
        graph: what is to be written.
        ahead: per population, how many steps it runs ahead of the network.
        recorded: per population, the node that passes on what it does.
        shared_loops: groups of nodes that feed each other.
    """

    graph: Graph
    ahead: Mapping[str, int]
    recorded: Mapping[str, str]
    shared_loops: list[list[str]]


def build_graph(plan: Plan) -> Built:
    """The graph of a plan that has no obstacles."""
    builder = _Builder(plan)
    builder.add_populations()
    builder.add_projections()
    builder.add_outputs()
    builder.connect_the_rest()
    graph = Graph(builder.nodes, builder.edges)
    graph = Graph(graph.nodes, edge_order(graph))
    return Built(graph, plan.ahead, plan.recorded, plan.shared_loops())


class _Builder:
    """Nodes and edges so far."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.dt_s = plan, plan.options.nir_dt_s
        self.channels = plan.network.channels
        self.nodes = {kinds.INPUT: Node(INPUT, {"shape": np.array([self.channels])})}
        self.edges: list[Edge] = []

    def add_populations(self) -> None:
        for population in self.plan.written:
            names = self.plan.names[population.name]
            nodes, edges = neurons.neurons(population, names, self.dt_s)
            self.nodes |= nodes
            self.edges += edges

    def add_projections(self) -> None:
        for index, projection in enumerate(self.plan.projections):
            if self.plan.is_written(projection):
                self._wire(index, projection)

    def _wire(self, index: int, projection: RealProjection) -> None:
        ends_graph = self.plan.entry[projection.target] not in self.nodes
        target = (self.plan.outputs if ends_graph else self.plan.entry)[projection.target]
        wiring = forms.Wiring(projection.source, target, self._prefix(index), self.dt_s)
        forms.wire(wiring, self.plan.options.form, projection.jump, self.plan.steps(projection))
        self._add(wiring)

    def _add(self, wiring: forms.Wiring) -> None:
        self.nodes |= wiring.nodes
        self.edges += wiring.edges

    def _prefix(self, index: int) -> str:
        """What the names of a projection's nodes begin with, and no other name does."""
        pairs = [(p.source, p.target) for p in self.plan.projections]
        prefix = "_to_".join(pairs[index])
        if pairs.count(pairs[index]) > 1:
            prefix = f"{prefix}_{index}"
        entries, outputs = self.plan.entry, self.plan.outputs
        names = {*self.nodes, *entries, *entries.values(), *outputs.values()}
        while any(name.startswith(f"{prefix}_") for name in names):
            prefix += "_"
        return prefix

    def add_outputs(self) -> None:
        """An `Output` for the read-out and for whatever else leads nowhere."""
        leads = {pre for pre, _ in self.edges}
        for population in self.plan.network.populations:
            name, output = population.name, self.plan.outputs[population.name]
            if name in self.nodes and (name in self.plan.answering or name not in leads):
                self.edges.append((name, output))
            elif name in self.nodes or self.plan.options.readout != CURRENT:
                continue
            self.nodes[output] = Node(OUTPUT, {"shape": np.array([population.size])})

    def connect_the_rest(self) -> None:
        """Wires of no weight, since every node needs an input."""
        led_to = {post for _, post in self.edges}
        names = [self.plan.entry[name] for name in self.plan.unreached]
        names += [n for n, node in self.nodes.items() if node.kind == OUTPUT and n not in led_to]
        for name in names:
            if name in self.nodes:
                self._wire_nothing(name)

    def _wire_nothing(self, target: str) -> None:
        prefix = neurons.unused(f"nothing_to_{target}", self.nodes)
        wiring = forms.Wiring(kinds.INPUT, target, prefix, self.dt_s)
        wiring.linear("weight", np.zeros((self.channels, self.nodes[target].size)))
        self._add(wiring)

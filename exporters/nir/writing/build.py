"""Build the NIR graph of a network."""

from __future__ import annotations

import numpy as np

from nmtool.errors import DoesNotFitError
from nmtool.exporters.nir.graph.file import Settings
from nmtool.exporters.nir.graph.loops import recurrent_edges
from nmtool.exporters.nir.graph.nodes import INPUT, OUTPUT, Edge, Graph, Node
from nmtool.exporters.nir.options import CURRENT, NirOptions
from nmtool.exporters.nir.writing import delays, neurons
from nmtool.exporters.nir.writing.misfits import misfits, mixed_leaks
from nmtool.exporters.nir.writing.plan import Plan
from nmtool.float_simulator import step_network
from nmtool.network import graph as kinds
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork


def build(network: Network | IntegerNetwork, options: NirOptions) -> tuple[Graph, Settings]:
    """Build the graph of a network, and the settings with which it can be run.

    Raises:
        DoesNotFitError: the network cannot be written with these options; every reason is listed.
    """
    steps = step_network(network)
    plan = Plan(steps, options)
    if findings := mixed_leaks(steps) or misfits(plan):
        raise DoesNotFitError(
            "this network cannot be written as NIR with these options",
            code="nir-does-not-fit",
            findings=findings,
        )
    builder = _Builder(plan)
    builder.add_populations()
    builder.add_projections()
    builder.add_outputs()
    builder.connect_unused_nodes()
    graph = Graph(builder.nodes, builder.edges)
    graph = Graph(graph.nodes, _edge_order(graph))
    return graph, Settings(options, plan.ahead, plan.recorded)


class _Builder:
    """Collects the nodes and edges of a graph."""

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
            if not self.plan.is_written(projection):
                continue
            ends_graph = self.plan.entry[projection.target] not in self.nodes
            target = (self.plan.outputs if ends_graph else self.plan.entry)[projection.target]
            wiring = delays.Wiring(projection.source, target, self._prefix(index), self.dt_s)
            wiring.add_projection(projection.jump, self.plan.steps(projection))
            self._add(wiring)

    def _add(self, wiring: delays.Wiring) -> None:
        """Add the nodes and edges of a wiring to the graph."""
        self.nodes |= wiring.nodes
        self.edges += wiring.edges

    def _prefix(self, index: int) -> str:
        """Unique prefix of the names of a projection's nodes."""
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
        """Add an `Output` for the readout, and for all other nodes without successors."""
        with_successors = {pre for pre, _ in self.edges}
        for population in self.plan.network.populations:
            name, output = population.name, self.plan.outputs[population.name]
            if name in self.nodes and (
                name in self.plan.end_populations or name not in with_successors
            ):
                self.edges.append((name, output))
            elif name in self.nodes or self.plan.options.readout != CURRENT:
                continue
            self.nodes[output] = Node(OUTPUT, {"shape": np.array([population.size])})

    def connect_unused_nodes(self) -> None:
        """Connect nodes that lack an input to the graph's input, with weights of 0."""
        connected = {post for _, post in self.edges}
        names = [self.plan.entry[name] for name in self.plan.unreached]
        names += [n for n, node in self.nodes.items() if node.kind == OUTPUT and n not in connected]
        for name in names:
            if name in self.nodes:
                prefix = neurons.unused(f"nothing_to_{name}", self.nodes)
                wiring = delays.Wiring(kinds.INPUT, name, prefix, self.dt_s)
                size = self.nodes[name].size
                wiring.add_wire(np.zeros((self.channels, size)), np.zeros(self.channels, np.int64))
                self._add(wiring)


def _edge_order(graph: Graph) -> list[Edge]:
    """Sort the edges: per source, edges into loops come first, and edges to an `Output` last.

    norse runs nodes depth first along edges as written. A node that runs before one of its inputs
    gets this input one step late, and the network's output is the output of the node that runs
    last. This order makes both correct, if there is an order that does.
    """
    loops = {pre for pre, _ in recurrent_edges(graph)}

    def rank(edge: Edge) -> tuple[str, int, str]:
        pre, post = edge
        last = 2 if graph.nodes[post].kind == OUTPUT else 1
        return pre, 0 if post in loops else last, post

    return sorted(graph.edges, key=rank)

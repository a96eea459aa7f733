"""Build the NIR graph of a network.

NIR's `Delay` has one value per neuron. The signals of all edges into a node are added, so a
projection is a wire per delay: a `Delay` and a `Linear` with the weights that have this delay. If
all synapses of a source neuron have the same delay, one wire is enough.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nmtool.dynamics import HOP_LATENCY
from nmtool.errors import Finding, printable
from nmtool.exporters.differences import array_change
from nmtool.exporters.nir import kinds
from nmtool.exporters.nir.file import Settings
from nmtool.exporters.nir.graph import (
    Edge,
    Graph,
    Node,
    closing_pairs,
    largest_shifts,
    reached,
    recurrent_edges,
)
from nmtool.exporters.nir.neurons import is_split, mixes_leaks, nodes_of, unused
from nmtool.exporters.nir.options import CURRENT, FREE, POPULATION, NirOptions
from nmtool.float_simulator import StepNetwork, StepProjection, step_network
from nmtool.network.float_network import Network
from nmtool.network.graph import INPUT, LI
from nmtool.network.integer_network import IntegerNetwork

MAX_NODES = 2000
"""Largest number of nodes; the time of NIR's checks grows with the square of this number."""

TOLERANCE = 1e-12
"""Relative tolerance of values: exponentials may differ in their last bit between computers."""

Steps = NDArray[np.int64]


def misfits(network: Network | IntegerNetwork, options: NirOptions) -> list[Finding]:
    """Findings on everything that prevents writing a network with these options."""
    return list(_Writer(step_network(network), options).misfits())


def build(network: Network | IntegerNetwork, options: NirOptions) -> tuple[Graph, Settings]:
    """Build the graph of a network without misfits, and the settings with which it can be run."""
    writer = _Writer(step_network(network), options)
    recorded = {p.name: p.name for p in writer.written}
    if options.readout == CURRENT:
        recorded[writer.readout] = writer.outputs[writer.readout]
    return writer.graph(), Settings(options, writer.ahead, recorded)


class _Writer:
    """Lays a graph out, and collects its nodes and edges.

    Attributes:
        projections: projections with nonzero weights.
        written: populations that become nodes of neurons.
        entry: per population, the node to which incoming synapses lead.
        outputs: per population, the name of its `Output`, if it gets one.
        unreached: populations to which a wire of weight 0 is added, so that the input reaches all
            populations.
        closing: pairs (pre, post) of nodes of neurons. The connection of such a pair closes a loop,
            and therefore takes one step even without a `Delay` node.
        ahead: number of steps by which the input and each population run ahead of the network.
    """

    def __init__(self, network: StepNetwork, options: NirOptions) -> None:
        self.network, self.options, self.dt_s = network, options, options.nir_dt_s
        self.populations, self.readout = network.populations, network.readout.population
        self.projections = [p for p in network.projections if p.jump.any()]
        keeps = options.readout == POPULATION
        self.written = [p for p in self.populations if keeps or p.name != self.readout]
        own_names = {INPUT, *(p.name for p in self.populations)}
        self.entry = {
            p.name: unused(f"{p.name}_synapse", own_names) if is_split(p) else p.name
            for p in self.populations
        }
        self.drives = {p.name: unused(f"{p.name}_drive", own_names) for p in self.populations}
        taken = own_names.union(self.entry.values(), self.drives.values())
        names = {p.name: f"{p.name}_output" for p in self.populations} | {self.readout: "output"}
        self.outputs = {population: unused(name, taken) for population, name in names.items()}
        self.pairs = [(p.source, p.target) for p in self.projections]
        self.unreached: list[str] = []
        for population in self.populations:
            if population.name not in reached([INPUT, *self.unreached], self.pairs):
                self.unreached.append(population.name)
        self.closing = self._closing()
        self.ahead = self._ahead()
        self.nodes = {INPUT: Node(kinds.INPUT, {"shape": np.array([network.channels])})}
        self.edges: list[Edge] = []

    def _closing(self) -> set[Edge]:
        """Pairs (pre, post) of nodes of neurons whose connection closes a loop; see `closing`."""
        pairs = [(pre, self.entry[post]) for pre, post in self.pairs]
        pairs += [(INPUT, self.entry[name]) for name in self.unreached]
        pairs += [(entry, name) for name, entry in self.entry.items() if entry != name]
        return closing_pairs({*self.entry, *self.entry.values()}, pairs, [INPUT])

    def _ahead(self) -> dict[str, int]:
        """Number of steps by which the input and each population run ahead of the network."""
        ahead = dict.fromkeys([INPUT, *(p.name for p in self.populations)], 0.0)
        if self.options.hops != FREE:
            return dict.fromkeys(ahead, 0)
        least: dict[Edge, int] = {}
        for pair, projection in zip(self.pairs, self.projections, strict=True):
            shortest = int(self._unshifted_steps(projection)[projection.jump != 0].min())
            least[pair] = min(shortest, least.get(pair, shortest))
        # A population to which no path leads from the input does not run ahead.
        after_input = reached([INPUT], self.pairs).keys() - {INPUT}
        shifts = largest_shifts(ahead | dict.fromkeys(after_input, math.inf), least)
        assert shifts is not None  # A solution always exists, since no delay is negative.
        return {name: int(shifts[name]) for name in ahead}

    def _unshifted_steps(self, projection: StepProjection) -> Steps:
        """[pre, post]: steps that `Delay` nodes add for each synapse, if no population runs ahead.

        This is the whole delay. If the connection closes a loop, one step is subtracted, which the
        connection takes even without a `Delay` node.
        """
        closes = (projection.source, self.entry[projection.target]) in self.closing
        return projection.delay + HOP_LATENCY - closes

    def steps(self, projection: StepProjection) -> Steps:
        """[pre, post]: delays to write; 0 for synapses of weight 0."""
        shift = self.ahead[projection.source] - self.ahead[projection.target]
        return np.where(projection.jump != 0, self._unshifted_steps(projection) + shift, 0)

    def misfits(self) -> Iterator[Finding]:
        """Findings on everything that the nodes of NIR cannot represent."""
        for population in self.populations:
            if mixes_leaks(population):
                what = "some of its neurons leak and others do not, which no NIR node can represent"
                fix = "split it into two populations"
                yield Finding("mixed-leaks", population.name, what, fix)
        wires = ((p.jump, self.steps(p)) for p in self.projections)
        n_nodes = sum(
            2 * (1 if _axonal_steps(*w) is not None else np.unique(w[1][w[0] != 0]).size)
            for w in wires
        )
        if n_nodes > MAX_NODES:
            what = (
                f"its projections need {n_nodes} nodes, two per delay, but nmtool writes at most "
            )
            fix = "use fewer different delays"
            yield Finding("too-many-nodes", "network", f"{what}{MAX_NODES}", fix)
        for population in self.written:
            if population.drive.any() and (ahead := self.ahead[population.name]):
                what = f"it has a bias and would run {ahead} steps ahead of its input"
                fix = "use hops=delayed, or train without biases"
                yield Finding("drive-ahead", population.name, what, fix)
        kind = next(p.kind for p in self.populations if p.name == self.readout)
        if self.options.readout == CURRENT and kind != LI:
            what = f"it spikes, but the readout '{CURRENT}' is for non-spiking populations"
            fix = f"choose the readout {POPULATION}"
            yield Finding("readout-spikes", self.readout, what, fix)

    def graph(self) -> Graph:
        """Make the nodes and edges."""
        self._add_populations()
        self._add_projections()
        self._add_outputs()
        self._connect_unused_nodes()
        graph = Graph(self.nodes, self.edges)
        return Graph(self.nodes, _edge_order(graph))

    def _add_populations(self) -> None:
        for population in self.written:
            name, entry = population.name, self.entry[population.name]
            nodes = nodes_of(population, self.dt_s)
            self.nodes |= {entry: nodes[0], name: nodes[-1]}
            if entry != name:
                self.edges.append((entry, name))
                if population.drive.any() and not population.lose_v.any():
                    # v_leak cannot represent the drive of membranes that do not leak.
                    zeros, drive = np.zeros((population.size,) * 2), self.drives[name]
                    self.nodes[drive] = Node(
                        kinds.AFFINE, {"weight": zeros, "bias": population.drive}
                    )
                    self.edges += [(entry, drive), (drive, name)]

    def _add_projections(self) -> None:
        for index, projection in enumerate(self.projections):
            ends_graph = self.entry[projection.target] not in self.nodes
            target = (self.outputs if ends_graph else self.entry)[projection.target]
            ends, prefix = (projection.source, target), self._prefix(index)
            jump, steps = projection.jump, self.steps(projection)
            axonal = _axonal_steps(jump, steps)
            if axonal is not None:
                self._add_wire(ends, prefix, jump, axonal)
                continue
            levels = np.unique(steps[jump != 0])
            width = len(str(int(levels[-1])))
            for level in levels:
                masked = np.where(steps == level, jump, 0.0)
                label = f"{int(level):0{width}}"
                self._add_wire(ends, prefix, masked, np.full(len(jump), level), label)

    def _add_wire(
        self, ends: Edge, prefix: str, jump: NDArray[np.float64], steps: Steps, label: str = ""
    ) -> None:
        """Add a `Linear`, after a `Delay` of `steps` [pre] if there are delays."""
        (before, target), linear = ends, f"{prefix}_weight{label}"
        if steps.any():
            delay = f"{prefix}_delay{label}"
            self.nodes[delay] = Node(kinds.DELAY, {"delay": steps * self.dt_s})
            self.edges.append((before, delay))
            before = delay
        self.nodes[linear] = Node(kinds.LINEAR, {"weight": np.ascontiguousarray(jump.T)})
        self.edges += [(before, linear), (linear, target)]

    def _prefix(self, index: int) -> str:
        """Unique prefix of the names of a projection's nodes."""
        prefix = "_to_".join(self.pairs[index])
        if self.pairs.count(self.pairs[index]) > 1:
            prefix = f"{prefix}_{index}"
        names = {*self.nodes, *self.entry, *self.entry.values(), *self.outputs.values()}
        while any(name.startswith(f"{prefix}_") for name in names):
            prefix += "_"
        return prefix

    def _add_outputs(self) -> None:
        """Add an `Output` for the readout, and for all other nodes without successors."""
        with_successors = {pre for pre, _ in self.edges}
        for population in self.populations:
            name, output = population.name, self.outputs[population.name]
            if name != self.readout and name in with_successors:
                continue
            if name in self.nodes:
                self.edges.append((name, output))
            self.nodes[output] = Node(kinds.OUTPUT, {"shape": np.array([population.size])})

    def _connect_unused_nodes(self) -> None:
        """Connect nodes that lack an input to the graph's input, with weights of 0."""
        connected = {post for _, post in self.edges}
        sizes = {self.entry[p.name]: p.size for p in self.populations if p.name in self.unreached}
        outputs = {self.outputs[p.name]: p.size for p in self.populations}
        sizes |= {n: size for n, size in outputs.items() if n in self.nodes and n not in connected}
        for name, size in sizes.items():
            if name in self.nodes:
                prefix = unused(f"nothing_to_{name}", self.nodes)
                nothing = np.zeros((self.network.channels, size))
                no_delay = np.zeros(self.network.channels, np.int64)
                self._add_wire((INPUT, name), prefix, nothing, no_delay)


def _axonal_steps(jump: NDArray[np.float64], steps: Steps) -> Steps | None:
    """[pre]: delay per neuron; None if synapses of a neuron have different delays."""
    used = jump != 0
    longest = np.where(used, steps, -1).max(axis=1)
    shortest = np.where(used, steps, np.iinfo(np.int64).max).min(axis=1)
    connected = used.any(axis=1)
    if (longest != shortest)[connected].any():
        return None
    return np.where(connected, longest, longest[connected].min())


def _edge_order(graph: Graph) -> list[Edge]:
    """Sort the edges: per source, edges into loops come first, and edges to an `Output` last.

    norse runs nodes depth first along edges as written. A node that runs before one of its inputs
    gets this input one step late, and the network's output is the output of the node that runs
    last. This order makes both correct, if there is an order that does.
    """
    loops = {pre for pre, _ in recurrent_edges(graph)}

    def rank(edge: Edge) -> tuple[str, int, str]:
        pre, post = edge
        last = 2 if graph.nodes[post].kind == kinds.OUTPUT else 1
        return pre, 0 if post in loops else last, post

    return sorted(graph.edges, key=rank)


def differences(expected: Graph, stored: Graph) -> list[Finding]:
    """Findings on all differences of a graph from the graph that nmtool would write."""
    fix = "export the network again"
    return [
        Finding("nir-graph-changed", printable(where), change, fix)
        for where, change in _changes(expected, stored)
    ]


def _changes(expected: Graph, stored: Graph) -> Iterator[tuple[str, str]]:
    """Yield the place and the description of every difference."""
    surplus_or_missing = {True: "nmtool would not write it", False: "it is missing"}
    for name in sorted({*expected.nodes, *stored.nodes}):
        node, actual = expected.nodes.get(name), stored.nodes.get(name)
        if node is None or actual is None:
            yield f"node {name}", surplus_or_missing[node is None]
        elif node.kind != actual.kind:
            yield f"node {name}", f"it is a {printable(actual.kind)}, not a {node.kind}"
        else:
            for key in sorted({*node.values, *actual.values}):
                if key not in node.values or key not in actual.values:
                    yield f"node {name}, {key}", surplus_or_missing[key in actual.values]
                elif change := _value_change(node.values[key], actual.values[key]):
                    yield f"node {name}, {key}", change
    for edge in sorted({*expected.edges} ^ {*stored.edges}):
        yield f"edge {edge[0]} → {edge[1]}", surplus_or_missing[edge in {*stored.edges}]


def _value_change(expected: NDArray, stored: NDArray) -> str:
    """Describe the difference between two arrays, up to rounding; '' if there is none."""
    if expected.shape == stored.shape:
        stored = np.where(np.isclose(stored, expected, TOLERANCE, 0.0), expected, stored)
    return array_change(expected, stored.astype(expected.dtype))

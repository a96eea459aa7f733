"""NIR graphs as plain data: nodes, the order in which they run, and connections that close a loop.

Nodes have a NIR kind and the arrays that NIR defines for it. Nested graphs are flattened; their
inputs and outputs are nodes of the kind `Identity`.

NIR does not define how a loop without delays runs. In every importer that was measured, one
connection of a loop carries the spikes of the previous step: the closing connection. Constants on
its wires are not delayed, since snnTorch, which writes such constants, also adds them in the first
step. If a population projects to itself, this projection closes the loop. If several populations
project to each other, importers choose different closing connections. In nmtool, a connection
closes a loop if it does not lead away from the input. The distance from the input is counted in
populations; ties are broken by name.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

import numpy as np
from numpy.typing import NDArray

from nmtool.errors import FileFormatError, printable
from nmtool.exporters.nir import kinds
from nmtool.network.graph import strongly_connected
from nmtool.rounding import round_half_away

MAX_NEURON_NODES = 250
"""Largest number of nodes of neurons in a graph, since each of them may send spikes to all."""

Edge = tuple[str, str]


@dataclass(frozen=True, eq=False)
class Node:
    """A NIR node.

    Attributes:
        kind: NIR type of the node.
        values: arrays of the node, by NIR's names (`Input` and `Output`: `shape`); the `padding`
            of a convolution may be a word.
    """

    kind: str
    values: Mapping[str, NDArray] = field(default_factory=dict)

    @property
    def is_neurons(self) -> bool:
        """True for a node of neurons."""
        return self.kind in kinds.NEURONS


@dataclass(frozen=True, eq=False)
class Graph:
    """Nodes by name, and edges between them; the signals of several edges into a node add up."""

    nodes: dict[str, Node]
    edges: list[Edge]

    def sources(self) -> dict[str, list[str]]:
        """Per node, the sources of its incoming edges, in the order of the edges."""
        sources: dict[str, list[str]] = {name: [] for name in self.nodes}
        for pre, post in self.edges:
            sources[post].append(pre)
        return sources

    def targets(self) -> dict[str, list[str]]:
        """Per node, the targets of its outgoing edges, in the order of the edges."""
        return Graph(self.nodes, [(post, pre) for pre, post in self.edges]).sources()

    def of_kind(self, *chosen: str) -> list[str]:
        """Sorted names of all nodes of the given kinds."""
        return sorted(name for name, node in self.nodes.items() if node.kind in chosen)


def check_size(count: int, limit: int, what: str, fix: str, why: str = "") -> None:
    """Refuse a graph with more than `limit` of something; `what` ends with the number."""
    if count > limit:
        raise FileFormatError(
            f"{what}, of which nmtool allows at most {limit}",
            code="nir-too-large",
            why=why,
            fix=fix,
        )


def whole_steps(delay_s: NDArray, dt_s: float) -> NDArray[np.int64]:
    """Delays in seconds, rounded to whole steps; ties go away from zero."""
    return round_half_away(np.asarray(delay_s, np.float64) / dt_s).astype(np.int64)


def in_order(names: Iterable[str], edges: Iterable[Edge]) -> list[str]:
    """Sort nodes so that each comes after the sources of the given edges into it.

    Raises:
        FileFormatError: the edges form a cycle.
    """
    sources: dict[str, list[str]] = {name: [] for name in names}
    for pre, post in edges:
        sources[post].append(pre)
    try:
        return list(TopologicalSorter(sources).static_order())
    except CycleError as error:
        raise FileFormatError(
            f"nodes form a cycle: {', '.join(map(printable, error.args[1][:4]))}",
            code="nir-loop",
            why="the cycle contains neither neurons nor a delay",
            fix="break the cycle, or insert neurons",
        ) from error


def wire_order(graph: Graph) -> list[str]:
    """Sort the nodes: a wire comes after the wires that lead to it; neurons may come anywhere.

    Raises:
        FileFormatError: wires form a cycle without a neuron.
    """
    from_wires = [(pre, post) for pre, post in graph.edges if not graph.nodes[pre].is_neurons]
    return in_order(graph.nodes, from_wires)


def recurrent_edges(graph: Graph) -> set[Edge]:
    """Edges into nodes of neurons that carry the values of the previous step.

    Raises:
        FileFormatError: only some signals of an edge close a loop, wires form a cycle without a
            neuron, or there are too many neurons.
    """
    neurons = [name for name, node in graph.nodes.items() if node.is_neurons]
    what = f"the graph has {len(neurons)} nodes of neurons"
    fix = "put populations with the same connections into one node"
    check_size(len(neurons), MAX_NEURON_NODES, what, fix)
    inputs, sources = graph.of_kind(kinds.INPUT), graph.sources()
    # Inputs and nodes of neurons whose signals are in the output of a node.
    emitters = {name: frozenset([name]) for name in (*inputs, *neurons)}
    for name in wire_order(graph):
        if name not in emitters:
            emitters[name] = frozenset().union(*(emitters[pre] for pre in sources[name]))
    into = [(pre, post) for pre, post in graph.edges if graph.nodes[post].is_neurons]
    pairs = {(origin, post) for pre, post in into for origin in emitters[pre]}
    closing = closing_pairs(neurons, pairs, inputs)
    recurrent = set()
    for pre, post in into:
        closes = {(origin, post) in closing for origin in emitters[pre]}
        if closes == {True, False}:
            raise FileFormatError(
                f"'{printable(pre)}' mixes signals that close a loop at '{printable(post)}' "
                "with other signals",
                code="nir-loop",
                why="it is not clear which of these signals take a step",
                fix="use a separate matrix for the loop",
            )
        if closes == {True}:
            recurrent.add((pre, post))
    return recurrent


def closing_pairs(names: Collection[str], pairs: Iterable[Edge], roots: Iterable[str]) -> set[Edge]:
    """Connections between nodes of neurons that close a loop: they carry values of the step before.

    Args:
        names: names of the nodes of neurons.
        pairs: connections (pre, post); pre may be an input.
        roots: names of the inputs.
    """
    pairs, ordered = list(pairs), sorted(names)
    distance, unreached = reached(roots, pairs), len(ordered) + 1
    by_distance = sorted(ordered, key=lambda name: (distance.get(name, unreached), name))
    place = {name: number for number, name in enumerate(by_distance)}
    group = {
        name: number
        for number, members in enumerate(strongly_connected(ordered, pairs))
        for name in members
    }
    return {
        (pre, post)
        for pre, post in pairs
        if pre in group and group[pre] == group[post] and place[pre] >= place[post]
    }


def reached(roots: Iterable[str], pairs: Iterable[Edge]) -> dict[str, int]:
    """Distances of all nodes that can be reached from the roots over connections (pre, post)."""
    targets: dict[str, list[str]] = {}
    for pre, post in pairs:
        targets.setdefault(pre, []).append(post)
    distance = dict.fromkeys(roots, 0)
    queue = deque(distance)
    while queue:
        pre = queue.popleft()
        for post in targets.get(pre, []):
            if post not in distance:
                distance[post] = distance[pre] + 1
                queue.append(post)
    return distance


def largest_shifts(
    start: Mapping[str, float], limits: Mapping[Edge, int]
) -> dict[str, float] | None:
    """The largest p with p ≤ start and p(t) ≤ p(s) + limit(s, t); None if there is no solution.

    Hops that take a step and hops that take none are converted by shifting populations: one that
    runs p steps later spikes in the same way, only later. A delay D from s to t is thus equivalent
    to D + p(t) − p(s). Shortest paths solve this system of constraints (Bellman & Ford).

    Args:
        start: upper bound of p for each node; may be ∞.
        limits: limit per pair (s, t), in steps.
    """
    shift = dict(start)
    for _ in range(len(shift) + 1):
        changed = False
        for (pre, post), limit in limits.items():
            if shift[pre] + limit < shift[post]:
                shift[post] = shift[pre] + limit
                changed = True
        if not changed:
            return shift
    return None

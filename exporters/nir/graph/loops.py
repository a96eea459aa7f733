"""Find the connections of a NIR graph that close a loop, and therefore take a step.

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

from nmtool.errors import FileFormatError, printable
from nmtool.exporters.nir.graph.nodes import INPUT, Edge, Graph
from nmtool.network.graph import strongly_connected

MAX_NEURON_NODES = 250
"""Largest number of nodes of neurons in a graph, since each of them may send spikes to all."""


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


def reached(roots: Iterable[str], pairs: Collection[Edge]) -> dict[str, int]:
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


def neuron_sources(graph: Graph) -> dict[str, frozenset[str]]:
    """For each node, find the inputs and nodes of neurons that send signals to it.

    The signals arrive directly, or over wires (nodes that are not neurons).

    Raises:
        FileFormatError: wires form a cycle without a neuron, or there are too many neurons.
    """
    if len([node for node in graph.nodes.values() if node.is_neurons]) > MAX_NEURON_NODES:
        raise FileFormatError(
            f"the graph has more than {MAX_NEURON_NODES} nodes of neurons, the most that nmtool "
            "allows",
            code="nir-too-many-neurons",
            fix="put populations with the same connections into one node",
        )
    sources = graph.sources()
    emitters: dict[str, frozenset[str]] = {}
    for name in wire_order(graph):
        origins = [_emitters_of(graph, pre, emitters) for pre in sources[name]]
        emitters[name] = frozenset().union(*origins)
    return emitters


def _emitters_of(graph: Graph, name: str, emitters: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Inputs and nodes of neurons whose signals are in the output of a node."""
    node = graph.nodes[name]
    return frozenset([name]) if node.is_neurons or node.kind == INPUT else emitters[name]


def wire_order(graph: Graph) -> list[str]:
    """Sort the nodes: a wire comes after the wires that lead to it; neurons may come anywhere.

    Raises:
        FileFormatError: wires form a cycle without a neuron.
    """
    waiting = dict.fromkeys(graph.nodes, 0)
    targets = graph.targets()
    for pre, post in graph.edges:
        waiting[post] += not graph.nodes[pre].is_neurons
    ready = sorted(name for name, count in waiting.items() if count == 0)
    order: list[str] = []
    while ready:
        name = ready.pop()
        order.append(name)
        if graph.nodes[name].is_neurons:
            continue
        for post in targets[name]:
            waiting[post] -= 1
            if waiting[post] == 0:
                ready.append(post)
    if len(order) < len(graph.nodes):
        left = sorted(set(graph.nodes) - set(order))
        raise FileFormatError(
            f"nodes form a cycle: {', '.join(map(printable, left[:4]))}",
            code="nir-wire-circle",
            why="the cycle contains no neurons",
            fix="break the cycle, or insert neurons",
        )
    return order


def recurrent_edges(graph: Graph) -> set[Edge]:
    """Edges into nodes of neurons that carry the values of the previous step.

    Raises:
        FileFormatError: only some signals of an edge close a loop, or wires form a cycle without a
            neuron.
    """
    origins = neuron_sources(graph)
    into = [(pre, post) for pre, post in graph.edges if graph.nodes[post].is_neurons]
    carried = {edge: _emitters_of(graph, edge[0], origins) for edge in into}
    pairs = {(origin, post) for (_, post), emitters in carried.items() for origin in emitters}
    neurons = [name for name, node in graph.nodes.items() if node.is_neurons]
    closing = closing_pairs(neurons, pairs, graph.of_kind(INPUT))
    recurrent = set()
    for (pre, post), emitters in carried.items():
        closes = {(origin, post) in closing for origin in emitters}
        if closes == {True, False}:
            raise FileFormatError(
                f"'{printable(pre)}' mixes signals that close a loop at '{printable(post)}' "
                "with other signals",
                code="nir-loop-mixed",
                why="it is not clear which of these signals take a step",
                fix="use a separate matrix for the loop",
            )
        if closes == {True}:
            recurrent.add((pre, post))
    return recurrent

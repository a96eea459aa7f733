"""Connections of a NIR graph that close a loop, and so cost a step.

NIR does not define a loop without delays. Every importer that was measured makes one connection
of a loop carry the spikes of the previous step. Constants on its wires do not wait: snnTorch, which
writes such, adds them in the first step, too. Where a population feeds itself there is no doubt
which connection that is. Where several populations feed each other, importers differ. The rule
here is: of the connections inside a loop, those that do not lead away from the input. Distance is
counted in populations; names decide where it is equal.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping

from nmtool.errors import FileFormatError, printable
from nmtool.exporters.nir.graph.nodes import INPUT, Edge, Graph
from nmtool.network.graph import strongly_connected

MAX_NEURON_NODES = 250
"""Graphs with more nodes of neurons are refused: searching for loops recurses along them."""


def closing_pairs(names: Collection[str], pairs: Iterable[Edge], roots: Iterable[str]) -> set[Edge]:
    """The connections between neurons that carry the value of the previous step.

    Args:
        names: nodes of neurons.
        pairs: connections (pre, post); pre may be a root.
        roots: inputs.
    """
    pairs, ordered = list(pairs), sorted(names)
    distance, far = reached(roots, pairs), len(ordered) + 1
    by_distance = sorted(ordered, key=lambda name: (distance.get(name, far), name))
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


def shared_loops(names: Collection[str], pairs: Iterable[Edge]) -> list[list[str]]:
    """Groups of several nodes that feed each other."""
    return [group for group in strongly_connected(sorted(names), pairs) if len(group) > 1]


def reached(roots: Iterable[str], pairs: Collection[Edge]) -> dict[str, int]:
    """Nodes that connections (pre, post) lead to from the roots, and the steps to each."""
    targets: dict[str, list[str]] = {}
    for pre, post in pairs:
        targets.setdefault(pre, []).append(post)
    distance = dict.fromkeys(roots, 0)
    ahead = deque(distance)
    while ahead:
        pre = ahead.popleft()
        for post in targets.get(pre, []):
            if post not in distance:
                distance[post] = distance[pre] + 1
                ahead.append(post)
    return distance


def neuron_sources(graph: Graph) -> dict[str, frozenset[str]]:
    """Per node, the inputs and neurons whose signals reach it without passing through neurons.

    Raises:
        FileFormatError: wires run in a circle without a neuron on it, or there are too many
            neurons.
    """
    if len([node for node in graph.nodes.values() if node.is_neurons]) > MAX_NEURON_NODES:
        raise FileFormatError(
            f"the graph has more than {MAX_NEURON_NODES} nodes of neurons",
            code="nir-too-many-neurons",
            fix="put populations with the same connections into one node",
        )
    sources = graph.sources()
    found: dict[str, frozenset[str]] = {}
    for name in wire_order(graph):
        origins = [_emits(graph, pre, found) for pre in sources[name]]
        found[name] = frozenset().union(*origins)
    return found


def _emits(graph: Graph, name: str, found: Mapping[str, frozenset[str]]) -> frozenset[str]:
    node = graph.nodes[name]
    return frozenset([name]) if node.is_neurons or node.kind == INPUT else found[name]


def wire_order(graph: Graph) -> list[str]:
    """All nodes, every wire after the wires that lead to it; neurons wait for nobody.

    Raises:
        FileFormatError: wires run in a circle without a neuron on it.
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
            f"wires run in a circle: {', '.join(map(printable, left[:4]))}",
            code="nir-wire-circle",
            why="no neuron stands on it",
            fix="cut the circle, or put neurons on it",
        )
    return order


def recurrent_edges(graph: Graph) -> set[Edge]:
    """The edges into neurons that carry the value of the previous step.

    Raises:
        FileFormatError: an edge carries signals of which some close a loop and others do not, or
            wires run in a circle without a neuron on it.
    """
    origins = neuron_sources(graph)
    into = [(pre, post) for pre, post in graph.edges if graph.nodes[post].is_neurons]
    carried = {edge: _emits(graph, edge[0], origins) for edge in into}
    pairs = {(origin, post) for (_, post), found in carried.items() for origin in found}
    neurons = [name for name, node in graph.nodes.items() if node.is_neurons]
    closing = closing_pairs(neurons, pairs, graph.of_kind(INPUT))
    recurrent = set()
    for (pre, post), found in carried.items():
        closes = {(origin, post) in closing for origin in found}
        if closes == {True, False}:
            raise FileFormatError(
                f"'{printable(pre)}' mixes signals that close a loop at '{printable(post)}' "
                "with others",
                code="nir-loop-mixed",
                why="which of them wait for a step cannot be told",
                fix="give the loop a matrix of its own",
            )
        if closes == {True}:
            recurrent.add((pre, post))
    return recurrent

"""The order in which norse runs a file: depth first, along edges as written.

It uses nirtorch's first graph executor. A node that is visited before one of its inputs gets that
input a step late, without a word, and the network's output is that of the last node. So edges are
written in an order that makes both right wherever any order does.
"""

from __future__ import annotations

from nmtool.exporters.nir.graph.loops import recurrent_edges
from nmtool.exporters.nir.graph.nodes import INPUT, OUTPUT, Edge, Graph


def edge_order(graph: Graph) -> list[Edge]:
    """The edges, per node those into loops first and those to an `Output` last."""
    loops = {pre for pre, _ in recurrent_edges(graph)}

    def rank(edge: Edge) -> tuple[str, int, str]:
        pre, post = edge
        last = 2 if graph.nodes[post].kind == OUTPUT else 1
        return pre, 0 if post in loops else last, post

    return sorted(graph.edges, key=rank)


def visited(graph: Graph) -> list[str]:
    """The nodes that the input leads to, in the order in which they are run."""
    targets, order = graph.targets(), []
    seen: set[str] = set()
    ahead = graph.of_kind(INPUT)[:1]
    while ahead:
        name = ahead.pop()
        if name not in seen:
            seen.add(name)
            order.append(name)
            ahead += reversed(targets[name])
    return order


def late_edges(graph: Graph) -> list[Edge]:
    """Edges whose signals arrive a step late though they close no loop."""
    place = {name: number for number, name in enumerate(visited(graph))}
    closing, last = recurrent_edges(graph), len(graph.nodes)
    return [
        (pre, post)
        for pre, post in graph.edges
        if (pre, post) not in closing and place.get(pre, last) > place.get(post, last)
    ]

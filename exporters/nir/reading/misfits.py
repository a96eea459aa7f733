"""Everything in a graph of others that a `Network` cannot hold: kinds, values, sizes, ports.

A node without a size of its own passes on as many lines as it is given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from nmtool.errors import FileFormatError, Finding
from nmtool.exporters.hdf5 import printable
from nmtool.exporters.nir.graph.nodes import (
    AFFINE,
    DELAY,
    FLATTEN,
    IDENTITY,
    INPUT,
    LINEAR,
    OUTPUT,
    SCALE,
    Graph,
    Node,
)
from nmtool.exporters.nir.reading import neurons

SHOWN = 50
"""Findings that an error carries; the others are counted."""

MAX_LINES = 1 << 20
"""Of one node."""

MAX_TOTAL = 1 << 22
"""Of all nodes together."""

_MATRICES = (LINEAR, AFFINE)

_WIRES: dict[str, tuple[str, ...]] = {
    INPUT: ("shape",),
    OUTPUT: ("shape",),
    IDENTITY: (),
    FLATTEN: (),
    LINEAR: ("weight",),
    AFFINE: ("weight", "bias"),
    SCALE: ("scale",),
    DELAY: ("delay",),
}
_NEEDED = {**_WIRES, **neurons.PARAMETERS}


def checked(graph: Graph, dt_s: float) -> tuple[Graph, dict[str, int]]:
    """A graph whose nodes and edges a network can hold.

    Args:
        graph: of a file.
        dt_s: length of a step in s.

    Returns:
        The graph with nothing but the arrays that NIR defines for its nodes, and per node how
        many lines it passes on.

    Raises:
        FileFormatError: something in the graph has no counterpart, all of it is listed; or it is
            too large.
    """
    found: list[Finding] = []
    for name, node in sorted(graph.nodes.items()):
        found += _node_findings(printable(name), node, dt_s)
    refuse(found + _port_findings(graph))
    nodes = {}
    for name, node in graph.nodes.items():
        known = (*_NEEDED.get(node.kind, ()), *neurons.OPTIONAL)
        nodes[name] = Node(node.kind, {k: v for k, v in node.values.items() if k in known})
    graph = Graph(nodes, graph.edges)
    sizes = _line_counts(graph)
    refuse(_size_findings(graph, sizes))
    return graph, sizes


def refuse(findings: list[Finding]) -> None:
    """Raise `FileFormatError` where there is any finding, with as many as people read.

    The others are counted by their codes.
    """
    if not findings:
        return
    shown, left = findings[:SHOWN], Counter(one.code for one in findings[SHOWN:])
    if left:
        what = ", ".join(f"{count} more of {code}" for code, count in sorted(left.items()))
        shown.append(Finding("nir-more", "graph", what, "mend those above first"))
    things = "something" if len(findings) == 1 else f"{len(findings)} things"
    raise FileFormatError(
        f"the graph holds {things} that a network cannot",
        code="nir-graph-unfit",
        findings=shown,
    )


def _node_findings(name: str, node: Node, dt_s: float) -> Iterator[Finding]:
    if node.kind not in _NEEDED:
        what = f"nodes of the kind {printable(node.kind)} have no counterpart"
        yield Finding("nir-kind", name, what, "replace it by matrices, delays and neurons")
        return
    broken = [key for key in _NEEDED[node.kind] if key not in node.values]
    broken += [
        key for key, value in node.values.items() if not (value.size and np.isfinite(value).all())
    ]
    for key in dict.fromkeys(broken):
        what = f"{key} is missing, empty or not finite"
        yield Finding("nir-values", name, what, "give it finite numbers")
    if broken:
        return
    if "weight" in node.values and node.values["weight"].ndim != 2:
        yield Finding("nir-matrix", name, "its weight is no matrix", "give it two axes")
    if node.kind == DELAY and (node.values["delay"] < 0).any():
        yield Finding("nir-delay-negative", name, "a delay is negative", "let it be 0 at least")
    if node.kind == DELAY:
        steps = node.values["delay"] / dt_s
        if (np.abs(steps - np.round(steps)) > 1e-3).any():
            what = f"a delay is no whole number of steps of {dt_s:g} s"
            yield Finding("nir-delay", name, what, "import it with other steps")
    if node.kind in neurons.PARAMETERS:
        yield from neurons.findings(name, node, dt_s)


def _port_findings(graph: Graph) -> list[Finding]:
    found = []
    for kind in (INPUT, OUTPUT):
        names = graph.of_kind(kind)
        if len(names) != 1:
            what = f"it has {len(names)} nodes of the kind {kind}, a network has one"
            found.append(Finding("nir-ports", "graph", what, f"keep one {kind}"))
    return found


def _line_counts(graph: Graph) -> dict[str, int]:
    """Per node, how many lines it passes on; where it does not say, as many as it is given.

    Raises:
        FileFormatError: a node is too large, or all are.
    """
    sizes = {name: _own(node) for name, node in graph.nodes.items()}
    targets = graph.targets()
    ready = [name for name, size in sizes.items() if size > 1]
    while ready:
        name = ready.pop()
        for post in targets[name]:
            # One constant for all of a node's lines is as many as needed.
            spreads = graph.nodes[post].kind not in (*_MATRICES, INPUT, OUTPUT)
            if sizes[post] == 1 and spreads:
                sizes[post] = sizes[name]
                ready.append(post)
    for name, size in sizes.items():
        if not 1 <= size <= MAX_LINES:
            raise FileFormatError(
                f"'{printable(name)}' has {size} lines, not 1 … {MAX_LINES}", code="nir-lines"
            )
    if sum(sizes.values()) > MAX_TOTAL:
        raise FileFormatError(
            f"its nodes have more than {MAX_TOTAL} lines", code="nir-too-many-lines"
        )
    return sizes


def _own(node: Node) -> int:
    if node.kind in _MATRICES:
        return len(node.values["weight"])
    return node.size if node.values and node.kind != FLATTEN else 1


def _size_findings(graph: Graph, sizes: dict[str, int]) -> list[Finding]:
    """Edges between nodes whose sizes differ."""
    found = []
    for pre, post in graph.edges:
        node = graph.nodes[post]
        wanted = node.values["weight"].shape[1] if node.kind in _MATRICES else sizes[post]
        if sizes[pre] != wanted:
            where = f"{printable(pre)} → {printable(post)}"
            what = f"{sizes[pre]} lines lead to a node for {wanted}"
            found.append(Finding("nir-size", where, what, "give both ends as many lines"))
    return found

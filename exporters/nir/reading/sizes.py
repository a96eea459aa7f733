"""How many lines each node of a foreign graph has, and whether that fits along every edge."""

from __future__ import annotations

from nmtool.errors import FileFormatError, Finding
from nmtool.exporters.hdf5 import printable
from nmtool.exporters.nir.graph.nodes import AFFINE, FLATTEN, INPUT, LINEAR, OUTPUT, Graph, Node

MAX_LINES = 1 << 20
"""Of one node."""

MAX_TOTAL = 1 << 22
"""Of all nodes together."""

_MATRICES = (LINEAR, AFFINE)


def line_counts(graph: Graph) -> dict[str, int]:
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
            if sizes[post] == 1 and _spreads(graph.nodes[post]):
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


def _spreads(node: Node) -> bool:
    """Whether its constants, one for all, are as many as needed."""
    return node.kind not in (*_MATRICES, INPUT, OUTPUT)


def misfits(graph: Graph, sizes: dict[str, int]) -> list[Finding]:
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

"""What a foreign graph holds that a `Network` cannot: everything, node by node."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nmtool.errors import Finding
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
from nmtool.exporters.nir.reading import neurons as cells

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
_NEEDED = {**_WIRES, **cells.PARAMETERS}


def node_findings(graph: Graph, dt_s: float) -> list[Finding]:
    """Everything about single nodes that cannot be imported."""
    return [
        finding
        for name, node in sorted(graph.nodes.items())
        for finding in _of_node(printable(name), node, dt_s)
    ]


def _of_node(name: str, node: Node, dt_s: float) -> Iterator[Finding]:
    if node.kind not in _NEEDED:
        what = f"nodes of the kind {printable(node.kind)} have no counterpart"
        yield Finding("nir-kind", name, what, "replace it by matrices, delays and neurons")
        return
    broken = [key for key in _NEEDED[node.kind] if key not in node.values]
    broken += [key for key, value in node.values.items() if not _is_usable(value)]
    for key in dict.fromkeys(broken):
        what = f"{key} is missing, empty or not finite"
        yield Finding("nir-values", name, what, "give it finite numbers")
    if broken:
        return
    if "weight" in node.values and node.values["weight"].ndim != 2:
        yield Finding("nir-matrix", name, "its weight is no matrix", "give it two axes")
    if node.kind == DELAY and (node.values["delay"] < 0).any():
        yield Finding("nir-delay-negative", name, "a delay is negative", "let it be 0 at least")
    if node.kind == DELAY and _is_between_steps(node.values["delay"] / dt_s):
        what = f"a delay is no whole number of steps of {dt_s:g} s"
        yield Finding("nir-delay", name, what, "import it with other steps")
    if node.kind in cells.PARAMETERS:
        yield from cells.findings(name, node, dt_s)


def _is_usable(value: np.ndarray) -> bool:
    return bool(value.size and np.isfinite(value).all())


def _is_between_steps(steps: np.ndarray) -> bool:
    return bool((np.abs(steps - np.round(steps)) > 1e-3).any())


def known_values(graph: Graph) -> Graph:
    """The graph with nothing but the arrays that NIR defines for its nodes."""
    nodes = {}
    for name, node in graph.nodes.items():
        known = (*_NEEDED.get(node.kind, ()), *cells.OPTIONAL)
        nodes[name] = Node(node.kind, {k: v for k, v in node.values.items() if k in known})
    return Graph(nodes, graph.edges)

"""Compare two NIR graphs, node by node and edge by edge."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nmtool.errors import Finding, printable
from nmtool.exporters.differences import array_change
from nmtool.exporters.nir.graph.nodes import Graph, Node

TOLERANCE = 1e-12
"""Relative tolerance of values: exponentials may differ in their last bit between computers."""

_FIX = "export the network again"


def differences(expected: Graph, stored: Graph) -> list[Finding]:
    """Findings on all differences.

    Args:
        expected: the graph that nmtool would write.
        stored: the graph in a file.
    """
    return [
        Finding("nir-graph-changed", printable(where), change, _FIX)
        for where, change in _changes(expected, stored)
    ]


def _changes(expected: Graph, stored: Graph) -> Iterator[tuple[str, str]]:
    for name in sorted({*expected.nodes, *stored.nodes}):
        mine, theirs = expected.nodes.get(name), stored.nodes.get(name)
        if mine is None or theirs is None:
            yield f"node {name}", _surplus_or_missing(mine is None)
        elif mine.kind != theirs.kind:
            yield f"node {name}", f"it is a {printable(theirs.kind)}, not a {mine.kind}"
        else:
            yield from _values(name, mine, theirs)
    for edge in sorted({*expected.edges} ^ {*stored.edges}):
        yield f"edge {edge[0]} → {edge[1]}", _surplus_or_missing(edge in {*stored.edges})


def _surplus_or_missing(is_present: bool) -> str:
    return "nmtool would not write it" if is_present else "it is missing"


def _values(name: str, expected: Node, stored: Node) -> Iterator[tuple[str, str]]:
    for key in sorted({*expected.values, *stored.values}):
        if key not in expected.values or key not in stored.values:
            yield f"node {name}, {key}", _surplus_or_missing(key in stored.values)
            continue
        mine, theirs = np.asarray(expected.values[key]), np.asarray(stored.values[key])
        if mine.shape == theirs.shape:
            theirs = np.where(np.isclose(theirs, mine, TOLERANCE, 0.0), mine, theirs)
        if change := array_change(mine, theirs.astype(mine.dtype)):
            yield f"node {name}, {key}", change

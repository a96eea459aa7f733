"""Two NIR graphs, node by node and edge by edge: whether they are the same."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nmtool.errors import Finding
from nmtool.exporters.hdf5 import printable
from nmtool.exporters.nir.graph import Graph, Node

TOLERANCE = 1e-12
"""Relative: exponentials of other computers may differ in their last bit."""

_FIX = "export the network again"


def differences(expected: Graph, found: Graph) -> list[Finding]:
    """Everything that differs.

    Args:
        expected: what would be written.
        found: what stands in a file.
    """
    return [
        Finding("nir-graph-changed", printable(where), "it differs", _FIX)
        for where in _places(expected, found)
    ]


def _places(expected: Graph, found: Graph) -> Iterator[str]:
    for name in sorted({*expected.nodes, *found.nodes}):
        mine, theirs = expected.nodes.get(name), found.nodes.get(name)
        if mine is None or theirs is None or not _alike(mine, theirs):
            yield f"node {name}"
    for pre, post in sorted({*expected.edges} ^ {*found.edges}):
        yield f"edge {pre} → {post}"


def _alike(one: Node, other: Node) -> bool:
    if one.kind != other.kind or one.values.keys() != other.values.keys():
        return False
    pairs = [(np.asarray(values), np.asarray(other.values[k])) for k, values in one.values.items()]
    return all(a.shape == b.shape and np.allclose(a, b, TOLERANCE, 0.0) for a, b in pairs)

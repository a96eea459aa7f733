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
    """Yield the place and the description of every difference."""
    for name in sorted({*expected.nodes, *stored.nodes}):
        expected_node, stored_node = expected.nodes.get(name), stored.nodes.get(name)
        if expected_node is None or stored_node is None:
            yield f"node {name}", _surplus_or_missing(expected_node is None)
        elif expected_node.kind != stored_node.kind:
            yield (
                f"node {name}",
                f"it is a {printable(stored_node.kind)}, not a {expected_node.kind}",
            )
        else:
            yield from _values(name, expected_node, stored_node)
    for edge in sorted({*expected.edges} ^ {*stored.edges}):
        yield f"edge {edge[0]} → {edge[1]}", _surplus_or_missing(edge in {*stored.edges})


def _surplus_or_missing(is_stored: bool) -> str:
    """Describe a part that only the stored graph has, or only the expected graph."""
    return "nmtool would not write it" if is_stored else "it is missing"


def _values(name: str, expected: Node, stored: Node) -> Iterator[tuple[str, str]]:
    """Yield the differences between two nodes' arrays."""
    for key in sorted({*expected.values, *stored.values}):
        if key not in expected.values or key not in stored.values:
            yield f"node {name}, {key}", _surplus_or_missing(key in stored.values)
            continue
        expected_value, stored_value = (
            np.asarray(expected.values[key]),
            np.asarray(stored.values[key]),
        )
        if expected_value.shape == stored_value.shape:
            stored_value = np.where(
                np.isclose(stored_value, expected_value, TOLERANCE, 0.0),
                expected_value,
                stored_value,
            )
        if change := array_change(expected_value, stored_value.astype(expected_value.dtype)):
            yield f"node {name}, {key}", change

"""Findings on everything in a graph that a `Network` cannot represent."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nmtool.errors import FileFormatError, Finding, printable
from nmtool.exporters.nir import convolutions, kinds, neurons
from nmtool.exporters.nir.convolutions import Shape
from nmtool.exporters.nir.graph import Graph, Node
from nmtool.exporters.nir.options import ImportOptions
from nmtool.exporters.nir.shapes import Shapes, shapes_of

MAX_AXES = 32
"""Largest number of axes of an input or output."""

MAX_PARTS = 100
"""The shortest step that a fix proposes is the given step divided by this number."""


def checked(graph: Graph, options: ImportOptions) -> tuple[Graph, Shapes]:
    """Check that a network can represent a graph.

    Args:
        graph: the graph of a file.
        options: reading options, with the step and the meaning of gains.

    Returns:
        The graph with only the arrays that NIR defines, and the output shapes of its nodes.
        Constants of neurons, `Scale` and `Delay` have one number per line, or one for all lines.

    Raises:
        FileFormatError: the graph is too large, or a network cannot represent some parts of it,
            all of which are listed.
    """
    fractional = _fractional_delays(graph, options.step_s)
    listed, shapeless = list[Finding](), set[str]()
    for name, node in sorted(graph.nodes.items()):
        if broken := list(_broken_values(printable(name), node)):
            shapeless.add(name)
            listed += broken
        else:
            listed += _impossible_values(printable(name), node, options)
        listed += fractional.get(name, [])
    listed += _port_findings(graph)
    nodes = {}
    for name, node in graph.nodes.items():
        keys = (*kinds.NEEDED.get(node.kind, ()), *kinds.OPTIONAL.get(node.kind, ()))
        nodes[name] = Node(node.kind, {k: v for k, v in node.values.items() if k in keys})
    graph = Graph(nodes, graph.edges)
    try:
        shapes = shapes_of(graph, shapeless)
    except FileFormatError:
        refuse(listed)
        raise
    refuse(listed + shapes.findings)
    for name, node in nodes.items():
        if node.is_neurons or node.kind in (kinds.SCALE, kinds.DELAY):
            nodes[name] = _per_line(node, shapes.output_shapes[name])
    return graph, shapes


def _per_line(node: Node, shape: Shape | None) -> Node:
    """Flatten constants to one number per line, in C order, or one for all lines."""
    assert shape is not None  # Unknown shapes have already been refused.
    sizes = 1, math.prod(shape)
    values = {
        key: np.ravel(value if value.size in sizes else np.broadcast_to(value, shape))
        for key, value in node.values.items()
    }
    return Node(node.kind, values)


def refuse(findings: list[Finding]) -> None:
    """Raise `FileFormatError` if there are findings."""
    if findings:
        parts = "a part" if len(findings) == 1 else f"{len(findings)} parts"
        raise FileFormatError(
            f"the graph has {parts} that a network cannot represent",
            code="nir-graph-unfit",
            findings=findings,
        )


def _broken_values(name: str, node: Node) -> Iterator[Finding]:
    """Findings on a kind or values that leave the output shape of a node unknown."""
    if node.kind not in kinds.NEEDED:
        what = f"nodes of the kind {printable(node.kind)} cannot be imported"
        yield Finding("nir-kind", name, what, "replace it by matrices, delays and neurons")
        return
    broken = [key for key in kinds.NEEDED[node.kind] if key not in node.values]
    broken += [
        key
        for key, value in node.values.items()
        if value.dtype.kind != "U" and not (value.size and np.isfinite(value).all())
    ]
    for key in dict.fromkeys(broken):
        what = f"{key} is missing, empty or not finite"
        yield Finding("nir-values", name, what, "give the node finite numbers")
    if broken:
        return
    if node.kind in (kinds.INPUT, kinds.OUTPUT) and node.values["shape"].size > MAX_AXES:
        what = f"its shape has {node.values['shape'].size:,} axes"
        yield Finding("nir-shape", name, what, f"use at most {MAX_AXES} axes")
    if node.kind in (*kinds.MATRICES, *kinds.CONVOLUTIONS):
        axes = 2 if node.kind in kinds.MATRICES else 3 if node.kind == kinds.CONV1D else 4
        if node.values["weight"].ndim != axes:
            what = f"its weight has {node.values['weight'].ndim} axes"
            yield Finding("nir-values", name, what, f"use {axes} axes")
            return
    if node.kind in kinds.WINDOWS:
        yield from convolutions.findings(name, node)


def _impossible_values(name: str, node: Node, options: ImportOptions) -> Iterator[Finding]:
    """Findings on values that a delay or a neuron cannot have."""
    if node.kind == kinds.DELAY and (node.values["delay"] < 0).any():
        yield Finding("nir-values", name, "a delay is negative", "use delays of at least 0")
    if node.is_neurons:
        yield from neurons.findings(name, node, options)


def _fractional_delays(graph: Graph, dt_s: float) -> dict[str, list[Finding]]:
    """Findings, by node, for delays that are not whole steps; a fix proposes a shorter step."""
    delays_s = {
        name: np.ravel(node.values["delay"])
        for name, node in graph.nodes.items()
        if node.kind == kinds.DELAY and np.isfinite(node.values.get("delay", np.nan)).all()
    }
    fractional = {name: values[~_are_whole(values / dt_s)] for name, values in delays_s.items()}
    if not any(values.size for values in fractional.values()):
        return {}
    durations_s = np.unique(np.concatenate([*delays_s.values()]))
    steps_s = (dt_s / parts for parts in range(2, MAX_PARTS + 1))
    step_s = next((step for step in steps_s if _are_whole(durations_s / step).all()), None)
    fix = "use delays that are whole numbers of steps"
    if step_s is not None:
        fix = f"import the file with shorter steps: `nir_dt_s={step_s:g}`"
    what = "a delay of {:g} s is {:.4g} steps of {:g} s"
    return {
        name: [Finding("nir-step", printable(name), what.format(s[0], s[0] / dt_s, dt_s), fix)]
        for name, s in fractional.items()
        if s.size
    }


def _are_whole(steps: NDArray) -> NDArray[np.bool_]:
    """True for each number of steps that is whole, up to rounding errors."""
    return np.abs(steps - np.round(steps)) <= 1e-3


def _port_findings(graph: Graph) -> list[Finding]:
    """Findings on missing or surplus `Input` and `Output` nodes, and edges into an `Input`."""
    findings = []
    for kind in (kinds.INPUT, kinds.OUTPUT):
        names = graph.of_kind(kind)
        if len(names) != 1:
            what = f"it has {len(names)} nodes of the kind {kind}, but must have exactly one"
            fix = f"keep only one {kind}" if names else f"add one {kind}"
            findings.append(Finding("nir-ports", "graph", what, fix))
    for name in sorted({post for _, post in graph.edges if graph.nodes[post].kind == kinds.INPUT}):
        what, fix = "an edge leads into this input, and its signal would be lost", "remove the edge"
        findings.append(Finding("nir-ports", printable(name), what, fix))
    return findings

"""Findings on everything in a graph that a `Network` cannot represent."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nmtool.errors import FileFormatError, Finding, printable
from nmtool.exporters.nir.graph.nodes import (
    CONVOLUTIONS,
    DELAY,
    FLATTEN,
    IDENTITY,
    INPUT,
    MATRICES,
    OUTPUT,
    SCALE,
    WINDOWS,
    Graph,
    Node,
)
from nmtool.exporters.nir.graph.windows import Shape
from nmtool.exporters.nir.options import ImportOptions
from nmtool.exporters.nir.reading import linear, neurons, windows
from nmtool.exporters.nir.reading.shapes import (
    Shapes,
    edge_findings,
    shapes_of,
    unrolled_findings,
)

SHOWN = 50
"""Largest number of kinds of findings that an error lists; further findings are only counted."""

_NEEDED: dict[str, tuple[str, ...]] = {
    INPUT: ("shape",),
    OUTPUT: ("shape",),
    IDENTITY: (),
    FLATTEN: (),
    SCALE: ("scale",),
    DELAY: ("delay",),
    **linear.PARAMETERS,
    **neurons.PARAMETERS,
}
_OPTIONAL: dict[str, tuple[str, ...]] = {
    FLATTEN: ("start_dim", "end_dim"),
    **dict.fromkeys(CONVOLUTIONS, linear.OPTIONAL),
    **dict.fromkeys(neurons.PARAMETERS, neurons.OPTIONAL),
}

_SHAPELESS = {"nir-kind", "nir-values", "nir-matrix", "nir-window", "nir-shape"}
"""Codes of findings that make the output shape of a node unknown."""

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
    node_findings = {
        name: list(_node_findings(printable(name), node, options))
        for name, node in sorted(graph.nodes.items())
    }
    for name, finding in _delay_findings(graph, options.step_s).items():
        node_findings[name].append(finding)
    listed = [
        finding for findings in node_findings.values() for finding in findings
    ] + _port_findings(graph)
    nodes = {}
    for name, node in graph.nodes.items():
        keys = (*_NEEDED.get(node.kind, ()), *_OPTIONAL.get(node.kind, ()))
        nodes[name] = Node(node.kind, {k: v for k, v in node.values.items() if k in keys})
    graph = Graph(nodes, graph.edges)
    try:
        shapes = shapes_of(
            graph,
            {
                name
                for name, findings in node_findings.items()
                if _SHAPELESS & {f.code for f in findings}
            },
        )
    except FileFormatError:
        refuse(listed)
        raise
    refuse(listed + shapes.findings + edge_findings(graph, shapes))
    refuse(unrolled_findings(graph, shapes))
    for name, node in nodes.items():
        if node.is_neurons or node.kind in (SCALE, DELAY):
            nodes[name] = _per_line(node, shapes.output_shapes[name])
    return graph, shapes


def _per_line(node: Node, shape: Shape | None) -> Node:
    """Flatten the constants of a node, so that each has one number per line or one for all lines.

    Numbers per line are in C order of `shape`.
    """
    assert shape is not None  # `reading.shapes` has already refused unknown shapes.
    size = math.prod(shape)
    values = {
        key: np.ravel(value if value.size in (1, size) else np.broadcast_to(value, shape))
        for key, value in node.values.items()
    }
    return Node(node.kind, values)


def refuse(findings: list[Finding]) -> None:
    """Raise `FileFormatError` if there are findings.

    The error lists findings of the first `SHOWN` kinds, and counts all others by code.
    """
    if not findings:
        return
    kinds = dict.fromkeys(finding.kind for finding in findings)
    shown_kinds = set(list(kinds)[:SHOWN])
    shown = [finding for finding in findings if finding.kind in shown_kinds]
    omitted = Counter(finding.code for finding in findings if finding.kind not in shown_kinds)
    if omitted:
        what = ", ".join(
            f"{count} more findings with the code {code}" for code, count in sorted(omitted.items())
        )
        shown.append(Finding("nir-more", "graph", what, "correct the listed findings first"))
    parts = "a part" if len(findings) == 1 else f"{len(findings)} parts"
    raise FileFormatError(
        f"the graph has {parts} that a network cannot represent",
        code="nir-graph-unfit",
        findings=shown,
    )


def _node_findings(name: str, node: Node, options: ImportOptions) -> Iterator[Finding]:
    """Findings on the kind, values and shape of a node."""
    if node.kind not in _NEEDED:
        what = f"nodes of the kind {printable(node.kind)} cannot be imported"
        yield Finding("nir-kind", name, what, "replace it by matrices, delays and neurons")
        return
    broken = [key for key in _NEEDED[node.kind] if key not in node.values]
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
    if node.kind in (INPUT, OUTPUT) and node.values["shape"].size > MAX_AXES:
        what = f"its shape has {node.values['shape'].size:,} axes"
        yield Finding("nir-shape", name, what, f"use at most {MAX_AXES} axes")
    if node.kind in (*MATRICES, *CONVOLUTIONS):
        axes = 2 if node.kind in MATRICES else windows.weight_axes(node)
        if node.values["weight"].ndim != axes:
            what = f"its weight has {node.values['weight'].ndim} axes"
            yield Finding("nir-matrix", name, what, f"use {axes} axes")
            return
    if node.kind in WINDOWS:
        yield from windows.findings(name, node)
    if node.kind == DELAY and (node.values["delay"] < 0).any():
        yield Finding("nir-delay-negative", name, "a delay is negative", "use delays of at least 0")
    if node.kind in neurons.PARAMETERS:
        yield from neurons.findings(name, node, options)


def _delay_findings(graph: Graph, dt_s: float) -> dict[str, Finding]:
    """Findings, by node, for delays that are not whole steps; a fix proposes a shorter step."""
    delays_s = {
        name: np.ravel(node.values["delay"])
        for name, node in graph.nodes.items()
        if node.kind == DELAY and np.isfinite(node.values.get("delay", np.nan)).all()
    }
    fractional = {name: values[~_are_whole(values / dt_s)] for name, values in delays_s.items()}
    fractional = {name: values for name, values in fractional.items() if values.size}
    if not fractional:
        return {}
    durations_s = np.unique(np.concatenate([*delays_s.values()]))
    steps_s = (dt_s / parts for parts in range(2, MAX_PARTS + 1))
    step_s = next((step for step in steps_s if _are_whole(durations_s / step).all()), None)
    fix = "use delays that are whole numbers of steps"
    if step_s is not None:
        fix = f"import the file with shorter steps: `nir_dt_s={step_s:g}`"
    return {
        name: Finding(
            "nir-delay",
            printable(name),
            f"a delay of {values[0]:g} s is {values[0] / dt_s:.4g} steps of {dt_s:g} s",
            fix,
        )
        for name, values in fractional.items()
    }


def _are_whole(steps: NDArray) -> NDArray[np.bool_]:
    """True for each number of steps that is whole, up to rounding errors."""
    return np.abs(steps - np.round(steps)) <= 1e-3


def _port_findings(graph: Graph) -> list[Finding]:
    """Findings on missing or surplus `Input` and `Output` nodes, and edges into an `Input`."""
    findings = []
    for kind in (INPUT, OUTPUT):
        names = graph.of_kind(kind)
        if len(names) != 1:
            what = f"it has {len(names)} nodes of the kind {kind}, but must have exactly one"
            fix = f"keep only one {kind}" if names else f"add one {kind}"
            findings.append(Finding("nir-ports", "graph", what, fix))
    for name in sorted({post for _, post in graph.edges if graph.nodes[post].kind == INPUT}):
        what, fix = "an edge leads into this input, and its signal would be lost", "remove the edge"
        findings.append(Finding("nir-input-fed", printable(name), what, fix))
    return findings

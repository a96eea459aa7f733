"""Shape inference: output shapes of nodes, starting at the input.

Nodes of neurons, `Scale` and `Delay` have the shape of their arrays; the output of a matrix has one
axis. If a node has one constant for all lines, one per channel as (channels, 1, 1), or no
constants, its output has the shape of its input. The input of a convolution or pool must have
channels and spatial axes.
"""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np

from nmtool.errors import FileFormatError, Finding, printable
from nmtool.exporters.nir import kinds
from nmtool.exporters.nir.convolutions import Shape, Window, without_batch
from nmtool.exporters.nir.graph import Graph, Node, check_size

MAX_LINES = 1 << 20
"""Largest number of lines of one node."""

MAX_TOTAL = 1 << 22
"""Largest number of lines of all nodes together."""

MAX_UNROLLED = 1 << 23
"""Largest number of synapses of all unrolled convolutions and pools; a small file can have more."""

ONE: Shape = (1,)


def shapes_of(graph: Graph, unfit: Collection[str] = ()) -> Shapes:
    """Infer the shapes in a graph.

    Args:
        graph: the graph; all nodes except `unfit` have all values that NIR requires.
        unfit: nodes whose output shape is unknown.

    Raises:
        FileFormatError: a node, or all nodes together, have too many outputs.
    """
    shapes = Shapes(graph, unfit)
    shapes.findings.sort(key=lambda finding: finding.where)
    total = sum(map(shapes.size, graph.nodes))
    what = f"the outputs of all nodes have {total} values in total"
    check_size(total, MAX_TOTAL, what, "write a smaller graph")
    shapes.findings += [*_edge_findings(graph, shapes), *_unrolled_findings(graph, shapes)]
    return shapes


class Shapes:
    """Shapes of the signals in a graph.

    They are propagated along edges from nodes whose shape is known; the first shape to reach a node
    wins. Nodes that no shape reaches then get the shape of their arrays, convolutions with an
    `input_shape` first.

    Attributes:
        output_shapes: output shape per node; None if it cannot be determined.
        input_shapes: per convolution and pool, channels and spatial size of the input.
        findings: reasons why shapes cannot be determined, or do not fit each other.
    """

    def __init__(self, graph: Graph, unfit: Collection[str]) -> None:
        self.output_shapes: dict[str, Shape | None] = {}
        self.input_shapes: dict[str, Shape] = {}
        self.findings: list[Finding] = []
        self._nodes, self._targets = graph.nodes, graph.targets()
        self._stated = {
            n: _stated_shape(n, node) for n, node in graph.nodes.items() if n not in unfit
        }
        self._infer()

    def size(self, name: str) -> int:
        """Number of output lines of a node."""
        return math.prod(self.output_shapes[name] or ONE)

    def _infer(self) -> None:
        nodes = self._nodes
        for name, node in nodes.items():
            stated = self._stated.get(name)
            # The output shapes of these nodes do not depend on their inputs.
            if (
                stated is None
                or node.kind in (*kinds.MATRICES, kinds.INPUT, kinds.OUTPUT)
                or 1 not in (stated or ONE)
            ):
                self.output_shapes[name] = stated
        self._propagate(list(self.output_shapes))
        for name in sorted(nodes, key=lambda name: ("input_shape" not in nodes[name].values, name)):
            if name not in self.output_shapes:
                self.output_shapes[name] = self._shape_without_input(name)
                self._propagate([name])

    def _propagate(self, ready: list[str]) -> None:
        """Infer shapes along edges from nodes whose shape has just become known."""
        while ready:
            name = ready.pop()
            for post in self._targets[name]:
                if post not in self.output_shapes:
                    self.output_shapes[post] = self._output_shape(post, self.output_shapes[name])
                    ready.append(post)

    def _output_shape(self, name: str, input_shape: Shape | None) -> Shape | None:
        """Output shape of a node, from its input shape."""
        node, stated = self._nodes[name], self._stated[name]
        if node.kind in kinds.WINDOWS:
            return None if input_shape is None else self._window_shape(name, input_shape)
        if node.kind == kinds.FLATTEN and input_shape is not None:
            return _flattened(node, input_shape)
        if math.prod(stated) == 1 or input_shape is None:
            return input_shape
        fits = len(stated) == len(input_shape)
        fits = fits and all(o in (1, a) for o, a in zip(stated, input_shape, strict=True))
        return input_shape if fits else stated

    def _shape_without_input(self, name: str) -> Shape | None:
        """Output shape of a node without a known input shape."""
        node = self._nodes[name]
        if node.kind not in kinds.WINDOWS:
            return self._stated[name] or ONE
        window = Window.of(node)
        stated = (window.channels[1], *window.places) if window.channels and window.places else ONE
        return self._window_shape(name, stated)

    def _window_shape(self, name: str, shape: Shape) -> Shape | None:
        """Output shape of a convolution or pool; None, with a finding, if it does not fit."""
        window = Window.of(self._nodes[name])
        input_shape = window.shape_of(shape)
        if input_shape is None:
            what = f"channels and spatial axes of its input ({printable(_in_words(shape))}) "
            fix = "give the node before it a shape (channels, height, …)"
            fix += ", or this node an input_shape" if window.channels else ""
            self._refuse(name, f"{what}are unknown", fix)
            return None
        self.input_shapes[name] = input_shape
        expected = window.channels and (window.channels[1], *(window.places or input_shape[1:]))
        if expected and expected != input_shape:
            what = f"its input is {_in_words(input_shape)}, but it expects {_in_words(expected)}"
            self._refuse(name, what, "give input and node the same channels and spatial size")
            return None
        output_shape = window.output_shape(input_shape)
        if 0 in output_shape:
            what = f"its kernel is larger than its input of {_in_words(input_shape[1:])}"
            self._refuse(name, what, "use a smaller kernel or dilation, or more padding")
            return None
        if (outputs := math.prod(output_shape)) > MAX_LINES:
            what = f"unrolled, it has {outputs:,} outputs; nmtool allows at most {MAX_LINES:,}"
            fix = "use less padding, or a larger stride"
            self.findings.append(Finding("nir-unrolled", printable(name), what, fix))
            return None
        return output_shape

    def _refuse(self, name: str, what: str, fix: str) -> None:
        self.findings.append(Finding("nir-shape", printable(name), what, fix))


def _in_words(shape: Shape) -> str:
    """A shape as text, e.g. `2 × 4 × 4`."""
    return " × ".join(map(str, shape))


def _stated_shape(name: str, node: Node) -> Shape:
    """The shape stated by a node's arrays; () if they state none."""
    shape: Shape = ()
    if node.kind in kinds.MATRICES:
        shape = (len(node.values["weight"]),)
    elif "shape" in node.values:
        shape = tuple(int(size) for size in np.ravel(node.values["shape"]))
    elif node.kind not in (kinds.FLATTEN, *kinds.WINDOWS):
        shape = max((value.shape for value in node.values.values()), key=math.prod, default=())
    if shape and not (min(shape) >= 1 and math.prod(shape) <= MAX_LINES):
        raise FileFormatError(
            f"the output of node '{printable(name)}' has {printable(_in_words(shape))} "
            f"values; it must have 1 … {MAX_LINES}",
            code="nir-too-large",
            fix="write a smaller graph, without empty nodes",
        )
    return shape


def _flattened(node: Node, shape: Shape) -> Shape:
    """Flatten the axes from start_dim to end_dim, numbered without a batch axis, as in NIR."""
    start, end = (
        int(np.ravel(node.values[key])[0]) if key in node.values else default
        for key, default in (("start_dim", 1), ("end_dim", -1))
    )
    last = end + 1 or len(shape)
    flattened = shape[start:last]
    if not flattened:
        return shape
    first = range(len(shape))[start:last][0]
    return (*shape[:first], math.prod(flattened), *shape[first + len(flattened) :])


def _edge_findings(graph: Graph, shapes: Shapes) -> list[Finding]:
    """Findings for edges between nodes with different numbers of lines, or different shapes."""
    findings = []
    for pre, post in graph.edges:
        node, shape = graph.nodes[post], shapes.output_shapes[pre]
        expected = shapes.output_shapes[post]
        if node.kind in kinds.MATRICES and expected is not None:
            expected = (node.values["weight"].shape[1],)
        elif node.kind in kinds.WINDOWS:
            expected = shapes.input_shapes.get(post)
        if shape is None or expected is None:  # Another finding reports the unknown shape.
            continue
        where = f"{printable(pre)} → {printable(post)}"
        if math.prod(shape) != math.prod(expected):
            what = f"it connects {math.prod(shape)} outputs to a node with {math.prod(expected)} "
            fix = "make the two numbers equal"
            findings.append(Finding("nir-shape", where, f"{what}inputs", fix))
        elif len(shape) >= len(expected) and (  # A shape with fewer axes is flat.
            node.kind in kinds.WINDOWS and without_batch(shape, len(expected)) != expected
        ):
            what = f"it connects an output of {_in_words(shape)} to an input of "
            fix = "give both the same channels and spatial size"
            findings.append(Finding("nir-shape", where, what + _in_words(expected), fix))
    return findings


def _unrolled_findings(graph: Graph, shapes: Shapes) -> list[Finding]:
    """A finding for the convolution or pool with most synapses, if all have too many together."""
    counts = {
        name: Window.of(graph.nodes[name]).n_synapses(shape)
        for name, shape in shapes.input_shapes.items()
        if shapes.output_shapes[name] is not None
    }
    total, largest = sum(counts.values()), max(counts, key=lambda name: counts[name], default="")
    if total <= MAX_UNROLLED:
        return []
    what = (
        f"unrolled, it has {counts[largest]:,} synapses to {shapes.size(largest):,} outputs, and "
        f"all convolutions and pools together have {total:,}; nmtool allows at most "
        f"{MAX_UNROLLED:,} synapses"
    )
    fix = "use fewer channels, or pool before it"
    return [Finding("nir-unrolled", printable(largest), what, fix)]

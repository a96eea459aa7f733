"""Shape inference: output shapes of nodes, starting at the input.

Nodes of neurons, `Scale` and `Delay` have the shape of their arrays; the output of a matrix has one
axis. If a node has one constant for all lines, one per channel as (channels, 1, 1), or no
constants, its output has the shape of its input. The input of a convolution or pool must have
channels and spatial axes.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from nmtool.errors import FileFormatError, Finding, printable
from nmtool.exporters.nir.graph.loops import neuron_sources
from nmtool.exporters.nir.graph.nodes import (
    FLATTEN,
    INPUT,
    INTEGRATING,
    MATRICES,
    OUTPUT,
    WINDOWS,
    Graph,
    Node,
)
from nmtool.exporters.nir.graph.windows import Shape, Window
from nmtool.exporters.nir.reading.synapses import MAX_SYNAPSES
from nmtool.exporters.nir.reading.windows import window_of

MAX_LINES = 1 << 20
"""Largest number of lines of one node."""

MAX_TOTAL = 1 << 22
"""Largest number of lines of all nodes together."""

MAX_UNROLLED = 1 << 23
"""Largest number of synapses of all unrolled convolutions and pools; a small file can have more."""

_BYTES_OF_A_SYNAPSE = 8 + 4
"""Bytes per synapse in a network, for weight and delay; synapses of weight 0 count too."""

ONE: Shape = (1,)


@dataclass(eq=False)
class Shapes:
    """Shapes of the signals in a graph.

    Attributes:
        output_shapes: output shape per node; None if it cannot be determined.
        input_shapes: per convolution and pool, channels and spatial size of the input.
        findings: reasons why shapes cannot be determined.
    """

    output_shapes: dict[str, Shape | None] = field(default_factory=dict)
    input_shapes: dict[str, Shape] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def size(self, name: str) -> int:
        """Number of output lines of a node."""
        return math.prod(self.output_shapes[name] or ONE)


def shapes_of(graph: Graph, unfit: Collection[str] = ()) -> Shapes:
    """Infer the shapes in a graph.

    Args:
        graph: the graph; all nodes except `unfit` have all values that NIR requires.
        unfit: nodes whose output shape is unknown.

    Raises:
        FileFormatError: a node, or all nodes together, have too many outputs.
    """
    stated = {name: _stated_shape(node) for name, node in graph.nodes.items() if name not in unfit}
    for name, shape in stated.items():
        if shape and not (min(shape) >= 1 and math.prod(shape) <= MAX_LINES):
            raise FileFormatError(
                f"the output of node '{printable(name)}' has {printable(in_words(shape))} "
                f"values; it must have 1 … {MAX_LINES}",
                code="nir-lines",
                fix="write a smaller graph, without empty nodes",
            )
    shapes = _Inference(graph, stated).run()
    shapes.findings.sort(key=lambda finding: finding.where)
    if sum(map(shapes.size, graph.nodes)) > MAX_TOTAL:
        raise FileFormatError(
            f"the outputs of all nodes have more than {MAX_TOTAL} values in total",
            code="nir-too-many-lines",
            fix="write a smaller graph",
        )
    return shapes


def in_words(shape: Shape) -> str:
    """A shape as text, e.g. `2 × 4 × 4`."""
    return " × ".join(map(str, shape))


def _stated_shape(node: Node) -> Shape:
    """The shape stated by a node's arrays; () if they state none."""
    if node.kind in MATRICES:
        return (len(node.values["weight"]),)
    if "shape" in node.values:
        return tuple(int(size) for size in np.ravel(node.values["shape"]))
    if node.kind in (FLATTEN, *WINDOWS):
        return ()
    return max((value.shape for value in node.values.values()), key=math.prod, default=())


class _Inference:
    """Propagates shapes along edges from nodes whose shape is known.

    The first shape to reach a node wins. Nodes that no shape reaches then get the shape of their
    arrays, convolutions with an `input_shape` first.
    """

    def __init__(self, graph: Graph, stated: Mapping[str, Shape]) -> None:
        self.graph, self.stated, self.targets = graph, stated, graph.targets()
        self.shapes = Shapes(
            {name: stated.get(name) for name in graph.nodes if self._has_own_shape(name)}
        )

    def run(self) -> Shapes:
        self._propagate(list(self.shapes.output_shapes))
        with_input_shape = [
            name for name, node in self.graph.nodes.items() if "input_shape" in node.values
        ]
        for name in [*sorted(with_input_shape), *sorted(self.graph.nodes)]:
            if name not in self.shapes.output_shapes:
                self.shapes.output_shapes[name] = self._shape_without_input(name)
                self._propagate([name])
        return self.shapes

    def _has_own_shape(self, name: str) -> bool:
        """True for a node whose output shape does not depend on its input."""
        stated, kind = self.stated.get(name), self.graph.nodes[name].kind
        return (
            stated is None or kind in (*MATRICES, INPUT, OUTPUT) or bool(stated and 1 not in stated)
        )

    def _propagate(self, ready: list[str]) -> None:
        """Infer shapes along edges from nodes whose shape has just become known."""
        while ready:
            name = ready.pop()
            for post in self.targets[name]:
                if post not in self.shapes.output_shapes:
                    self.shapes.output_shapes[post] = self._output_shape(
                        post, self.shapes.output_shapes[name]
                    )
                    ready.append(post)

    def _output_shape(self, name: str, input_shape: Shape | None) -> Shape | None:
        """Output shape of a node, from its input shape."""
        node, stated = self.graph.nodes[name], self.stated[name]
        if node.kind in WINDOWS:
            return None if input_shape is None else self._window_shape(name, input_shape)
        if node.kind == FLATTEN and input_shape is not None:
            return _flattened(node, input_shape)
        if math.prod(stated) == 1 or input_shape is None:
            return input_shape
        fits = len(stated) == len(input_shape)
        fits = fits and all(o in (1, a) for o, a in zip(stated, input_shape, strict=True))
        return input_shape if fits else stated

    def _window_shape(self, name: str, shape: Shape) -> Shape | None:
        """Output shape of a convolution or pool; None, with findings, if it does not fit."""
        node, where = self.graph.nodes[name], printable(name)
        window = window_of(node)
        input_shape = window.shape_of(shape)
        if input_shape is None:
            axes = f"channels and spatial axes of its input ({printable(in_words(shape))}) "
            fix = "give the node before it a shape (channels, height, …)"
            fix += ", or this node an input_shape" if window.channels else ""
            self.shapes.findings.append(Finding("nir-shape", where, f"{axes}are unknown", fix))
            return None
        self.shapes.input_shapes[name] = input_shape
        self.shapes.findings += (misfits := list(_misfits(where, window, input_shape)))
        return None if misfits else window.output_shape(input_shape)

    def _shape_without_input(self, name: str) -> Shape | None:
        """Output shape of a node without a known input shape."""
        node = self.graph.nodes[name]
        if node.kind not in WINDOWS:
            return self.stated[name] or ONE
        window = window_of(node)
        if window.channels and window.places:
            return self._window_shape(name, (window.channels[1], *window.places))
        return self._window_shape(name, ONE)


def _misfits(where: str, window: Window, input_shape: Shape) -> Iterator[Finding]:
    """Findings for a window that does not fit its input, or is too large when unrolled."""
    expected = window.channels and (window.channels[1], *(window.places or input_shape[1:]))
    if expected and expected != input_shape:
        what = f"its input is {in_words(input_shape)}, but it expects {in_words(expected)}"
        yield Finding(
            "nir-shape", where, what, "give input and node the same channels and spatial size"
        )
        return
    output_shape = window.output_shape(input_shape)
    if 0 in output_shape:
        what = f"its kernel is larger than its input of {in_words(input_shape[1:])}"
        yield Finding("nir-shape", where, what, "use a smaller kernel or dilation, or more padding")
    elif math.prod(output_shape) > MAX_LINES:
        what = (
            f"unrolled, it has {math.prod(output_shape):,} outputs; nmtool allows at most "
            f"{MAX_LINES:,}"
        )
        yield Finding("nir-unrolled", where, what, "use less padding, or a larger stride")
    elif (count := window.n_synapses(input_shape)) > MAX_UNROLLED:
        what = (
            f"unrolled, it has {count:,} synapses to {math.prod(output_shape):,} outputs; nmtool "
            f"allows at most {MAX_UNROLLED:,} synapses"
        )
        yield Finding("nir-unrolled", where, what, "use fewer channels, or pool before it")


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


def edge_findings(graph: Graph, shapes: Shapes) -> list[Finding]:
    """Findings for edges between nodes with different numbers of lines, or different shapes."""
    findings = []
    for pre, post in graph.edges:
        node, shape = graph.nodes[post], shapes.output_shapes[pre]
        expected = _expected_shape(node, post, shapes)
        if shape is None or expected is None:  # Another finding reports the unknown shape.
            continue
        where = f"{printable(pre)} → {printable(post)}"
        if math.prod(shape) != math.prod(expected):
            what = (
                f"it connects {math.prod(shape)} outputs to a node with {math.prod(expected)} "
                "inputs"
            )
            findings.append(Finding("nir-size", where, what, "make the two numbers equal"))
        elif node.kind in WINDOWS and _without_batch(shape, expected) != expected:
            what = f"it connects an output of {in_words(shape)} to an input of {in_words(expected)}"
            fix = "give both the same channels and spatial size"
            findings.append(Finding("nir-shape", where, what, fix))
    return findings


def _expected_shape(node: Node, name: str, shapes: Shapes) -> Shape | None:
    """The input shape that a node requires; None if it is unknown."""
    shape = shapes.output_shapes[name]
    if node.kind in MATRICES and shape is not None:
        return (node.values["weight"].shape[1],)
    return shapes.input_shapes.get(name) if node.kind in WINDOWS else shape


def _without_batch(shape: Shape, expected: Shape) -> Shape:
    """Remove leading axes of size 1, down to the number of axes of `expected`.

    A shape with fewer axes than `expected` counts as equal to it.
    """
    while len(shape) > len(expected) and shape[0] == 1:
        shape = shape[1:]
    return expected if len(shape) < len(expected) else shape


def unrolled_findings(graph: Graph, shapes: Shapes) -> list[Finding]:
    """Findings for convolutions and pools with too many synapses, or with too large projections.

    A projection has a weight and a delay for every pair of neurons of two populations, even if
    the kernel does not connect the pair.
    """
    windows = graph.of_kind(*WINDOWS)
    counts = {
        name: window_of(graph.nodes[name]).n_synapses(shapes.input_shapes[name]) for name in windows
    }
    if sum(counts.values()) > MAX_UNROLLED:
        return [
            Finding(
                "nir-unrolled",
                printable(name),
                f"unrolled, it has {count:,} synapses, and all convolutions and pools together "
                f"have {sum(counts.values()):,}; nmtool allows at most {MAX_UNROLLED:,}",
                "use fewer channels, or pool before it",
            )
            for name, count in counts.items()
            # Only nodes with at least the mean number of synapses are reported.
            if count * len(counts) >= sum(counts.values())
        ]
    origins = neuron_sources(graph) if windows else {}
    pairs = [
        (origin, name)
        for name, node in graph.nodes.items()
        if node.is_neurons
        for origin in sorted(origins.get(name, ()))
        if graph.nodes[origin].kind not in INTEGRATING
    ]
    cost = {pair: shapes.size(pair[0]) * shapes.size(pair[1]) for pair in pairs}
    total = sum(cost.values())
    if not windows or total <= MAX_SYNAPSES:
        return []
    ends = _neurons_reached(graph)
    findings = []
    for name in windows:
        connected = [
            (pre, post) for pre, post in pairs if pre in origins[name] and post in ends[name]
        ]
        pre, post = max(connected, key=lambda pair: cost[pair], default=("", ""))
        needed = cost.get((pre, post), 0)
        # A node that needs fewer synapses than the mean is not reported, unless it exceeds the
        # limit.
        if needed <= MAX_SYNAPSES and needed * len(pairs) < total:
            continue
        what = (
            f"unrolled, it needs {shapes.size(pre):,} × {shapes.size(post):,} = {needed:,} "
            f"synapses from {printable(pre)} to {printable(post)} "
            f"({needed * _BYTES_OF_A_SYNAPSE:,} bytes); all projections together need {total:,}; "
            f"nmtool allows at most {MAX_SYNAPSES:,}"
        )
        fix = "use fewer channels or larger strides, or pool before it"
        findings.append(Finding("nir-unrolled", printable(name), what, fix))
    return findings


def _neurons_reached(graph: Graph) -> dict[str, frozenset[str]]:
    """For each node, find the nodes of neurons that receive its output.

    They receive it directly, or over wires (nodes that are not neurons).
    """
    sources = graph.sources()
    ends: dict[str, set[str]] = {name: set() for name in graph.nodes}
    changed = deque(name for name, node in graph.nodes.items() if node.is_neurons)
    while changed:
        name = changed.popleft()
        reached = {name} if graph.nodes[name].is_neurons else ends[name]
        for pre in sources[name]:
            if not reached <= ends[pre]:
                ends[pre] |= reached
                if not graph.nodes[pre].is_neurons:
                    changed.append(pre)
    return {name: frozenset(neurons) for name, neurons in ends.items()}

"""Graphs like those of other tools, and a definition of the output of each node.

The definition is independent of nmtool's import and interpreter. Nodes are objects of the library
`nir`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Any

import numpy as np
from numpy.typing import NDArray

DT_S = 1e-4

SPIKING = ("LIF", "CubaLIF", "IF", "Threshold")
INTEGRATING = ("LI", "CubaLI", "I")

Edge = tuple[str, str]
Values = NDArray[np.float64]


@dataclass
class Drawn:
    """A graph without nested graphs.

    Attributes:
        nodes: nodes of the library `nir`.
        edges: edges between the nodes.
        late: edges from neurons into the wires of a loop, which carry the spikes of the previous
            step, 0 in the first step. The wires themselves, with their biases, run in every step.
        looping: the wires of loops.
        layers: per layer, nodes that can form a nested graph: one edge leads into the layer, to
            its first node, and only its last node has edges to other layers.
    """

    nodes: dict[str, Any]
    edges: list[Edge] = field(default_factory=list)
    late: set[Edge] = field(default_factory=set)
    looping: set[str] = field(default_factory=set)
    layers: dict[str, list[str]] = field(default_factory=dict)

    def add(self, name: str, node: Any, *sources: str) -> str:
        """Add a node with edges from its sources."""
        self.nodes[name] = node
        self.edges += [(source, name) for source in sources]
        return name

    def loop(self, pre: str, post: str) -> None:
        """Add an edge that closes a loop; the wires from the neurons to this edge are a chain."""
        self.edges.append((pre, post))
        while type(self.nodes[pre]).__name__ not in (*SPIKING, *INTEGRATING):
            self.looping.add(pre)
            (before,) = [source for source, target in self.edges if target == pre]
            pre, post = before, pre
        self.late.add((pre, post))

    def of(self, *kinds: str) -> list[str]:
        """Names of all nodes of the given kinds."""
        return [name for name, node in self.nodes.items() if type(node).__name__ in kinds]


def end(kind: str, size: int) -> Any:
    """Make an `Input` or `Output` with `size` lines."""
    import nir

    shape = {kind.lower(): np.array([size])}
    return nir.Input(shape) if kind == "Input" else nir.Output(shape)


def as_nir(drawn: Drawn, nested: bool) -> Any:
    """The graph of the library `nir`; if `nested`, layers are nested graphs."""
    import nir

    nodes, edges = dict(drawn.nodes), list(drawn.edges)
    for layer, members in drawn.layers.items() if nested else ():
        inside = [edge for edge in edges if set(edge) <= set(members)]
        (entering,) = [edge for edge in edges if edge[1] in members and edge[0] not in members]
        leaving = [edge for edge in edges if edge[0] in members and edge[1] not in members]
        (last,) = {pre for pre, _ in leaving}
        pre, first = entering
        outside = [edge for edge in edges if not {*edge} & {*members}]
        edges = [*outside, (pre, layer), *((layer, post) for _, post in leaving)]
        inner = {name: nodes.pop(name) for name in members}
        ends = {
            "input": end("Input", _lines(inner[first])),
            "output": end("Output", _lines(inner[last])),
        }
        wires = [*inside, ("input", first), (last, "output")]
        nodes[layer] = nir.NIRGraph(ends | inner, wires, type_check=False)
    return nir.NIRGraph(nodes, edges, type_check=False)


def _lines(node: Any) -> int:
    """Number of lines into a node."""
    return int(np.prod(next(iter(node.input_type.values()))))


def meaning(drawn: Drawn, spikes: NDArray) -> dict[str, Values]:
    """Output of every node, [steps, size], for input spikes [steps, channels]."""
    models = {name: _node_model(node) for name, node in drawn.nodes.items()}
    feeding: dict[str, set[str]] = {name: set() for name in drawn.nodes}
    for pre, post in {*drawn.edges} - drawn.late:
        feeding[post].add(pre)
    order = [*TopologicalSorter(feeding).static_order()]
    out: dict[str, list[Values]] = {name: [] for name in drawn.nodes}
    for n, now in enumerate(np.asarray(spikes, np.float64)):
        for name in order:
            arriving = np.zeros(1)
            for pre, post in drawn.edges:
                if post == name and (pre, post) not in drawn.late:
                    arriving = arriving + out[pre][n]
                elif post == name and n > 0:
                    arriving = arriving + out[pre][n - 1]
            out[name].append(now if name == "input" else models[name](arriving))
    return {name: np.array(rows) for name, rows in out.items()}


def _node_model(node: Any) -> Callable[[Values], Values]:
    kind = type(node).__name__
    if kind in ("Linear", "Affine"):
        bias = getattr(node, "bias", 0.0)
        return lambda x: node.weight @ np.broadcast_to(x, node.weight.shape[1]) + bias
    if kind == "Scale":
        return lambda x: node.scale * x
    if kind == "Threshold":
        return lambda x: (x > node.threshold).astype(float)
    if kind == "Delay":
        return _delay(np.round(node.delay / DT_S).astype(int))
    if kind in ("Input", "Output"):
        return lambda x: x
    return _neurons(node)


def _delay(steps: NDArray) -> Callable[[Values], Values]:
    past: list[Values] = []

    def pass_on(x: Values) -> Values:
        past.append(np.broadcast_to(x, steps.shape))
        n = len(past) - 1
        return np.array([past[n - d][line] if d <= n else 0.0 for line, d in enumerate(steps)])

    return pass_on


def _neurons(node: Any) -> Callable[[Values], Values]:
    """Euler steps of NIR's equations; neurons start at their reset potential."""
    reset = getattr(node, "v_reset", None)
    v, current = (0.0 if reset is None else np.array(reset)), 0.0
    tau = getattr(node, "tau", getattr(node, "tau_mem", None))

    def step(x: Values) -> Values:
        nonlocal v, current
        if hasattr(node, "tau_syn"):
            current = current + DT_S / node.tau_syn * (-current + node.w_in * x)
            x = current
        if tau is None:
            v = v + DT_S * node.r * x
        else:
            v = v + DT_S / tau * (node.v_leak - v + node.r * x)
        if reset is None:
            return v
        fired = v > node.v_threshold
        v = np.where(fired, reset, v)
        return fired.astype(float)

    return step

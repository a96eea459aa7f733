"""Executes a NIR graph, node by node, in float64: our reference of what a file means.

The convention, which importers share where they agree:

    Euler steps of dt; membranes and currents start at 0; a `Delay` is a whole number of steps
    edges cost no step; with `implied` loops, edges that close one carry the previous step's value
    spike where v > v_threshold, once per step; then v = v_reset

Nothing here knows how graphs are made from networks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from exporters.nir.graph import (
    AFFINE,
    CUBA_LI,
    CUBA_LIF,
    DELAY,
    IF,
    INPUT,
    INTEGRATOR,
    LI,
    LIF,
    LINEAR,
    SCALE,
    THRESHOLD,
    WIRES,
    Graph,
    Node,
    whole_steps,
)
from exporters.nir.loops import recurrent_edges
from nmtool.errors import FileFormatError

Array = NDArray[np.float64]
Step = Callable[[Array], Array]

MAX_RING = 1 << 27
"""Values that the delays of a graph may hold back, of all nodes together."""


def execute(
    graph: Graph,
    spikes: NDArray,
    record: Sequence[str],
    *,
    dt_s: float,
    implied: bool,
) -> dict[str, Array]:
    """Run one sample from rest.

    Args:
        graph: what to run, with one `Input`.
        spikes: [steps, channels], 0 or 1.
        record: names of nodes.
        dt_s: length of a step in s.
        implied: whether a connection that closes a loop costs a step by itself.

    Returns:
        Per recorded node [steps, size] float64: what it passes on.

    Raises:
        FileFormatError: a kind of node that cannot be run, arrays that do not fit, a loop that
            nothing breaks.
    """
    machine = _Machine(graph, dt_s, implied)
    recorded: dict[str, list[Array]] = {name: [] for name in record}
    for step in np.asarray(spikes, np.float64):
        outputs = machine.step(step)
        for name, rows in recorded.items():
            rows.append(outputs[name])
    return {name: np.array(rows) for name, rows in recorded.items()}


class _Machine:
    """A graph in motion: per node a function from its input to its output, in order."""

    def __init__(self, graph: Graph, dt_s: float, implied: bool) -> None:
        inputs = graph.of_kind(INPUT)
        if len(inputs) != 1:
            raise FileFormatError(f"the graph has {len(inputs)} inputs, one can be run")
        self.input = inputs[0]
        self.buffers = {
            name: _Ring(whole_steps(node.values["delay"], dt_s).ravel())
            for name, node in graph.nodes.items()
            if node.kind == DELAY
        }
        if sum(ring.held.size for ring in self.buffers.values()) > MAX_RING:
            raise FileFormatError(f"its delays hold back more than {MAX_RING} values")
        closing = recurrent_edges(graph) if implied else set()
        self.order = _order(graph, closing, self.buffers)
        self.now = {name: [] for name in graph.nodes}  # type: dict[str, list[str]]
        self.before = {name: [] for name in graph.nodes}  # type: dict[str, list[str]]
        for pre, post in graph.edges:
            (self.before if (pre, post) in closing else self.now)[post].append(pre)
        self.steps = {
            name: _behaviour(node, dt_s)
            for name, node in graph.nodes.items()
            if node.kind not in (DELAY, INPUT)
        }
        self.previous: Mapping[str, Array] = {}

    def step(self, spikes: Array) -> dict[str, Array]:
        outputs = {self.input: spikes}
        for name in self.order:
            if name in self.buffers and self.buffers[name].is_late:
                outputs[name] = self.buffers[name].read()
            elif name in self.buffers:
                outputs[name] = self.buffers[name].pass_on(self._arriving(name, outputs))
            elif name != self.input:
                outputs[name] = self.steps[name](self._arriving(name, outputs))
        for name, ring in self.buffers.items():
            if ring.is_late:
                ring.push(self._arriving(name, outputs))
        self.previous = outputs
        return outputs

    def _arriving(self, name: str, outputs: Mapping[str, Array]) -> Array:
        parts = [outputs[pre] for pre in self.now[name]]
        parts += [self.previous[pre] for pre in self.before[name] if pre in self.previous]
        if not parts:
            return np.zeros(1)
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return total


class _Ring:
    """What a `Delay` holds back: [longest + 1, size], a slot per step."""

    def __init__(self, steps: NDArray[np.int64]) -> None:
        if steps.min(initial=0) < 0:
            raise FileFormatError("a delay is negative")
        longest = int(steps.max(initial=0))
        if (longest + 1) * steps.size > MAX_RING:
            raise FileFormatError(f"a delay of {longest} steps holds back too much")
        self.steps, self.lines, self.slot = steps, np.arange(steps.size), 0
        self.held = np.zeros((longest + 1, steps.size))
        self.is_late = bool(steps.size and steps.min() > 0)

    def read(self) -> Array:
        """What leaves in this step."""
        return self.held[(self.slot - self.steps) % len(self.held), self.lines]

    def push(self, values: Array) -> None:
        """Take in what arrives in this step, and go to the next."""
        self.held[self.slot] = values
        self.slot = (self.slot + 1) % len(self.held)

    def pass_on(self, values: Array) -> Array:
        """Both, where some of it passes at once."""
        self.held[self.slot] = values
        leaving = self.read()
        self.slot = (self.slot + 1) % len(self.held)
        return leaving


def _order(graph: Graph, closing: set[tuple[str, str]], buffers: Mapping[str, _Ring]) -> list[str]:
    """Nodes in an order in which every input is known; delays of a step or more know theirs."""
    waiting = dict.fromkeys(graph.nodes, 0)
    targets: dict[str, list[str]] = {name: [] for name in graph.nodes}
    for pre, post in graph.edges:
        if (pre, post) not in closing and not (post in buffers and buffers[post].is_late):
            targets[pre].append(post)
            waiting[post] += 1
    ready = sorted((name for name, count in waiting.items() if not count), reverse=True)
    order: list[str] = []
    while ready:
        order.append(ready.pop())
        for post in targets[order[-1]]:
            waiting[post] -= 1
            if not waiting[post]:
                ready.append(post)
    if len(order) < len(waiting):
        raise FileFormatError("a loop has neither a delay nor a connection that costs a step")
    return order


def _behaviour(node: Node, dt_s: float) -> Step:
    """What a node makes of its input; nodes of neurons remember."""
    if node.kind in _BEHAVIOURS:
        return _BEHAVIOURS[node.kind](node.values, dt_s)
    if node.kind in WIRES:
        return lambda x: x
    raise FileFormatError(f"nodes of the kind {node.kind} cannot be run")


def _linear(values: Mapping[str, Array], dt_s: float) -> Step:
    columns = np.ascontiguousarray(np.asarray(values["weight"], np.float64).T)

    def step(x: Array) -> Array:
        active = np.flatnonzero(x)  # spikes are few
        return x[active] @ columns[active]

    return step


def _affine(values: Mapping[str, Array], dt_s: float) -> Step:
    linear = _linear(values, dt_s)
    return lambda x: linear(x) + values["bias"]


def _scale(values: Mapping[str, Array], dt_s: float) -> Step:
    return lambda x: x * np.ravel(values["scale"])


def _threshold(values: Mapping[str, Array], dt_s: float) -> Step:
    return lambda x: (x > np.ravel(values["threshold"])).astype(np.float64)


class _Leak:
    """τ·y' = rest − y + r·x by Euler steps; without τ, y' = r·x."""

    def __init__(self, tau: Array | None, r: Array, rest: Array | float, dt_s: float) -> None:
        share = dt_s if tau is None else dt_s / np.ravel(tau)
        self.keep = 1.0 if tau is None else 1 - share
        self.gain, self.rest = share * np.ravel(r), 0.0 if tau is None else share * rest
        self.y: Array | float = 0.0

    def __call__(self, x: Array) -> Array:
        self.y = self.keep * self.y + self.gain * x + self.rest
        return self.y


def _membrane(values: Mapping[str, Array], dt_s: float) -> _Leak:
    tau = values.get("tau", values.get("tau_mem"))
    return _Leak(tau, values["r"], np.ravel(values.get("v_leak", 0.0)), dt_s)


def _integrating(values: Mapping[str, Array], dt_s: float) -> Step:
    return _membrane(values, dt_s)


def _spiking(values: Mapping[str, Array], dt_s: float) -> Step:
    membrane = _membrane(values, dt_s)
    threshold, reset = np.ravel(values["v_threshold"]), np.ravel(values.get("v_reset", 0.0))

    def step(x: Array) -> Array:
        v = membrane(x)
        spikes = v > threshold
        membrane.y = np.where(spikes, reset, v)
        return spikes.astype(np.float64)

    return step


def _behind_synapse(neurons: Callable[[Mapping[str, Array], float], Step]) -> Callable[..., Step]:
    def make(values: Mapping[str, Array], dt_s: float) -> Step:
        synapse = _Leak(values["tau_syn"], values.get("w_in", np.ones(1)), 0.0, dt_s)
        membrane = neurons(values, dt_s)
        return lambda x: membrane(synapse(x))

    return make


_BEHAVIOURS: Mapping[str, Callable[[Mapping[str, Array], float], Step]] = {
    LINEAR: _linear,
    AFFINE: _affine,
    SCALE: _scale,
    THRESHOLD: _threshold,
    LI: _integrating,
    INTEGRATOR: _integrating,
    CUBA_LI: _behind_synapse(_integrating),
    LIF: _spiking,
    IF: _spiking,
    CUBA_LIF: _behind_synapse(_spiking),
}

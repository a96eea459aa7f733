"""Interpreter for NIR graphs in float64, nmtool's reference for the meaning of a file.

Conventions, the same as in importers as far as these agree:

    Euler steps of dt; membranes and currents start at 0; a `Delay` is a whole number of steps
    edges take no step; an edge that closes a loop carries the spikes of the previous step, 0 in the
        first step; constants on its wires are added in every step
    spike if v > v_threshold, once per step; then v = v_reset

The interpreter is independent of the code that writes graphs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from nmtool.errors import FileFormatError
from nmtool.exporters.nir.graph.loops import recurrent_edges
from nmtool.exporters.nir.graph.nodes import AFFINE, INPUT, Graph
from nmtool.exporters.nir.runtime.delay_lines import DelayLines, delay_lines, rings
from nmtool.exporters.nir.runtime.node_models import node_model
from nmtool.float_simulator import Array


def interpret(
    graph: Graph,
    spikes: NDArray,
    record: Sequence[str],
    *,
    dt_s: float,
) -> dict[str, Array]:
    """Run a graph on samples, each from rest.

    Args:
        graph: a graph with one `Input`.
        spikes: [samples, steps, channels], 0 or 1.
        record: names of the nodes to record.
        dt_s: length of a step in s.

    Returns:
        Output of each recorded node, [samples, steps, size] float64.

    Raises:
        FileFormatError: a kind of node cannot be run, arrays do not fit, or a loop has no delay.
    """
    machine = _Machine(graph, len(spikes), dt_s)
    recorded: dict[str, list[Array]] = {name: [] for name in record}
    for step_spikes in np.moveaxis(np.asarray(spikes, np.float64), 1, 0):
        outputs = machine.step(step_spikes)
        for name, rows in recorded.items():
            rows.append(np.array(outputs[name]))
    return {name: np.stack(rows, axis=1) for name, rows in recorded.items()}


class _Machine:
    """A graph with its state, and the step functions of its nodes in execution order."""

    def __init__(self, graph: Graph, n_samples: int, dt_s: float) -> None:
        inputs = graph.of_kind(INPUT)
        if len(inputs) != 1:
            raise FileFormatError(
                f"the graph has {len(inputs)} inputs, but only one is supported",
                code="nir-run-inputs",
                fix="merge them into one input",
            )
        self.input, self.n = inputs[0], 0
        self.delays = delay_lines(graph, dt_s)
        self.rings = rings(self.delays, n_samples)
        self.delay_of = {delay.feed: name for name, delay in self.delays.items()}
        closing = recurrent_edges(graph)
        self.order = _execution_order(graph, closing, self.delays)
        self.sources = {name: [] for name in graph.nodes}  # type: dict[str, list[str]]
        self.late_sources = {name: [] for name in graph.nodes}  # type: dict[str, list[str]]
        for pre, post in graph.edges:
            (self.late_sources if (pre, post) in closing else self.sources)[post].append(pre)
        self.steps = {
            name: node_model(node, dt_s)
            for name, node in graph.nodes.items()
            if name not in self.delays and name != self.input
        }
        self.zeros = np.zeros((n_samples, 1))
        self.closing = sorted({pre for pre, _ in closing if not graph.nodes[pre].is_neurons})
        self.silent: _Machine | None = None
        if self.closing and graph.of_kind(AFFINE):
            self.silent = _Machine(_without_neurons(graph), n_samples, dt_s)
        self.constants = self._next_constants()
        self.carried: Mapping[str, Array] = self.constants

    def step(self, spikes: Array) -> dict[str, Array]:
        """Run a step on the input [samples, channels]; return the output of each node."""
        outputs = {self.input: spikes}
        for name in self.order:
            if name in self.delays:
                delay = self.delays[name]
                if not delay.is_late:
                    self.rings[delay.feed].store(self.n, self._arriving(name, outputs))
                outputs[name] = self.rings[delay.feed].read(self.n, delay.steps)
            elif name != self.input:
                outputs[name] = self.steps[name](self._arriving(name, outputs))
        for feed, name in self.delay_of.items():
            self.rings[feed].store(self.n, self._arriving(name, outputs))
        before, self.constants, self.n = self.constants, self._next_constants(), self.n + 1
        closing_outputs = {
            name: outputs[name] + (now - before[name]) for name, now in self.constants.items()
        }
        self.carried = outputs | closing_outputs
        return outputs

    def _next_constants(self) -> dict[str, Array]:
        """Outputs, in the next step, of the wires that close loops, if no neuron spikes.

        These are the constants on the wires.
        """
        if self.silent is None:
            return {}
        outputs = self.silent.step(self.zeros)
        return {name: outputs[name] for name in self.closing}

    def _arriving(self, name: str, outputs: Mapping[str, Array]) -> Array:
        """Sum of the values that arrive at a node in this step, [samples, size]."""
        parts = [outputs[pre] for pre in self.sources[name]]
        parts += [self.carried[pre] for pre in self.late_sources[name] if pre in self.carried]
        if not parts:
            return self.zeros
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return total


def _without_neurons(graph: Graph) -> Graph:
    nodes = {name: node for name, node in graph.nodes.items() if not node.is_neurons}
    return Graph(nodes, [edge for edge in graph.edges if nodes.keys() >= {*edge}])


def _execution_order(
    graph: Graph, closing: set[tuple[str, str]], delays: Mapping[str, DelayLines]
) -> list[str]:
    """Sort the nodes: each comes after its inputs.

    Exceptions are inputs over edges that close a loop, and inputs of delays of at least one step.
    """
    waiting = dict.fromkeys(graph.nodes, 0)
    targets: dict[str, list[str]] = {name: [] for name in graph.nodes}
    for pre, post in graph.edges:
        if (pre, post) not in closing and not (post in delays and delays[post].is_late):
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
        raise FileFormatError(
            "a loop has neither a delay nor a connection that takes a step",
            code="nir-run-loop",
            fix="insert a delay into the loop",
        )
    return order

"""Write delays per synapse in standard NIR, whose `Delay` has one value per neuron.

The signals of all edges into a node are added, so a projection can be several parallel wires. All
forms represent the delays exactly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nmtool.exporters.nir.graph.nodes import DELAY, LINEAR, Edge, Node
from nmtool.exporters.nir.options import EXPANDER, GROUPED, TAPPED

Jumps = NDArray[np.float64]
Steps = NDArray[np.int64]


@dataclass
class Wiring:
    """Nodes and edges between two nodes of a graph, under construction.

    Attributes:
        source, target: the two nodes to connect.
        prefix: prefix of the names of new nodes.
        dt_s: time step of the file in s.
    """

    source: str
    target: str
    prefix: str
    dt_s: float
    nodes: dict[str, Node] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)

    def delay(self, name: str, steps: NDArray, after: str | None = None) -> str:
        """Add a `Delay` node for `steps` [pre], by default after the source; return its name."""
        return self._add(name, Node(DELAY, {"delay": steps * self.dt_s}), after)

    def linear(self, name: str, jump: Jumps, after: str | None = None, *, last: bool = True) -> str:
        """Add a `Linear` node with weights [pre, post]; if `last`, connect it to the target."""
        added = self._add(name, Node(LINEAR, {"weight": np.ascontiguousarray(jump.T)}), after)
        if last:
            self.edges.append((added, self.target))
        return added

    def _add(self, name: str, node: Node, after: str | None) -> str:
        """Add a node and an edge to it; return its name."""
        full_name = f"{self.prefix}_{name}"
        self.nodes[full_name] = node
        self.edges.append((after or self.source, full_name))
        return full_name


def wire(wiring: Wiring, form: str, jump: Jumps, steps: Steps) -> None:
    """Write one projection.

    Args:
        wiring: object to which nodes and edges are added.
        form: one of `nmtool.exporters.nir.options.FORMS`; `axonal` only if `axonal_steps` is not
            None.
        jump: [pre, post] float64 weights as jumps of u, not all 0.
        steps: [pre, post] int64, total delay of each synapse in steps.
    """
    axonal = axonal_steps(jump, steps)
    if axonal is not None:
        wiring.linear("weight", jump, wiring.delay("delay", axonal) if axonal.any() else None)
    else:
        _FORMS[form](wiring, jump, steps)


def axonal_steps(jump: Jumps, steps: Steps) -> Steps | None:
    """[pre]: delay per neuron; None if synapses of a neuron have different delays.

    Synapses of weight 0 are ignored. Neurons without synapses get the shortest of all delays.
    """
    used = jump != 0
    longest = np.where(used, steps, -1).max(axis=1)
    shortest = np.where(used, steps, np.iinfo(np.int64).max).min(axis=1)
    connected = used.any(axis=1)
    if (longest != shortest)[connected].any():
        return None
    return np.where(connected, longest, longest[connected].min())


def _grouped(wiring: Wiring, jump: Jumps, steps: Steps) -> None:
    """Write a `Delay` and a `Linear` for each delay."""
    for level, label, masked in _levels(jump, steps):
        delays = np.full(len(jump), level)
        after = wiring.delay(f"delay{label}", delays) if level else None
        wiring.linear(f"weight{label}", masked, after)


def _tapped(wiring: Wiring, jump: Jumps, steps: Steps) -> None:
    """Write a chain of `Delay` nodes of one step, with a `Linear` at each tap."""
    unit_delay, reached, tap = np.ones(len(jump), np.int64), 0, None
    width = len(str(int(steps[jump != 0].max())))
    for level, label, masked in _levels(jump, steps):
        for step in range(reached + 1, level + 1):
            tap = wiring.delay(f"tap{step:0{width}}", unit_delay, tap)
        reached = level
        wiring.linear(f"weight{label}", masked, tap)


def _expander(wiring: Wiring, jump: Jumps, steps: Steps) -> None:
    """Write a `Delay` with a line per neuron and delay, between two `Linear` nodes."""
    pre, post = np.nonzero(jump)
    lines, line = np.unique(np.stack([pre, steps[pre, post]]), axis=1, return_inverse=True)
    spread, gather = (
        np.zeros((len(jump), lines.shape[1])),
        np.zeros((lines.shape[1], jump.shape[1])),
    )
    spread[lines[0], np.arange(lines.shape[1])] = 1
    gather[line.ravel(), post] = jump[pre, post]
    spreader = wiring.linear("spread", spread, last=False)
    wiring.linear("weight", gather, wiring.delay("delay", lines[1], spreader))


def _levels(jump: Jumps, steps: Steps) -> Iterator[tuple[int, str, Jumps]]:
    """Yield (delay, label of the delay, weights with this delay), by ascending delay."""
    levels = np.unique(steps[jump != 0])
    width = len(str(int(levels[-1])))
    for level in levels:
        yield int(level), f"{int(level):0{width}}", np.where(steps == level, jump, 0.0)


def count_nodes(form: str, jump: Jumps, steps: Steps) -> int:
    """Number of nodes with which a form writes a projection."""
    if axonal_steps(jump, steps) is not None:
        return 2
    levels = np.unique(steps[jump != 0])
    counts = {GROUPED: 2 * levels.size, TAPPED: levels.size + int(levels[-1]), EXPANDER: 3}
    return counts[form]


_FORMS = {GROUPED: _grouped, TAPPED: _tapped, EXPANDER: _expander}

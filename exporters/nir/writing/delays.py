"""Write delays per synapse in standard NIR, whose `Delay` has one value per neuron.

The signals of all edges into a node are added, so a projection is a wire per delay: a `Delay` and a
`Linear` with the weights that have this delay. If all synapses of a source neuron have the same
delay, one wire is enough.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nmtool.exporters.nir.graph.nodes import DELAY, LINEAR, Edge, Node

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

    def add_projection(self, jump: Jumps, steps: Steps) -> None:
        """Add the wires of a projection.

        Args:
            jump: [pre, post] float64 weights as jumps of u, not all 0.
            steps: [pre, post] int64, total delay of each synapse in steps.
        """
        axonal = axonal_steps(jump, steps)
        if axonal is not None:
            self.add_wire(jump, axonal)
            return
        levels = np.unique(steps[jump != 0])
        width = len(str(int(levels[-1])))
        for level in levels:
            masked = np.where(steps == level, jump, 0.0)
            self.add_wire(masked, np.full(len(jump), level), f"{int(level):0{width}}")

    def add_wire(self, jump: Jumps, steps: Steps, label: str = "") -> None:
        """Add a `Linear`, after a `Delay` if there are delays.

        Args:
            jump: [pre, post] float64 weights.
            steps: [pre] int64, delays in steps.
            label: end of the names of both nodes.
        """
        linear, before = f"{self.prefix}_weight{label}", self.source
        if steps.any():
            before = f"{self.prefix}_delay{label}"
            self.nodes[before] = Node(DELAY, {"delay": steps * self.dt_s})
            self.edges.append((self.source, before))
        self.nodes[linear] = Node(LINEAR, {"weight": np.ascontiguousarray(jump.T)})
        self.edges += [(before, linear), (linear, self.target)]


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


def count_nodes(jump: Jumps, steps: Steps) -> int:
    """Number of nodes of a projection; counts a `Delay` per wire, also where it is not needed."""
    if axonal_steps(jump, steps) is not None:
        return 2
    return 2 * np.unique(steps[jump != 0]).size

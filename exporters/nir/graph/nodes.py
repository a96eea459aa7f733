"""A NIR graph as plain data, for writing, reading and running.

Nodes have a NIR kind and the arrays that NIR defines for it. Nested graphs are flattened; their
inputs and outputs are nodes of the kind `Identity`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nmtool.rounding import round_half_away

INPUT, OUTPUT, IDENTITY = "Input", "Output", "Identity"
LINEAR, AFFINE, SCALE, DELAY, FLATTEN = "Linear", "Affine", "Scale", "Delay", "Flatten"
CONV1D, CONV2D, SUM_POOL, AVG_POOL = "Conv1d", "Conv2d", "SumPool2d", "AvgPool2d"
LIF, CUBA_LIF, IF, THRESHOLD = "LIF", "CubaLIF", "IF", "Threshold"
LI, CUBA_LI, INTEGRATOR = "LI", "CubaLI", "I"

SPIKING = (LIF, CUBA_LIF, IF, THRESHOLD)
INTEGRATING = (LI, CUBA_LI, INTEGRATOR)
NEURONS = (*SPIKING, *INTEGRATING)
WIRES = (INPUT, OUTPUT, IDENTITY, LINEAR, AFFINE, SCALE, DELAY, FLATTEN)
"""Kinds of nodes without neurons, except `WINDOWS`."""

MATRICES = (LINEAR, AFFINE)
CONVOLUTIONS, POOLS = (CONV1D, CONV2D), (SUM_POOL, AVG_POOL)
WINDOWS = (*CONVOLUTIONS, *POOLS)
"""Kinds with sliding windows (convolutions and pools), which nmtool reads but does not write."""

Edge = tuple[str, str]


@dataclass(frozen=True, eq=False)
class Node:
    """A NIR node.

    Attributes:
        kind: NIR type of the node.
        values: arrays of the node, by NIR's names (`Input` and `Output`: `shape`); the `padding`
            of a convolution may be a word.
    """

    kind: str
    values: Mapping[str, NDArray] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Number of output lines of a node of neurons, an `Input` or an `Output`."""
        if "shape" in self.values:
            return math.prod(int(size) for size in np.ravel(self.values["shape"]))
        return max(int(np.size(value)) for value in self.values.values())

    @property
    def is_neurons(self) -> bool:
        """True for a node of neurons."""
        return self.kind in NEURONS


@dataclass(frozen=True, eq=False)
class Graph:
    """Nodes by name, and edges between them; the signals of several edges into a node add up."""

    nodes: dict[str, Node]
    edges: list[Edge]

    def sources(self) -> dict[str, list[str]]:
        """Per node, the sources of its incoming edges, in the order of the edges."""
        sources: dict[str, list[str]] = {name: [] for name in self.nodes}
        for pre, post in self.edges:
            sources[post].append(pre)
        return sources

    def targets(self) -> dict[str, list[str]]:
        """Per node, the targets of its outgoing edges, in the order of the edges."""
        targets: dict[str, list[str]] = {name: [] for name in self.nodes}
        for pre, post in self.edges:
            targets[pre].append(post)
        return targets

    def of_kind(self, *kinds: str) -> list[str]:
        """Sorted names of all nodes of the given kinds."""
        return sorted(name for name, node in self.nodes.items() if node.kind in kinds)


def whole_steps(delay_s: NDArray, dt_s: float) -> NDArray[np.int64]:
    """Delays in seconds, rounded to whole steps; ties go away from zero."""
    return round_half_away(np.asarray(delay_s, np.float64) / dt_s).astype(np.int64)

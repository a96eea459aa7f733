"""Delay lines of a graph's `Delay` nodes; nodes with the same input share a ring buffer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nmtool.errors import FileFormatError
from nmtool.exporters.nir.graph.nodes import DELAY, Graph, whole_steps
from nmtool.float_simulator import Array

MAX_VALUES = 1 << 27
"""Largest number of values in all delay lines, per sample."""


Feed = tuple[tuple[str, ...], int]
"""Sources of a `Delay` node, and its number of lines."""


@dataclass(frozen=True, eq=False)
class DelayLines:
    """The lines of a `Delay` node.

    Attributes:
        steps: [size] int64, delay of each line in steps.
        sources: nodes with edges into the `Delay`.
    """

    steps: NDArray[np.int64]
    sources: tuple[str, ...]

    @cached_property
    def is_late(self) -> bool:
        """True if every line has a delay; the node's output is then known before its input."""
        return bool(self.steps.size and self.steps.min() > 0)

    @property
    def feed(self) -> Feed:
        """Sources and size of the node; `Delay` nodes that agree in both share a ring buffer."""
        return self.sources, self.steps.size


def delay_lines(graph: Graph, dt_s: float) -> dict[str, DelayLines]:
    """The delay lines of a graph, by name of the `Delay` node.

    Raises:
        FileFormatError: a delay is negative, or delay lines are too large.
    """
    sources = graph.sources()
    delays = {
        name: DelayLines(
            whole_steps(graph.nodes[name].values["delay"], dt_s).ravel(), tuple(sources[name])
        )
        for name in graph.of_kind(DELAY)
    }
    if any(lines.steps.min(initial=0) < 0 for lines in delays.values()):
        raise FileFormatError(
            "a delay of the graph is negative",
            code="nir-run-delay",
            fix="give delays of 0 or more seconds",
        )
    if n_delayed_values(delays) > MAX_VALUES:
        raise FileFormatError(
            f"delays of the graph would store more than {MAX_VALUES} values per sample, the most "
            "that nmtool allows",
            code="nir-run-too-large",
            fix="use shorter delays, or fewer neurons",
        )
    return delays


def n_delayed_values(lines: Mapping[str, DelayLines]) -> int:
    """Number of values in all delay lines, per sample."""
    return sum(_slots(steps) * size for (_, size), steps in _longest_delays(lines).items())


def rings(lines: Mapping[str, DelayLines], n_samples: int) -> dict[Feed, Ring]:
    """Ring buffers of the delay lines, per feed."""
    return {
        feed: Ring(_slots(steps), n_samples, feed[1])
        for feed, steps in _longest_delays(lines).items()
    }


def _longest_delays(lines: Mapping[str, DelayLines]) -> dict[Feed, int]:
    """Longest delay in steps of the `Delay` nodes with the same feed."""
    longest: dict[Feed, int] = {}
    for delays in lines.values():
        longest[delays.feed] = max(longest.get(delays.feed, 0), int(delays.steps.max(initial=0)))
    return longest


def _slots(longest: int) -> int:
    """Number of slots of a ring buffer for delays of 0 … `longest` steps.

    There is one more slot than delays, since values that were read stay in use for a step.
    """
    return longest + 2


class Ring:
    """Ring buffer of a feed's latest values, [slots, samples, size], with a slot per step."""

    def __init__(self, slots: int, n_samples: int, size: int) -> None:
        self.buffer: Array = np.zeros((slots, n_samples, size))
        self.lines = np.arange(size)

    def store(self, n: int, values: Array) -> None:
        """Store the values of step n, [samples, size]."""
        self.buffer[n % len(self.buffer)] = values

    def read(self, n: int, steps: NDArray[np.int64]) -> Array:
        """[samples, size]: value of each line, `steps` [size] before step n."""
        slots = (n - steps) % len(self.buffer)
        if (slots == slots[:1]).all():
            return self.buffer[slots[0]]
        return self.buffer[slots, :, self.lines].T

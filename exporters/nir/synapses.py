"""Signals as lists of synapses, which are the same for all forms of delays.

A signal on n lines is, per origin, a list of synapses (pre, line, delay, weight). A `Delay` adds to
delays, a `Scale` multiplies weights, and a matrix leads to other lines. Signals of several edges
into a node are added. Biases are synapses from an origin that sends 1 in every step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmtool.exporters.nir.graph import check_size

CONSTANT = "1"
"""Name of the origin of biases; no population can have this name."""

MAX_SYNAPSES = 1 << 25
"""Largest number of synapses, also of intermediate results."""


def check_synapses(count: int, where: str, why: str = "") -> None:
    """Refuse a graph with more synapses than `MAX_SYNAPSES`; `where` says what has them."""
    fix = "split the graph, or write it with fewer synapses"
    check_size(count, MAX_SYNAPSES, f"{where} {count:,} synapses", fix, why)


@dataclass(frozen=True, eq=False)
class Synapses:
    """Synapses of one origin, as arrays [synapses].

    Attributes:
        pre: int64, neuron of the origin.
        line: int64, target line.
        delay: int64, delay in steps.
        weight: float64, weight.
    """

    pre: NDArray[np.int64]
    line: NDArray[np.int64]
    delay: NDArray[np.int64]
    weight: NDArray[np.float64]

    @classmethod
    def to_lines(
        cls, lines: NDArray[np.int64], weight: NDArray[np.float64], pre: int | NDArray = 0
    ) -> Synapses:
        """Synapses without delays, by default all from neuron 0."""
        return cls(np.broadcast_to(pre, lines.shape), lines, np.zeros_like(lines), weight)

    @classmethod
    def none(cls) -> Synapses:
        """An empty list of synapses."""
        return cls.to_lines(np.zeros(0, np.int64), np.zeros(0))

    def take(self, chosen: NDArray) -> Synapses:
        """The synapses selected by indices or a mask."""
        return Synapses(
            self.pre[chosen], self.line[chosen], self.delay[chosen], self.weight[chosen]
        )

    def through(self, wires: Synapses) -> Synapses:
        """The paths over a matrix: one per entry of a synapse's line, with the product of weights.

        Args:
            wires: entries of the matrix, sorted by input line (`pre`).
        """
        counts = np.bincount(wires.pre, minlength=int(self.line.max(initial=-1)) + 1)
        fan, start = counts[self.line], (np.cumsum(counts) - counts)[self.line]
        total = int(fan.sum())
        check_synapses(total, "it has", why="consecutive matrices multiply the number of synapses")
        index = np.repeat(np.arange(len(fan)), fan)
        entry = start[index] + np.arange(total) - np.repeat(np.cumsum(fan) - fan, fan)
        paths = self.take(index)
        return replace(paths, line=wires.line[entry], weight=paths.weight * wires.weight[entry])


def summed(parts: list[Synapses]) -> Synapses:
    """Join lists into one, and add the weights of synapses with the same pre, line and delay."""
    check_synapses(sum(part.pre.size for part in parts), "it has")
    pre, line, delay, weight = (
        np.concatenate([getattr(part, key) for part in parts])
        for key in ("pre", "line", "delay", "weight")
    )
    order = np.lexsort((delay, line, pre))
    pre, line, delay, weight = pre[order], line[order], delay[order], weight[order]
    first = _first_of_equal(pre, line, delay)
    sums = np.add.reduceat(weight, first) if first.size else weight
    return Synapses(pre[first], line[first], delay[first], sums)


def _first_of_equal(*keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Indices at which one of several sorted keys changes."""
    is_new = np.ones(keys[0].size, np.bool_)
    is_new[1:] = np.any([np.diff(key) != 0 for key in keys], axis=0)
    return np.flatnonzero(is_new)


def layers(synapses: Synapses) -> list[Synapses]:
    """Divide sorted synapses into layers, each with at most one synapse per pair of neurons."""
    size = synapses.pre.size
    first = _first_of_equal(synapses.pre, synapses.line)
    nth = np.arange(size) - np.repeat(first, np.diff(np.append(first, size)))
    return [synapses.take(nth == number) for number in range(int(nth.max(initial=-1)) + 1)]


@dataclass(frozen=True, eq=False)
class Signal:
    """Output signal of a node.

    Attributes:
        size: number of lines.
        origins: synapses by origin; an origin is the input, a population, or `CONSTANT`.
    """

    size: int
    origins: Mapping[str, Synapses] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str, size: int) -> Signal:
        """The signal that the input or a population sends."""
        lines = np.arange(size)
        return cls(size, {name: Synapses.to_lines(lines, np.ones(size), lines)})

    @property
    def n_synapses(self) -> int:
        """Number of synapses of all origins."""
        return sum(synapses.pre.size for synapses in self.origins.values())

    def plus(self, others: Iterable[Signal]) -> Signal:
        """The sum of signals of the same size."""
        signals = [self, *others]
        names = dict.fromkeys(name for signal in signals for name in signal.origins)
        origins = {
            name: summed([s.origins[name] for s in signals if name in s.origins]) for name in names
        }
        return Signal(self.size, origins)

    def plus_constant(self, bias: NDArray[np.float64]) -> Signal:
        """Add a constant to every line; `bias` is [lines], or one number for all lines."""
        by_line = np.broadcast_to(np.ravel(bias), (self.size,))
        lines = np.flatnonzero(by_line)
        if not lines.size:
            return self
        constant = Synapses.to_lines(lines, by_line[lines])
        return self.plus([Signal(self.size, {CONSTANT: constant})])

    def through(self, wires: Synapses, size: int) -> Signal:
        """Multiply a signal by a matrix, which has `size` output lines."""
        return replace(self._changed(lambda synapses: summed([synapses.through(wires)])), size=size)

    def delayed(self, steps: ArrayLike) -> Signal:
        """Delay every line; `steps` are [lines], or one number for all lines."""
        by_line = np.broadcast_to(np.asarray(steps, np.int64), (self.size,))
        return self._changed(lambda s: replace(s, delay=s.delay + by_line[s.line]))

    def delayed_by_loop(self) -> Signal:
        """Delay a signal by one step, because its edge closes a loop; constants are not delayed.

        The wires before this edge run from the first step on, so that constants arrive in that
        step.
        """
        constants = {name: s for name, s in self.origins.items() if name == CONSTANT}
        return replace(self, origins={**self.delayed(1).origins, **constants})

    def scaled(self, factor: NDArray[np.float64]) -> Signal:
        """Multiply every line; `factor` is [lines], or one number for all lines."""
        by_line = np.broadcast_to(np.ravel(factor), (self.size,))
        return self._changed(lambda s: replace(s, weight=s.weight * by_line[s.line]))

    def _changed(self, change: Callable[[Synapses], Synapses]) -> Signal:
        """Apply a function to the synapses of every origin."""
        return replace(self, origins={name: change(s) for name, s in self.origins.items()})

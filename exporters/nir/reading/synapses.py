"""Represent signals as lists of synapses, which are the same for all NIR forms of delays.

A signal on n lines is, per origin, a list of synapses (pre, line, delay, weight). A `Matrix` maps
lines to new lines, a `Scale` multiplies weights, a `Delay` adds to delays, and signals of several
edges into a node are added. Biases are synapses from an origin that sends 1 in every step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from nmtool.errors import FileFormatError

CONSTANT = "1"
"""Name of the origin of biases; no population can have this name."""

MAX_SYNAPSES = 1 << 25
"""Largest number of synapses, also of intermediate results."""


def check_synapses(count: int, where: str, why: str = "") -> None:
    """Refuse a graph with more synapses than `MAX_SYNAPSES`.

    Args:
        count: number of synapses.
        where: first words of the error, e.g. "all paths between neurons together have".
        why: reason given in the error (`why`).

    Raises:
        FileFormatError: there are more synapses.
    """
    if count > MAX_SYNAPSES:
        raise FileFormatError(
            f"{where} more than {MAX_SYNAPSES} synapses, the most that nmtool imports",
            code="nir-too-many-synapses",
            why=why,
            fix="split the graph, or write it with fewer synapses",
        )


@dataclass(frozen=True, eq=False)
class SynapseList:
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
    def identity(cls, size: int) -> SynapseList:
        """One synapse of weight 1 from each neuron to the line of the same index."""
        lines = np.arange(size)
        return cls(lines, lines, np.zeros(size, np.int64), np.ones(size))

    @classmethod
    def none(cls) -> SynapseList:
        """An empty list of synapses."""
        return cls.identity(0)

    def take(self, chosen: NDArray) -> SynapseList:
        """The synapses selected by indices or a mask."""
        return SynapseList(
            self.pre[chosen], self.line[chosen], self.delay[chosen], self.weight[chosen]
        )


@dataclass(frozen=True, eq=False)
class Matrix:
    """A sparse matrix: its nonzero entries, sorted by input line.

    Attributes:
        size: number of output lines.
        start: [lines + 1] int64, index of the first entry of each input line.
        post: [entries] int64, output lines.
        weight: [entries] float64, weights.
    """

    size: int
    start: NDArray[np.int64]
    post: NDArray[np.int64]
    weight: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        shape: tuple[int, int],
        line: NDArray[np.int64],
        post: NDArray[np.int64],
        weight: NDArray[np.float64],
    ) -> Matrix:
        """Make a matrix of shape (post, lines) from its entries, sorted by line."""
        return cls(shape[0], np.searchsorted(line, np.arange(shape[1] + 1)), post, weight)


@dataclass(frozen=True, eq=False)
class Signal:
    """Output signal of a node.

    Attributes:
        size: number of lines.
        origins: synapses by origin; an origin is the input, a population, or `CONSTANT`.
    """

    size: int
    origins: Mapping[str, SynapseList] = field(default_factory=dict)

    @property
    def n_synapses(self) -> int:
        """Number of synapses of all origins."""
        return sum(synapses.pre.size for synapses in self.origins.values())


def emitted(name: str, size: int) -> Signal:
    """The signal that the input or a population sends."""
    return Signal(size, {name: SynapseList.identity(size)})


def added(signals: Iterable[Signal], size: int) -> Signal:
    """The sum of several signals."""
    signals = list(signals)
    names = dict.fromkeys(name for signal in signals for name in signal.origins)
    origins = {
        name: summed([s.origins[name] for s in signals if name in s.origins]) for name in names
    }
    return Signal(size, origins)


def delayed(signal: Signal, steps: NDArray[np.int64] | int) -> Signal:
    """Delay every line of a signal; `steps` are [lines], or one number for all lines."""
    by_line = np.broadcast_to(np.asarray(steps, np.int64), (signal.size,))
    origins = {
        name: replace(s, delay=s.delay + by_line[s.line]) for name, s in signal.origins.items()
    }
    return replace(signal, origins=origins)


def delayed_by_loop(signal: Signal) -> Signal:
    """Delay a signal by one step, because its edge closes a loop; constants are not delayed.

    The wires before this edge run from the first step on, so that constants arrive in that step.
    """
    constants = {name: s for name, s in signal.origins.items() if name == CONSTANT}
    return replace(signal, origins={**delayed(signal, 1).origins, **constants})


def scaled(signal: Signal, factor: NDArray[np.float64]) -> Signal:
    """Multiply every line of a signal; `factor` is [lines], or one number for all lines."""
    by_line = np.broadcast_to(np.ravel(factor), (signal.size,))
    origins = {
        name: replace(s, weight=s.weight * by_line[s.line]) for name, s in signal.origins.items()
    }
    return replace(signal, origins=origins)


def multiplied(signal: Signal, matrix: Matrix) -> Signal:
    """Multiply a signal by a matrix."""
    origins = {
        name: summed([_matrix_product(synapses, matrix)])
        for name, synapses in signal.origins.items()
    }
    return Signal(matrix.size, origins)


def biased(signal: Signal, bias: NDArray[np.float64]) -> Signal:
    """Add a constant to every line in each step; `bias` is [lines], or one number for all lines."""
    by_line = np.broadcast_to(np.ravel(bias), (signal.size,))
    line = np.flatnonzero(by_line)
    zeros = np.zeros_like(line)
    constant = Signal(signal.size, {CONSTANT: SynapseList(zeros, line, zeros, by_line[line])})
    return added([signal, constant], signal.size) if line.size else signal


def _matrix_product(synapses: SynapseList, matrix: Matrix) -> SynapseList:
    """Replace every synapse by one per matrix entry of its line, with the product of weights."""
    fan = np.diff(matrix.start)[synapses.line]
    total = int(fan.sum())
    check_synapses(total, "it has", why="consecutive matrices multiply the number of synapses")
    index = np.repeat(np.arange(len(fan)), fan)
    nth = np.arange(total) - np.repeat(np.cumsum(fan) - fan, fan)
    entry = matrix.start[synapses.line[index]] + nth
    repeated = synapses.take(index)
    return replace(repeated, line=matrix.post[entry], weight=repeated.weight * matrix.weight[entry])


def summed(parts: list[SynapseList]) -> SynapseList:
    """Join lists into one, and add the weights of synapses with the same pre, line and delay."""
    check_synapses(sum(part.pre.size for part in parts), "it has")
    pre, line, delay, weight = (
        np.concatenate([getattr(part, key) for part in parts])
        for key in ("pre", "line", "delay", "weight")
    )
    order = np.lexsort((delay, line, pre))
    pre, line, delay, weight = pre[order], line[order], delay[order], weight[order]
    is_new = np.ones(pre.size, np.bool_)
    is_new[1:] = (np.diff(pre) != 0) | (np.diff(line) != 0) | (np.diff(delay) != 0)
    first = np.flatnonzero(is_new)
    sums = np.add.reduceat(weight, first) if first.size else weight
    return SynapseList(pre[first], line[first], delay[first], sums)


def layers(synapses: SynapseList, shape: tuple[int, int]) -> list[tuple[NDArray, NDArray]]:
    """Divide synapses into layers, each with at most one synapse per pair of neurons.

    A layer is a matrix of weights and a matrix of delays, both [pre, line].
    """
    pair = synapses.pre * shape[1] + synapses.line
    is_new = np.ones(pair.size, np.bool_)
    is_new[1:] = np.diff(pair) != 0
    first = np.flatnonzero(is_new)
    nth = np.arange(pair.size) - np.repeat(first, np.diff(np.append(first, pair.size)))
    count = int(nth.max(initial=-1)) + 1
    check_synapses(count * shape[0] * shape[1], "its projections need")
    matrices = []
    for number in range(count):
        chosen = synapses.take(nth == number)
        weight, delay = np.zeros(shape), np.zeros(shape, np.int64)
        weight[chosen.pre, chosen.line] = chosen.weight
        delay[chosen.pre, chosen.line] = chosen.delay
        matrices.append((weight, delay))
    return matrices

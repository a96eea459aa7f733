"""Signals as lists of synapses, and wires between them: all forms of delay give the same list.

A signal on n lines is, per origin, a list of synapses (pre, line, delay, weight). A `Matrix`
spreads lines, `Scale` weighs and `Delay` delays them, and edges into one node add up. Biases are
synapses of an origin that sends 1 in every step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from nmtool.errors import FileFormatError

CONSTANT = "1"
"""The origin of biases, which no population can be called."""

MAX_SYNAPSES = 1 << 25
"""More, also on the way through several matrices, are refused."""


def check_synapses(count: int, where: str, why: str = "") -> None:
    """Refuse a graph with more synapses than `MAX_SYNAPSES`.

    Args:
        count: the synapses.
        where: what has them, with its verb: "its wires hold".
        why: more about them, for the error.

    Raises:
        FileFormatError: there are more.
    """
    if count > MAX_SYNAPSES:
        raise FileFormatError(
            f"{where} more than {MAX_SYNAPSES} synapses",
            code="nir-too-many-synapses",
            why=why,
            fix="split the graph, or write it with fewer synapses",
        )


@dataclass(frozen=True, eq=False)
class SynapseList:
    """Synapses of one origin, all arrays [synapses].

    Attributes:
        pre: int64, neuron of the origin.
        line: int64, where they lead to.
        delay: int64, in steps.
        weight: float64.
    """

    pre: NDArray[np.int64]
    line: NDArray[np.int64]
    delay: NDArray[np.int64]
    weight: NDArray[np.float64]

    @classmethod
    def identity(cls, size: int) -> SynapseList:
        """One synapse per neuron, to the line of its number."""
        lines = np.arange(size)
        return cls(lines, lines, np.zeros(size, np.int64), np.ones(size))

    @classmethod
    def none(cls) -> SynapseList:
        """No synapse."""
        return cls.identity(0)

    def taken(self, chosen: NDArray) -> SynapseList:
        """Those of some positions."""
        return SynapseList(
            self.pre[chosen], self.line[chosen], self.delay[chosen], self.weight[chosen]
        )


@dataclass(frozen=True, eq=False)
class Matrix:
    """A linear map, by those of its entries that are not 0, in order of their lines.

    Attributes:
        size: number of lines that it leads to.
        start: [lines + 1] int64, where the entries of each line begin.
        post: [entries] int64, where they lead to.
        weight: [entries] float64.
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
        """The matrix of a shape (post, lines) with these entries, in order of their lines."""
        return cls(shape[0], np.searchsorted(line, np.arange(shape[1] + 1)), post, weight)


@dataclass(frozen=True, eq=False)
class Signal:
    """Signal that a node passes on.

    Attributes:
        size: number of lines.
        origins: per input, population and `CONSTANT`, its synapses.
    """

    size: int
    origins: Mapping[str, SynapseList] = field(default_factory=dict)

    @property
    def n_synapses(self) -> int:
        """Number of synapses, of all origins."""
        return sum(found.pre.size for found in self.origins.values())


def emitted(name: str, size: int) -> Signal:
    """Signal sent by an input or a population of that name."""
    return Signal(size, {name: SynapseList.identity(size)})


def added(signals: Iterable[Signal], size: int) -> Signal:
    """Several signals on the same lines."""
    signals = list(signals)
    names = dict.fromkeys(name for signal in signals for name in signal.origins)
    origins = {
        name: summed([s.origins[name] for s in signals if name in s.origins]) for name in names
    }
    return Signal(size, origins)


def delayed(signal: Signal, steps: NDArray[np.int64] | int) -> Signal:
    """The signal with every line delayed by steps, [lines] or one number for all."""
    by_line = np.broadcast_to(np.asarray(steps, np.int64), (signal.size,))
    origins = {
        name: replace(s, delay=s.delay + by_line[s.line]) for name, s in signal.origins.items()
    }
    return replace(signal, origins=origins)


def closing_loop(signal: Signal) -> Signal:
    """The signal of an edge that closes a loop, whose wires run on the spikes of the step before.

    They run in the first step, too, on no spikes. So constants are not delayed.
    """
    constants = {name: s for name, s in signal.origins.items() if name == CONSTANT}
    return replace(signal, origins={**delayed(signal, 1).origins, **constants})


def scaled(signal: Signal, factor: NDArray[np.float64]) -> Signal:
    """The signal, every line times its factor ([lines] or the same for all)."""
    by_line = np.broadcast_to(np.ravel(factor), (signal.size,))
    origins = {
        name: replace(s, weight=s.weight * by_line[s.line]) for name, s in signal.origins.items()
    }
    return replace(signal, origins=origins)


def spread(signal: Signal, matrix: Matrix) -> Signal:
    """The signal behind a matrix."""
    origins = {
        name: summed([_joined(synapses, matrix)]) for name, synapses in signal.origins.items()
    }
    return Signal(matrix.size, origins)


def biased(signal: Signal, bias: NDArray[np.float64]) -> Signal:
    """The signal with a constant ([lines] or the same for all) added to it in every step."""
    by_line = np.broadcast_to(np.ravel(bias), (signal.size,))
    line = np.flatnonzero(by_line)
    none = np.zeros_like(line)
    constant = Signal(signal.size, {CONSTANT: SynapseList(none, line, none, by_line[line])})
    return added([signal, constant], signal.size) if line.size else signal


def _joined(synapses: SynapseList, matrix: Matrix) -> SynapseList:
    """Every synapse goes on over all entries of its line."""
    fan = np.diff(matrix.start)[synapses.line]
    total = int(fan.sum())
    check_synapses(total, "it has", why="some go through matrices")
    which = np.repeat(np.arange(len(fan)), fan)
    nth = np.arange(total) - np.repeat(np.cumsum(fan) - fan, fan)
    at = matrix.start[synapses.line[which]] + nth
    longer = synapses.taken(which)
    return replace(longer, line=matrix.post[at], weight=longer.weight * matrix.weight[at])


def summed(parts: list[SynapseList]) -> SynapseList:
    """All synapses of the parts; those that differ in nothing but their weight become one."""
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
    """Matrices [pre, line] of weights and delays, as many as one pair has synapses at most."""
    pair = synapses.pre * shape[1] + synapses.line
    is_new = np.ones(pair.size, np.bool_)
    is_new[1:] = np.diff(pair) != 0
    first = np.flatnonzero(is_new)
    nth = np.arange(pair.size) - np.repeat(first, np.diff(np.append(first, pair.size)))
    count = int(nth.max(initial=-1)) + 1
    check_synapses(count * shape[0] * shape[1], "its projections need")
    found = []
    for number in range(count):
        chosen = synapses.taken(nth == number)
        weight, delay = np.zeros(shape), np.zeros(shape, np.int64)
        weight[chosen.pre, chosen.line] = chosen.weight
        delay[chosen.pre, chosen.line] = chosen.delay
        found.append((weight, delay))
    return found

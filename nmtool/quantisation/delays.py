"""Delays in few bits: multiples of a stride, and those that are too long for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmtool.arguments import TARGET, WHOLE, check_fields, optional
from nmtool.arithmetic import LOIHI2, Limits
from nmtool.errors import Finding, UsageError
from nmtool.network.float_network import Network
from nmtool.rounding import round_half_away


@dataclass(frozen=True)
class DelayGrid:
    """The delays q·stride, with q of `bits` bits, up to a limit.

    Attributes:
        bits: of q, e.g. 6.
        stride: steps from one delay to the next.
        limit: steps that no delay may exceed, by default the target's longest delay.
        target: what holds them.

    Raises:
        UsageError: bits, stride or limit that the target does not have.
    """

    bits: int = 6
    stride: int = 1
    limit: int | None = None
    target: Limits = field(default=LOIHI2, repr=False)

    def __post_init__(self) -> None:
        check_fields(self, bits=WHOLE, stride=WHOLE, limit=optional(WHOLE), target=TARGET)
        bits, longest = self.target.delay_bits, self.target.max_delay
        if self.bits not in bits:
            raise UsageError(
                f"delays are held in {bits[0]} to {bits[-1]} bits, not {self.bits}",
                code="delay-bits-range",
                fix="choose one of those",
            )
        if not 1 <= self.stride <= max(longest, 1):
            raise UsageError(
                f"a stride of delays lies in 1 … {longest} steps, not {self.stride}",
                code="delay-stride-range",
                fix="choose one of those",
            )
        if self.limit is not None and not 0 <= self.limit <= longest:
            raise UsageError(
                f"a limit of delays lies in 0 … {longest} steps, not {self.limit}",
                code="delay-limit-range",
                fix="choose one of those",
            )
        if self.limit is None:
            object.__setattr__(self, "limit", longest)

    @classmethod
    def spanning(
        cls, bits: int, longest: int, limit: int | None = None, target: Limits = LOIHI2
    ) -> DelayGrid:
        """The `bits`-bit grid of the least largest error for delays up to `longest` steps.

        That error is half a stride between two delays of the grid, or what lies beyond its last
        one. Delays beyond the limit do not count.
        """
        longest = min(longest, target.max_delay if limit is None else limit)
        strides = range(1, max(target.max_delay, 1) + 1)
        grids = [cls(bits, stride, limit, target) for stride in strides]
        return min(grids, key=lambda grid: max(grid.stride / 2, longest - grid.longest))

    def within(self, target: Limits) -> DelayGrid:
        """The same grid, held by a target, none of its delays beyond the longest of that.

        Raises:
            UsageError: the target does not have these bits, or this stride.
        """
        return replace(self, limit=min(self._limit, target.max_delay), target=target)

    @property
    def longest(self) -> int:
        """Largest delay of the grid, in steps."""
        return min((1 << self.bits) - 1, self._limit // self.stride) * self.stride

    @property
    def _limit(self) -> int:
        assert self.limit is not None
        return self.limit

    def snap(self, delay: ArrayLike) -> NDArray[np.int32]:
        """The nearest delays of the grid, int32 steps; halfway ones away from zero."""
        steps = round_half_away(np.asarray(delay) / self.stride) * self.stride
        return np.clip(steps, 0, self.longest).astype(np.int32)


def delay_findings(network: Network, grid: DelayGrid) -> Iterator[Finding]:
    """Delays that are longer than those that were held, of synapses that deliver something.

    Args:
        network: the float network.
        grid: which delays were held.
    """
    longest = grid.target.max_delay
    for projection in network.projections:
        where = f"{projection.source} → {projection.target}"
        delay = projection.delay[projection.weight != 0]
        beyond_target = int((delay > longest).sum())
        beyond_grid = int((delay > grid.longest).sum()) - beyond_target
        if beyond_target:
            what = f"{beyond_target} delays are longer than the {longest} steps of the target"
            fix = (
                f"they were cut to {grid.longest}; relays (`relays=True`) make up for them, or a "
                "longer time step"
            )
            yield Finding("delay-range", where, what, fix)
        if beyond_grid:
            what = (
                f"{beyond_grid} delays are longer than {grid.longest} steps, as far as "
                f"{grid.bits}-bit delays in strides of {grid.stride} reach"
            )
            fix = f"they were cut to {grid.longest}; more bits or another stride reach further"
            yield Finding("delay-range", where, what, fix)

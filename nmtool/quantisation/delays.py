"""Delays in few bits: multiples of a stride; findings for delays that are too long."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmtool.arguments import TARGET, WHOLE, check_fields, optional
from nmtool.arithmetic import LOIHI2, Limits, bits_in_words, nearest_bits
from nmtool.errors import Finding, UsageError
from nmtool.network.float_network import Network
from nmtool.rounding import round_half_away


@dataclass(frozen=True)
class DelayGrid:
    """The possible delays q·stride, with q of `bits` bits, up to a limit.

    Attributes:
        bits: number of bits of q, e.g. 6.
        stride: steps from one delay to the next.
        limit: longest delay in steps, by default the target's.
        target: the target of the delays.

    Raises:
        UsageError: bits, stride or limit are out of the target's range.
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
                f"{self.target.label} does not support delays of {self.bits} bits",
                code="delay-bits-range",
                why=f"delays may have {bits_in_words(bits)}",
                fix=f"`delay_bits={nearest_bits(self.bits, bits)}`",
            )
        if not 1 <= self.stride <= max(longest, 1):
            raise UsageError(
                f"{self.target.label} does not support delays in strides of {self.stride} steps",
                code="delay-stride-range",
                why=f"its longest delay is {longest} steps",
                fix=f"`delay_stride={min(max(self.stride, 1), max(longest, 1))}`",
            )
        if self.limit is not None and not 0 <= self.limit <= longest:
            raise UsageError(
                f"the limit of delays must be 0 … {longest} steps, not {self.limit}",
                code="delay-limit-range",
                fix="choose a number in that range",
            )
        if self.limit is None:
            object.__setattr__(self, "limit", longest)

    @classmethod
    def spanning(
        cls, bits: int, longest: int, limit: int | None = None, target: Limits = LOIHI2
    ) -> DelayGrid:
        """The `bits`-bit grid that minimises the largest rounding error up to `longest` steps.

        Up to the grid's longest delay, the error is at most half a stride; beyond it, the error is
        the distance to the longest delay. Delays beyond the limit do not count.
        """
        longest = min(longest, target.max_delay if limit is None else limit)
        strides = range(1, max(target.max_delay, 1) + 1)
        grids = [cls(bits, stride, limit, target) for stride in strides]
        return min(grids, key=lambda grid: max(grid.stride / 2, longest - grid.longest))

    def within(self, target: Limits) -> DelayGrid:
        """The same grid for another target, without delays beyond that target's longest.

        Raises:
            UsageError: bits or stride are out of the target's range.
        """
        return replace(self, limit=min(self._limit, target.max_delay), target=target)

    @property
    def longest(self) -> int:
        """Largest delay of the grid, in steps."""
        return min((1 << self.bits) - 1, self._limit // self.stride) * self.stride

    @property
    def _limit(self) -> int:
        """The limit on delays, in steps; it is never None after construction."""
        assert self.limit is not None
        return self.limit

    def snap(self, delay: ArrayLike) -> NDArray[np.int32]:
        """Round delays in steps to the nearest delays of the grid, int32; ties go up."""
        steps = round_half_away(np.asarray(delay) / self.stride) * self.stride
        return np.clip(steps, 0, self.longest).astype(np.int32)


def delay_findings(network: Network, grid: DelayGrid) -> Iterator[Finding]:
    """Findings for synapses of nonzero weight whose delays are beyond the grid.

    Args:
        network: the float network.
        grid: the possible delays.
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
                f"they were clipped to {grid.longest}; keep them with relay populations "
                "(`relays=True` of `quantise`) or a longer time step"
            )
            yield Finding("delay-range", where, what, fix)
        if beyond_grid:
            what = (
                f"{beyond_grid} delays are longer than {grid.longest} steps, the longest of "
                f"{grid.bits}-bit delays with a stride of {grid.stride}"
            )
            fix = f"they were clipped to {grid.longest}; use more bits or a larger stride"
            yield Finding("delay-range", where, what, fix)

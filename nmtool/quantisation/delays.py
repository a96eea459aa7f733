"""Delays in few bits: multiples of a stride."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmtool import targets
from nmtool.errors import UsageError
from nmtool.rounding import round_half_away

DELAY_BITS = (1, 2, 3, 4, 5, 6)


@dataclass(frozen=True)
class DelayGrid:
    """Delays q·stride with q of so many bits, none beyond a limit.

    Attributes:
        bits: 1 … 6.
        stride: steps from one delay to the next.
        limit: steps that no delay may exceed, by default what the target holds.

    Raises:
        UsageError: bits, stride or limit that the target does not have.
    """

    bits: int = 6
    stride: int = 1
    limit: int = targets.MAX_DELAY

    def __post_init__(self) -> None:
        if self.bits not in DELAY_BITS:
            raise UsageError(
                f"delays are held in 1 to 6 bits, not {self.bits}", code="delay-bits-range"
            )
        if not 1 <= self.stride <= targets.MAX_DELAY:
            raise UsageError(
                f"a stride of delays lies in 1 … {targets.MAX_DELAY} steps, not {self.stride}",
                code="delay-stride-range",
            )
        if not 0 <= self.limit <= targets.MAX_DELAY:
            raise UsageError(
                f"a limit of delays lies in 0 … {targets.MAX_DELAY} steps, not {self.limit}",
                code="delay-limit-range",
            )

    @classmethod
    def spanning(cls, bits: int, longest: int, limit: int = targets.MAX_DELAY) -> DelayGrid:
        """The grid of so many bits that no delay up to one (in steps) is far from.

        Its stride is that of the least largest error: of half a stride between two delays of the
        grid, or of what lies beyond its last one. Delays beyond the limit do not count.
        """
        longest = min(longest, limit)
        grids = [cls(bits, stride, limit) for stride in range(1, targets.MAX_DELAY + 1)]
        return min(grids, key=lambda grid: max(grid.stride / 2, longest - grid.longest))

    @property
    def longest(self) -> int:
        """Largest delay of the grid, in steps."""
        return min((1 << self.bits) - 1, self.limit // self.stride) * self.stride

    def snap(self, delay: ArrayLike) -> NDArray[np.int32]:
        """The nearest delays of the grid, int32 steps; halfway ones away from zero."""
        steps = round_half_away(np.asarray(delay) / self.stride) * self.stride
        return np.clip(steps, 0, self.longest).astype(np.int32)

"""Random numbers that are the same in every version of numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Draws:
    """Draws from a generator's raw bits, which no version of numpy changes.

    Args:
        seed: of the bits.
    """

    def __init__(self, seed: int) -> None:
        self._bits = np.random.PCG64(seed)

    def __call__(self, shape: int | tuple[int, ...]) -> NDArray[np.float64]:
        """Numbers in [0, 1) of this shape."""
        raw = self._bits.random_raw(int(np.prod(shape)))
        return ((raw >> np.uint64(11)) * 2.0**-53).reshape(shape)

    def one(self) -> float:
        """A number in [0, 1)."""
        return float(self(1)[0])

    def below(self, n: int) -> int:
        """A whole number in 0 … n − 1, the rest of the raw bits."""
        return int(self._bits.random_raw() % n)

    def part(self, n: int) -> int:
        """A whole number in 0 … n − 1, the same share of n as `one` is of 1."""
        return int(self.one() * n)

"""Random numbers that do not depend on the version of numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Draws:
    """Uniform random numbers from a generator's raw bits, equal in all versions of numpy.

    Args:
        seed: seed of the generator.
    """

    def __init__(self, seed: int) -> None:
        self._bits = np.random.PCG64(seed)

    def __call__(self, shape: int | tuple[int, ...]) -> NDArray[np.float64]:
        """Draw an array of random numbers in [0, 1)."""
        raw = self._bits.random_raw(int(np.prod(shape)))
        return ((raw >> np.uint64(11)) * 2.0**-53).reshape(shape)

    def counted(self, filled: NDArray[np.bool_], most_spikes: int) -> NDArray:
        """A random number of spikes for each filled bin, up to a random limit for all of them.

        Args:
            filled: True for bins with spikes, of any shape.
            most_spikes: largest limit; with 1, nothing is drawn, and `filled` is returned.
        """
        if most_spikes == 1:
            return filled
        limit = 1 + self.part(most_spikes)
        return filled * (1 + (self(filled.shape) * limit).astype(np.uint8))

    def number(self) -> float:
        """Draw a random number in [0, 1)."""
        return float(self(1)[0])

    def below(self, n: int) -> int:
        """Draw a random integer in 0 … n − 1: the raw bits modulo n."""
        return int(self._bits.random_raw() % n)

    def part(self, n: int) -> int:
        """Draw a random integer in 0 … n − 1: `number` times n, rounded down.

        The rules of `below` and `part` stay different, because draws must never change: known
        answers in exports and faults of mutation scores are drawn with `below`, samples of
        `exercise` with `part`.
        """
        return int(self.number() * n)

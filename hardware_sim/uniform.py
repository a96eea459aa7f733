"""Random numbers that are the same in every version of numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def uniform(bits: np.random.PCG64, shape: int | tuple[int, ...]) -> NDArray[np.float64]:
    """Draw numbers in [0, 1) from a generator's raw bits, which no version of numpy changes.

    Args:
        bits: the generator, which moves on.
        shape: of the numbers.
    """
    raw = bits.random_raw(int(np.prod(shape)))
    return ((raw >> np.uint64(11)) * 2.0**-53).reshape(shape)

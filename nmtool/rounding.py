"""The rounding rule of weights, delays, decays and thresholds."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def round_half_away(x: ArrayLike) -> NDArray[np.float64]:
    """Nearest integer as float64; halves are rounded away from zero (2.5 → 3, −2.5 → −3)."""
    x = np.asarray(x, np.float64)
    return np.trunc(x + np.copysign(np.nextafter(0.5, 0.0), x))

"""The fall of the membrane at a spike, which gradients need."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nmtool.network.float_parts import Population


def fall(population: Population, alpha: NDArray[np.float64] | float = 1.0) -> NDArray[np.float64]:
    """[size] float64: by how much V falls when it crosses the threshold and is reset.

    The fall is θ with a reset to zero, c with subtraction, and c/α with late subtraction, since
    c/α before the decay is c after it. So a late reset counts as one in the step of the spike.

    Args:
        population: a spiking population.
        alpha: decay factor of V per step, [size] or one for all; 1 in continuous time.
    """
    drop = population.drop
    subtracted = np.where(drop < 0, -drop / alpha, drop)
    return np.where(drop == 0, population.values("threshold"), subtracted)

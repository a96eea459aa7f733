"""What gradients need of a population: finite time constants, and the fall of V at a spike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nmtool.arithmetic import LOIHI2
from nmtool.errors import NetworkError
from nmtool.network.float_parts import Population
from nmtool.quantisation.neurons import rounded_tau


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


def check_time_constants(population: Population, dt_ms: float | None = None) -> None:
    """Raise `NetworkError` if a time constant is 0 or ∞, since EventProp divides by it.

    Args:
        population: population with the time constants.
        dt_ms: length of a time step in ms; None in continuous time.
    """
    for key in ("tau_mem_ms", "tau_syn_ms"):
        values = population.values(key)
        if (np.isfinite(values) & (values > 0)).all():
            continue
        why = f"its {key} is 0"
        if np.isinf(values).any():
            why = f"its {key} is infinite"
            if dt_ms is not None:
                longest = rounded_tau(1, dt_ms, LOIHI2.decay_one)
                why += (
                    f"; with steps of {dt_ms:g} ms, the chip's longest is {longest:.4g} ms, and "
                    "far longer ones never decay"
                )
        raise NetworkError(
            f"population '{population.name}' cannot be trained",
            code="network-untrainable",
            why=f"{why}; EventProp needs positive and finite time constants",
            fix="train with other time constants, or only quantise and run this network",
        )

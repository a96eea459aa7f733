"""What is to be rounded: a float network in the terms of a chip."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nmtool import dynamics
from nmtool.network import Network, Projection


def weight_jumps(network: Network, projection: Projection) -> NDArray[np.float64]:
    """[pre, post]: weights of one of a network's projections, as jumps of u."""
    target = network.population(projection.target)
    tau_mem, tau_syn = target.values("tau_mem_ms"), target.values("tau_syn_ms")
    return projection.weight * dynamics.drive_scale(tau_mem, tau_syn, network.dt_ms)


def single(values: NDArray[np.float64]) -> float:
    """The one value that a population holds for all its neurons: theirs, or their mean."""
    same = (values == values[0]).all()
    return float(values[0] if same else np.mean(values))

"""Activity of a population during one sample, in memory that Lava's processes share."""

from __future__ import annotations

import mmap
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .arrays import LIF, PopulationArrays


@dataclass(frozen=True)
class Trace:
    """Values after each step of one sample; None for what is not recorded.

    Attributes:
        spikes: [steps, neurons] bool.
        u: [steps, neurons] int32, the synaptic current.
        v: [steps, neurons] int32, the membrane after a reset.
    """

    spikes: NDArray[np.bool_] | None
    u: NDArray[np.int32] | None
    v: NDArray[np.int32] | None


@dataclass(frozen=True)
class Wanted:
    """Values of a population to record."""

    spikes: bool
    u: bool
    v: bool


def wanted(population: PopulationArrays, deep: bool) -> Wanted:
    """Spikes of those that spike, v of those that do not, everything in deep recordings."""
    spiking = population.kind == LIF
    return Wanted(spikes=spiking, u=deep, v=deep or not spiking)


def shared_trace(shape: tuple[int, int], values: Wanted) -> Trace:
    """A trace of zeros for (steps, neurons); what a forked process writes, this one sees."""
    return Trace(
        spikes=_shared_zeros(shape, np.bool_) if values.spikes else None,
        u=_shared_zeros(shape, np.int32) if values.u else None,
        v=_shared_zeros(shape, np.int32) if values.v else None,
    )


def copied(trace: Trace) -> Trace:
    """The same values in memory of its own."""
    parts = (trace.spikes, trace.u, trace.v)
    return Trace(*(None if part is None else part.copy() for part in parts))


def _shared_zeros(shape: tuple[int, int], dtype: DTypeLike) -> NDArray:
    count = shape[0] * shape[1]
    memory = mmap.mmap(-1, max(1, count * np.dtype(dtype).itemsize))
    return np.frombuffer(memory, dtype, count).reshape(shape)

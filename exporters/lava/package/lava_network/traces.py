"""Activity of a population during one sample, in memory that Lava's processes share."""

from __future__ import annotations

import mmap
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .arrays import LIF, PopulationArrays


@dataclass(frozen=True)
class Trace:
    """Values after each step of one sample; None for values that are not recorded.

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
    """Quantities of a population that are recorded."""

    spikes: bool
    u: bool
    v: bool


def wanted(population: PopulationArrays, deep: bool) -> Wanted:
    """Quantities to record: spikes of a spiking population, or v of a non-spiking population.

    A deep recording also has u and v of every population.
    """
    spiking = population.kind == LIF
    return Wanted(spikes=spiking, u=deep, v=deep or not spiking)


def shared_trace(shape: tuple[int, int], values: Wanted) -> Trace:
    """Make a trace of zeros for `shape` (steps, neurons), in memory shared with forked processes.

    This process sees the values that a forked process writes into the trace.
    """
    return Trace(
        spikes=_shared_zeros(shape, np.bool_) if values.spikes else None,
        u=_shared_zeros(shape, np.int32) if values.u else None,
        v=_shared_zeros(shape, np.int32) if values.v else None,
    )


def copied(trace: Trace) -> Trace:
    """Copy a trace into memory that is not shared."""
    parts = (trace.spikes, trace.u, trace.v)
    return Trace(*(None if part is None else part.copy() for part in parts))


def _shared_zeros(shape: tuple[int, int], dtype: DTypeLike) -> NDArray:
    count = shape[0] * shape[1]
    memory = mmap.mmap(-1, max(1, count * np.dtype(dtype).itemsize))
    return np.frombuffer(memory, dtype, count).reshape(shape)

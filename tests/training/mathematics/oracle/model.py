"""The oracle's network: a `Network` without time steps, with real-valued delays in ms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmtool.errors import DataError, NetworkError
from nmtool.network.float_parts import Population
from nmtool.network.graph import LIF, InputChannels, check_graph
from nmtool.training.populations import check_time_constants, fall
from tests.training.mathematics.oracle.closed_forms import LifConstants


@dataclass(frozen=True, eq=False)
class ContinuousProjection:
    """Synapses from one population (or the input) to another.

    Attributes:
        source, target: population names; source may be `input`.
        weight: [pre, post] float64, jump of the synaptic current I.
        delay_ms: [pre, post] float64, time from spike to arrival in ms, at least 0.
    """

    source: str
    target: str
    weight: NDArray[np.float64]
    delay_ms: NDArray[np.float64]

    def __post_init__(self) -> None:
        for key in ("weight", "delay_ms"):
            object.__setattr__(self, key, np.array(getattr(self, key), np.float64))
        label = f"projection {self.source} → {self.target}"
        if self.weight.ndim != 2 or self.weight.shape != self.delay_ms.shape:
            raise NetworkError(
                f"{label}: weights and delays must both be [pre, post]",
                code="weights-delays-shape",
                fix="give both as [pre, post]",
            )
        if not (np.isfinite(self.weight).all() and np.isfinite(self.delay_ms).all()):
            raise NetworkError(
                f"{label}: a weight or delay is not finite",
                code="weights-not-finite",
                fix="replace NaN and infinity by finite numbers",
            )
        if (self.delay_ms < 0).any():
            raise NetworkError(
                f"{label}: a delay is negative",
                code="delays-negative",
                fix="give delays of 0 ms or more",
            )

    @property
    def shape(self) -> tuple[int, int]:
        """Number of source neurons and number of target neurons: (pre, post)."""
        return self.weight.shape[0], self.weight.shape[1]


@dataclass(frozen=True, eq=False)
class ContinuousNetwork:
    """Any graph of populations in continuous time.

    Attributes:
        n_channels: number of input channels.
        populations: `lif` or `li` populations with positive and finite time constants.
        projections: projections, of which several may connect the same two populations.
        duration_ms: length of the run in ms; later events are ignored.
    """

    n_channels: int
    populations: Sequence[Population]
    projections: Sequence[ContinuousProjection]
    duration_ms: float

    def __post_init__(self) -> None:
        check_graph(InputChannels(self.n_channels), self.populations, self.projections)
        for population in self.populations:
            check_time_constants(population)

    def cells(self, population: Population) -> list[LifConstants]:
        """Constants of every neuron of a population; `li` neurons have an infinite threshold.

        In continuous time, subtraction and late subtraction are the same.
        """
        keys = ("tau_mem_ms", "tau_syn_ms", "threshold", "bias")
        columns = [population.values(key) for key in keys]
        rows = np.stack([*columns, fall(population)], axis=1)
        if population.kind != LIF:
            rows[:, 2] = np.inf
        return [LifConstants(*row) for row in rows.tolist()]


@dataclass(frozen=True, eq=False)
class SpikeTimes:
    """Spikes of one population, or input events, of one sample.

    Attributes:
        time_ms: [spikes] float64, time of each spike in ms.
        neuron: [spikes] int64, neuron (or channel) of each spike.

    A population's own spikes ascend in time; input events may come in any order.
    """

    time_ms: NDArray[np.float64]
    neuron: NDArray[np.int64]

    def __post_init__(self) -> None:
        object.__setattr__(self, "time_ms", np.array(self.time_ms, np.float64))
        object.__setattr__(self, "neuron", np.array(self.neuron, np.int64))
        if self.time_ms.ndim != 1 or self.time_ms.shape != self.neuron.shape:
            raise DataError(
                "spike times and neurons must be lists of the same length",
                code="events-lengths",
                fix="give one neuron per spike time",
            )

    @property
    def n_spikes(self) -> int:
        """Number of spikes."""
        return self.time_ms.size

    def counts(self, n_neurons: int) -> NDArray[np.int64]:
        """Number of spikes of each neuron, [neurons] int64."""
        return np.bincount(self.neuron, minlength=n_neurons)

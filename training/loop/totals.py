"""Sums over the samples of a rank's share, of a batch or of an epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmtool.network.float_network import Network
from nmtool.network.graph import LIF
from nmtool.training.processes.ranks import Ranks


@dataclass(frozen=True, eq=False)
class Totals:
    """Losses, correct classifications, lost events and spikes, summed over samples.

    Attributes:
        loss: sum of the losses of single samples.
        correct: number of correctly classified samples.
        samples: number of samples.
        surplus, dropped: numbers of spikes lost in binning, see `Binned`.
        counts: number of spikes per neuron, [neurons] int64 per spiking population.
    """

    loss: float
    correct: int
    samples: int
    surplus: int
    dropped: int
    counts: Mapping[str, NDArray[np.int64]]

    @classmethod
    def zero(cls, network: Network) -> Totals:
        """Totals before the first sample: all sums are 0."""
        spiking = [p for p in network.populations if p.kind == LIF]
        return cls(0.0, 0, 0, 0, 0, {p.name: np.zeros(p.size, np.int64) for p in spiking})

    def __add__(self, other: Totals) -> Totals:
        """Sums over the samples of both operands."""
        return self._from_vector(self._vector() + other._vector())

    def over(self, ranks: Ranks) -> Totals:
        """Sums over the samples of all ranks; every rank must call this."""
        return self._from_vector(ranks.sum(self._vector()))

    @property
    def mean_loss(self) -> float:
        """Mean loss of a sample."""
        return self.loss / self.samples

    @property
    def accuracy(self) -> float:
        """Share of correctly classified samples."""
        return self.correct / self.samples

    @property
    def spikes_per_neuron(self) -> dict[str, float]:
        """Per spiking population, mean spikes of a neuron in a sample."""
        return {name: float(count.mean()) / self.samples for name, count in self.counts.items()}

    def _vector(self) -> NDArray[np.float64]:
        """All sums as one float array; whole numbers are exact up to 2⁵³."""
        numbers = (self.loss, self.correct, self.samples, self.surplus, self.dropped)
        return np.concatenate([numbers, *(self.counts[name] for name in sorted(self.counts))])

    def _from_vector(self, vector: NDArray[np.float64]) -> Totals:
        loss, whole = float(vector[0]), vector[1:].astype(np.int64)
        correct, samples, surplus, dropped = whole[:4].tolist()
        names = sorted(self.counts)
        edges = 4 + np.cumsum([0, *(self.counts[name].size for name in names)])
        counts = {
            name: whole[first:last]
            for name, first, last in zip(names, edges, edges[1:], strict=False)
        }
        return Totals(loss, correct, samples, surplus, dropped, counts)

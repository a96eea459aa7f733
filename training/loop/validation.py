"""Accuracy of a network on samples that it does not learn from."""

from __future__ import annotations

from collections.abc import Callable

from nmtool.data import SpikeEvents
from nmtool.hardware_sim.simulator import simulate
from nmtool.integer_network import IntegerNetwork
from nmtool.network import Network
from nmtool.recording import Recording
from nmtool.training.front.model import SpikingNetwork
from nmtool.training.processes.ranks import Ranks


class Validation:
    """A rank's share of the validation samples, binned once.

    Args:
        events: all validation samples.
        network: whose steps and channels they are binned into.
        ranks: the processes that share them.
    """

    def __init__(self, events: SpikeEvents, network: Network, ranks: Ranks) -> None:
        self._ranks = ranks
        self._n_samples = events.n_samples
        share = ranks.take(events)
        self._raster, self._label = network.bin(share).raster, share.label

    def accuracy(self, model: SpikingNetwork) -> float:
        """Share of all samples whose class is predicted; collective."""
        return self._accuracy(lambda: model.record(self._raster))

    def integer_accuracy(self, network: IntegerNetwork) -> float:
        """The same of integers that are no model's; collective."""
        return self._accuracy(lambda: simulate(network, self._raster))

    def _accuracy(self, answer: Callable[[], Recording]) -> float:
        correct = int((answer().predictions == self._label).sum()) if self._label.size else 0
        return float(self._ranks.sum(correct)) / self._n_samples

"""How often a network is right about samples it does not learn from."""

from __future__ import annotations

from nmtool.data import SpikeEvents, bin_events
from nmtool.network import Network
from training.model import SpikingNetwork
from training.ranks import Ranks


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
        binned = bin_events(share, network.dt_ms, network.n_steps, network.channels.group)
        self._raster, self._label = binned.raster, share.label

    def accuracy(self, model: SpikingNetwork) -> float:
        """Share of all samples whose class is predicted; collective."""
        correct = 0
        if self._label.size:
            correct = int((model.record(self._raster).predictions == self._label).sum())
        return float(self._ranks.sum(correct)) / self._n_samples

"""Accuracy of a network on validation samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from nmtool.batches import recorded_at_once
from nmtool.data import SpikeEvents
from nmtool.data.samples import Samples
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.training.engines.devices import CPU, Device
from nmtool.training.front.model import SpikingNetwork
from nmtool.training.loop.batches import ahead
from nmtool.training.processes.ranks import Ranks


class Validation:
    """Validates on a rank's share of the validation samples; a single batch is binned only once.

    Every rank must call the methods.

    Args:
        events: all validation samples.
        network: a network; samples are binned to its steps and channels.
        ranks: processes that share the samples.
    """

    def __init__(self, events: SpikeEvents, network: Network, ranks: Ranks) -> None:
        self._ranks = ranks
        self._n_samples = events.n_samples
        self._share, self._network = ranks.take(events), network
        self._whole: Samples | None = None
        first = next(self._share.batches())
        if first.n_samples == self._share.n_samples:
            self._whole = Samples(network.bin(first).raster, first.label)

    def accuracy_and_mistake(self, model: SpikingNetwork) -> tuple[float, dict[str, float] | None]:
        """Accuracy on all samples, and the most frequent misclassification.

        The misclassification has the true class `label`, the predicted class `answer`, and the
        `share` of the samples with that label; None if all samples are classified correctly.
        """
        n_classes = len(self._network.class_names)
        own_counts = np.zeros((n_classes, n_classes), np.int64)
        for label, predicted in self._predictions(model.record, self._network):
            np.add.at(own_counts, (label, predicted), 1)
        confusion = self._ranks.sum(own_counts)
        accuracy = float(np.trace(confusion)) / self._n_samples
        n_samples = confusion.sum(axis=1)
        np.fill_diagonal(confusion, 0)
        if not confusion.any():
            return accuracy, None
        true, answer = np.unravel_index(confusion.argmax(), confusion.shape)
        share = float(confusion[true, answer] / n_samples[true])
        return accuracy, {"label": int(true), "answer": int(answer), "share": share}

    def right(self, network: Network | IntegerNetwork, device: Device = CPU) -> NDArray[np.bool_]:
        """[samples] bool: True for samples that a network classifies correctly.

        Args:
            network: a network with the same steps and channels, which may carry other counts.
            device: device on which a float network runs.
        """
        run: Callable[[Raster], Recording] = (
            partial(simulate, network)
            if isinstance(network, IntegerNetwork)
            else SpikingNetwork(network, max_delay=network.max_delay, device=device).record
        )
        share = [label == predicted for label, predicted in self._predictions(run, network)]
        right = np.zeros(self._n_samples)
        right[self._ranks.share(self._n_samples)] = np.concatenate([[], *share])
        return self._ranks.sum(right) > 0

    def _predictions(
        self, run: Callable[[Raster], Recording], network: Network | IntegerNetwork
    ) -> Iterator[tuple[NDArray[np.integer], NDArray[np.int64]]]:
        """True and predicted classes of this rank's share of the samples, a portion at a time."""
        binning = self._network if network.channels == self._network.channels else network
        portions = iter([self._whole]) if self._whole is not None else None
        if portions is None or binning is not self._network:
            batches = self._share.batches()
            portions = ahead(Samples(binning.bin(part).raster, part.label) for part in batches)
        for samples in portions:
            at_once = recorded_at_once(self._network, samples.raster.n_steps)
            for part in samples.batches(at_once):
                if part.label.size:
                    yield part.label, run(part.raster).predictions

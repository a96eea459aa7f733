"""Batches of an epoch: drawn, augmented, and binned ahead of their use."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from nmtool.data import SpikeEvents
from nmtool.data.binning import Binned
from nmtool.network.float_network import Network
from nmtool.quantisation.calibration import CALIBRATION_SAMPLES_IN_TRAINING
from nmtool.raster import Raster
from nmtool.training.loop.augment import augmented
from nmtool.training.options import TrainOptions
from nmtool.training.processes.ranks import Ranks

_Item = TypeVar("_Item")

_END = object()


@dataclass(frozen=True, eq=False)
class Portion:
    """A rank's share of a batch, augmented and binned.

    Attributes:
        binned: spikes of the share.
        label: [samples] int64, labels of the share.
    """

    binned: Binned
    label: NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class Batches:
    """The training samples, in a new order and with new augmentation in every epoch.

    Attributes:
        events: all training samples.
        network: a network; samples are binned to its steps and channels.
        options: settings of the run; the seed decides order and augmentation.
        ranks: processes that share each batch.
    """

    events: SpikeEvents
    network: Network
    options: TrainOptions
    ranks: Ranks

    @property
    def per_epoch(self) -> int:
        """Number of batches of an epoch."""
        return -(-self.events.n_samples // self.options.batch_size)

    def of_epoch(self, epoch: int) -> Iterator[Portion]:
        """This rank's share of each batch of an epoch (from 1); the last batch may be smaller."""
        return ahead(self._portions(epoch))

    def _portions(self, epoch: int) -> Iterator[Portion]:
        seed, size = self.options.seed, self.options.batch_size
        order = np.random.default_rng([seed, epoch]).permutation(self.events.n_samples)
        for index in range(self.per_epoch):
            rng = np.random.default_rng([seed, epoch, index])
            batch = self.events.take(order[index * size : (index + 1) * size]).in_memory()
            share = self.ranks.take(augmented(batch, self.options, rng))
            yield Portion(self.network.bin(share), share.label)


def first_samples(network: Network, train: SpikeEvents) -> Raster:
    """Bin the first training samples for a network, to choose initial weights and scales."""
    count = min(CALIBRATION_SAMPLES_IN_TRAINING, train.n_samples)
    return network.bin(train.take(np.arange(count))).raster


def ahead(items: Iterator[_Item]) -> Iterator[_Item]:
    """Prepare each item in a thread while the previous one is in use.

    If the thread raises an exception, it is raised again where the item is requested.

    >>> list(ahead(n * n for n in range(4)))
    [0, 1, 4, 9]

    Args:
        items: a generator; its code runs only in the thread.
    """
    with ThreadPoolExecutor(1, "ahead") as thread:
        next_item = thread.submit(next, items, _END)
        while (item := next_item.result()) is not _END:
            next_item = thread.submit(next, items, _END)
            yield item  # type: ignore[misc]

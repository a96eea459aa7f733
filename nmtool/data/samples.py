"""`Samples`: labelled data as a network hears them, binned to its steps and channels."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmtool.data.binning import count_dropped
from nmtool.data.events import AT_ONCE, SpikeEvents
from nmtool.data.fit import check_fit
from nmtool.data.grid import TIME_UNIT_FIX
from nmtool.errors import DataError, UsageError, listed
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.tables import Table, Tabular

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False, repr=False)
class Samples(Tabular):
    """Binned samples with their labels.

    Attributes:
        raster: input spikes.
        label: [samples] int64.
    """

    _line = "{raster}"

    raster: Raster
    label: NDArray[np.integer]

    def take(self, samples: NDArray[np.integer]) -> Samples:
        """The given samples (indices from 0), in the given order."""
        return Samples(self.raster.take(samples), self.label[samples])

    def tables(self) -> list[Table]:
        """Its input spikes, and the number of samples by label."""
        counts = zip(*np.unique(self.label, return_counts=True), strict=True)
        labels = [(int(label), int(count)) for label, count in counts]
        return [*self.raster.tables(), Table("labels", ("label", "samples"), labels)]


MAX_DROPPED_SHARE = 0.5
"""Share of the events beyond the last step from which on an accuracy says nothing."""


def bin_for(
    network: Network | IntegerNetwork, events: SpikeEvents, *, measures: bool = False
) -> Samples:
    """Bin events to the steps and channels of a network.

    Events beyond its last step are dropped, which is logged as a warning, and so are class names
    that are not the network's, where both have names other than numbers.

    Args:
        network: it decides.
        events: the samples.
        measures: refuse samples that the network would hear less than half of, since an accuracy
            is to be measured on them.

    Raises:
        UsageError: the data have other channels or classes than the network, or are none.
        DataError: there is no sample, or most events would be dropped.
    """
    _check(network, events, measures)
    return Samples(network.bin(events).raster, events.label)


def portions_for(
    network: Network | IntegerNetwork,
    data: SpikeEvents | Samples,
    *,
    measures: bool = False,
    divided: bool = False,
) -> Iterator[Samples]:
    """Bin events as `bin_for` does, a batch at a time (`SpikeEvents.batches`).

    Args:
        network: it decides.
        data: events; samples that are binned already are one portion.
        measures: as of `bin_for`, which says what is raised, too, before the first portion.
        divided: portions are of 256 samples, wherever events are: for those who keep little of
            each, or whose results depend on the portions.
    """
    if isinstance(data, Samples):
        return iter([data])
    _check(network, data, measures)
    parts = data.batches(AT_ONCE if divided else None)
    return (Samples(network.bin(part).raster, part.label) for part in parts)


def _contradict(one: Sequence[str], other: Sequence[str]) -> bool:
    """True for names that differ, unless one side only counts from 0 and the other has words."""
    counted = [list(names) == [str(n) for n in range(len(names))] for names in (one, other)]
    numbered = [all(name.isdecimal() for name in names) for names in (one, other)]
    return list(one) != list(other) and (all(numbered) or not any(counted))


def _check(network: Network | IntegerNetwork, events: SpikeEvents, measures: bool) -> None:
    if not isinstance(events, SpikeEvents):
        raise UsageError(
            f"spike events are expected, not {type(events).__name__}",
            code="data-type",
            fix="pass a split of a data set, e.g. data.test, or SpikeEvents",
        )
    if not events.n_samples:
        raise DataError(
            "there is no sample in the data",
            code="split-empty",
            fix="choose a split that has samples",
        )
    check_fit(network, events)
    if _contradict(events.class_names, network.class_names):
        own, others = (listed(one.class_names, 3) for one in (network, events))
        _log.warning(
            f"remark[class-names-differ]: the data name their classes otherwise ({others}) than "
            f"the network ({own}); classes are compared by their numbers from 0: number them "
            "alike, if an accuracy is to mean anything"
        )
    dropped = count_dropped(events, network.dt_ms, network.n_steps)
    late = (
        f"{dropped:,} of the {events.n_events:,} events lie beyond the network's "
        f"{network.n_steps:,} steps of {network.dt_ms:g} ms"
    )
    few = only_classes(np.bincount(events.label, minlength=len(events.class_names)))
    if measures and few:
        _log.warning(
            f"remark[classes-missing]: these {events.n_samples:,} samples cover {few}, and so does "
            "an accuracy on them"
        )
    if measures and dropped > MAX_DROPPED_SHARE * events.n_events:
        raise DataError(
            late,
            code="events-mostly-dropped",
            why="an accuracy on what is left says nothing",
            fix=f"{TIME_UNIT_FIX}; else use a network of longer samples (of a NIR file: nmtool "
            "convert … --in-steps N; in Python: dataclasses.replace(network, n_steps=N))",
        )
    if dropped:
        _log.warning(
            f"remark[events-dropped]: {late} and are dropped; one of longer samples hears them"
        )


def only_classes(samples: Sequence[int] | NDArray[np.integer]) -> str:
    """`2 of 27 classes` for numbers of samples by class of which 25 are 0; '' where none is."""
    with_samples = np.count_nonzero(samples)
    return "" if with_samples == len(samples) else f"{with_samples} of {len(samples)} classes"

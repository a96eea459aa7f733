"""`Samples`: labelled data, binned to the steps and channels of a network."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.batches import recorded_at_once
from nmtool.data.binning import count_dropped
from nmtool.data.dividing import check_count, drawn_samples
from nmtool.data.events import SpikeEvents
from nmtool.data.fit import check_fit
from nmtool.data.grid import TIME_UNIT_FIX
from nmtool.errors import DataError, UsageError, listed
from nmtool.network.any_network import AnyNetwork
from nmtool.raster import Raster
from nmtool.tables import Table, Tabular, counted

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False, repr=False)
class Samples(Tabular):
    """Binned samples with their labels.

    Attributes:
        raster: input spikes.
        label: [samples] int64, true class of each sample.
    """

    raster: Raster
    label: NDArray[np.integer]

    def _line(self) -> str:
        return str(self.raster)

    def take(self, samples: NDArray[np.integer]) -> Samples:
        """Select samples by their indices from 0, in the given order."""
        return Samples(self.raster.take(samples), self.label[samples])

    def batches(self, at_once: int) -> Iterator[Samples]:
        """All samples in batches of `at_once`; unchanged if they are no more than that."""
        if self.label.size <= at_once:
            yield self
            return
        for first in range(0, self.label.size, at_once):
            yield self.take(np.arange(first, min(first + at_once, self.label.size)))

    def tables(self) -> list[Table]:
        """A table of the input spikes, and a table of the number of samples per label."""
        counts = zip(*np.unique(self.label, return_counts=True), strict=True)
        labels = [(int(label), int(count)) for label, count in counts]
        return [*self.raster.tables(), Table("labels", ("label", "samples"), labels)]


def choose_samples(data: Any, count: int | None, *, in_order: bool = False) -> Any:
    """Draw `count` samples in proportion to the classes, and log their number; None: all samples.

    Args:
        data: events, binned samples or a raster; values of other types are returned unchanged.
        count: number of samples.
        in_order: take the first samples, as from a raster, which has no classes.

    Raises:
        UsageError: `count` is below 1.
    """
    if count is None or not isinstance(data, SpikeEvents | Samples | Raster):
        return data
    check_count(count)
    n_samples = data.n_samples if isinstance(data, Raster) else data.label.size
    if in_order or isinstance(data, Raster):
        number = np.arange(min(count, n_samples))
    else:
        number = drawn_samples(data.label, count)
    if number.size == n_samples:
        return data
    way = "the first" if in_order or isinstance(data, Raster) else "drawn per class"
    _log.info(f"samples: {number.size:,} of {n_samples:,}, {way} and numbered from 0")
    return data.take(number)


MAX_DROPPED_SHARE = 0.5
"""Share of events beyond the last step above which accuracy is meaningless."""


def mostly_dropped(events: SpikeEvents, dt_ms: float, n_steps: int) -> bool:
    """True if most events come after the last step, so that accuracy has no meaning."""
    return count_dropped(events, dt_ms, n_steps) > MAX_DROPPED_SHARE * events.n_events


def check_in_time(network: AnyNetwork, events: SpikeEvents, *, measures: bool = True) -> str:
    """Return a message with the number of events after the network's last step; '' without any.

    Args:
        network: the network; only its steps are used.
        events: the samples.
        measures: True if accuracy is to be measured.

    Raises:
        DataError: most events come after the last step, and accuracy is to be measured.
    """
    dropped = count_dropped(events, network.dt_ms, network.n_steps)
    if not dropped:
        return ""
    late = (
        f"{dropped:,} of the {events.n_events:,} events lie beyond the network's "
        f"{network.n_steps:,} steps of {network.dt_ms:g} ms"
    )
    are_most = dropped > MAX_DROPPED_SHARE * events.n_events
    if are_most and measures:
        raise DataError(
            late,
            code="events-mostly-dropped",
            why="accuracy on the remaining events would be meaningless",
            fix=f"{TIME_UNIT_FIX}; or use a network with more steps (for a NIR file: nmtool "
            "convert … --in-steps N; in Python: dataclasses.replace(network, n_steps=N))",
        )
    rest = "; accuracy on the rest would be meaningless" if are_most else ""
    return f"{late} and are dropped{rest}"


def bin_for(network: AnyNetwork, events: SpikeEvents, *, measures: bool = False) -> Samples:
    """Bin events to the steps and channels of a network.

    Events beyond the last step are dropped, with a warning. A warning is also logged if events have
    more spikes than a channel of the network carries, and if data and network have different class
    names, unless one of them has the numbers 0, 1, … and the other has words.

    Args:
        network: the network; only its steps, channels and classes are used.
        events: the samples.
        measures: True if accuracy is to be measured; then data with most events beyond the last
            step are refused.

    Raises:
        UsageError: the data differ from the network in channels or classes, or are not events.
        DataError: there is no sample, or most events would be dropped.
    """
    _check_data(network, events, measures)
    return Samples(network.bin(events).raster, events.label)


def portions_for(
    network: AnyNetwork,
    data: SpikeEvents | Samples,
    *,
    measures: bool = False,
) -> Iterator[Samples]:
    """Yield binned samples in portions whose recordings fit into memory.

    Events are binned as by `bin_for`; events on disk, 256 samples at a time.

    Args:
        network: the network; its steps, channels and classes are used, and the sizes of its
            outputs, whose membranes a recording contains.
        data: events or binned samples.
        measures: as for `bin_for`, whose errors are raised before the first portion.
    """
    return (
        portion
        for samples in binned_batches(network, data, measures=measures)
        for portion in samples.batches(recorded_at_once(network, samples.raster.n_steps))
    )


def binned_batches(
    network: AnyNetwork, data: SpikeEvents | Samples, *, measures: bool = False
) -> Iterator[Samples]:
    """Yield binned samples: all at once if they are in memory, 256 at a time if on disk.

    Args:
        network, data, measures: as for `portions_for`.
    """
    if isinstance(data, Samples):
        return iter([data])
    _check_data(network, data, measures)
    return (Samples(network.bin(part).raster, part.label) for part in data.batches())


def _contradict(first: Sequence[str], second: Sequence[str]) -> bool:
    """True if class names differ, unless one list is 0, 1, … and the other has words."""
    counted = [list(names) == [str(n) for n in range(len(names))] for names in (first, second)]
    numbered = [all(name.isdecimal() for name in names) for names in (first, second)]
    return list(first) != list(second) and (all(numbered) or not any(counted))


def _check_data(network: AnyNetwork, events: SpikeEvents, measures: bool) -> None:
    """Raise errors of data that do not fit a network, and warn of doubtful data."""
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
        network_names, data_names = (listed(source.class_names, 3) for source in (network, events))
        _log.warning(
            f"remark[class-names-differ]: class names of the data ({data_names}) differ from those "
            f"of the network ({network_names}); classes are compared by number, so accuracy is "
            "only meaningful if both number them in the same way"
        )
    covered = only_classes(np.bincount(events.label, minlength=len(events.class_names)))
    if measures and covered:
        _log.warning(
            f"remark[classes-missing]: accuracy on {counted(events.n_samples, 'sample')} covers "
            f"only {covered}"
        )
    if events.most_spikes > network.channels.most_spikes:
        most = network.channels.most_spikes
        _log.warning(
            f"remark[counts-lost]: events have up to {events.most_spikes:,} spikes, but a channel "
            f"of the network carries at most {most} per step (its most_spikes), and further spikes "
            "are lost; a network trained on these data with `input_counts=auto` keeps them"
        )
    if late := check_in_time(network, events, measures=measures):
        _log.warning(f"remark[events-dropped]: {late}; a network with more steps keeps them")


def only_classes(samples: Sequence[int] | NDArray[np.integer]) -> str:
    """Number of classes with samples as text, e.g. `2 of 27 classes`; '' if all have samples.

    Args:
        samples: number of samples per class.
    """
    with_samples = np.count_nonzero(samples)
    return "" if with_samples == len(samples) else f"{with_samples} of {len(samples)} classes"

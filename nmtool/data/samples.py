"""`Samples`: labelled data as a network hears them, binned to its steps and channels."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmtool.data.events import SpikeEvents
from nmtool.data.fit import check_fit
from nmtool.data.grid import TIME_UNIT_FIX
from nmtool.errors import DataError, UsageError
from nmtool.integer_network import IntegerNetwork
from nmtool.network import Network
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

    raster: Raster
    label: NDArray[np.integer]

    def __repr__(self) -> str:
        return f"<Samples: {self.raster}>"

    def tables(self) -> list[Table]:
        """Its input spikes, and the number of samples by label."""
        counts = zip(*np.unique(self.label, return_counts=True), strict=True)
        labels = [(int(label), int(count)) for label, count in counts]
        return [*self.raster.tables(), Table("labels", ("label", "samples"), labels)]


MOSTLY = 0.5
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
    if not isinstance(events, SpikeEvents):
        raise UsageError(
            f"spike events are expected, not {type(events).__name__}",
            code="data-type",
            fix="pass a split of a data set, e.g. data.test, or SpikeEvents; binned.raster may do",
        )
    if not events.n_samples:
        raise DataError(
            "there is no sample in the data",
            code="split-empty",
            fix="choose a split that has samples",
        )
    check_fit(network, events)
    names = tuple(events.class_names), tuple(network.class_names)
    if names[0] != names[1] and not any(one.isdecimal() for one in (*names[0], *names[1])):
        _log.warning("the data name their classes otherwise than the network; numbers decide")
    binned = network.bin(events)
    late = (
        f"{binned.dropped:,} of the {events.n_events:,} events lie beyond the network's "
        f"{network.n_steps:,} steps of {network.dt_ms:g} ms"
    )
    if measures and binned.dropped > MOSTLY * events.n_events:
        raise DataError(
            late,
            code="events-mostly-dropped",
            why="an accuracy on what is left says nothing",
            fix=f"{TIME_UNIT_FIX}; else use a network of longer samples (of a NIR file: nmtool "
            "convert … --in-steps N; in Python: dataclasses.replace(network, n_steps=N))",
        )
    if binned.dropped:
        _log.warning(
            f"remark[events-dropped]: {late} and are dropped; one of longer samples hears them"
        )
    return Samples(binned.raster, events.label)

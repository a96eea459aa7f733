"""`torch_dataset`: spike events as a torch `Dataset`, for torch, tonic and snnTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from nmtool.data.binning import bin_events, check_most_in_bin
from nmtool.data.events import SpikeEvents
from nmtool.errors import UsageError, check_type
from nmtool.network.graph import MAX_SPIKES, check_timing
from nmtool.tables import counted

TONIC = np.dtype([("t", np.int64), ("x", np.int64), ("p", np.int64)])
"""Structured dtype of an event in tonic: time in µs, position, polarity."""


class EventDataset(Dataset):
    """A torch `Dataset` of spike events, made by `torch_dataset`.

    Attributes:
        sensor_size: (units, 1, 1), as in tonic's data sets.
        classes: names of the classes.
    """

    def __init__(
        self,
        events: SpikeEvents,
        grid: tuple[float, int, int, int] | None,
        transform: Callable[[Any], Any] | None,
    ) -> None:
        self._events, self._grid, self._transform = events, grid, transform
        self.sensor_size = (events.n_units, 1, 1)
        self.classes = list(events.class_names)

    def __len__(self) -> int:
        return self._events.n_samples

    def __repr__(self) -> str:
        n_units = self.sensor_size[0]
        return f"<EventDataset: {counted(len(self), 'sample')}, {counted(n_units, 'unit')}>"

    def __getitem__(self, index: int) -> tuple[Any, int]:
        events = self._events[int(index)]
        sample = self._dense(events) if self._grid else _structured(events)
        if self._transform is not None:
            sample = self._transform(sample)
        return sample, int(events.label[0])

    def _dense(self, events: SpikeEvents) -> torch.Tensor:
        """Bin the events of a sample to a tensor [steps, channels]."""
        assert self._grid is not None
        dt_ms, n_steps, group, most_spikes = self._grid
        binned = bin_events(events, dt_ms, n_steps, group, most_spikes=most_spikes)
        return torch.from_numpy(binned.raster.dense_counts()[0]).float()


def torch_dataset(
    events: SpikeEvents,
    dt_ms: float | None = None,
    n_steps: int | None = None,
    *,
    group: int = 1,
    most_spikes: int | None = None,
    transform: Callable[[Any], Any] | None = None,
) -> EventDataset:
    """A torch `Dataset` of (sample, label) pairs, the inverse of `SpikeEvents.from_torch`.

    >>> events = SpikeEvents.from_lists([[0.5, 3.2], [1.0]], [[0, 2], [1]], [0, 1])
    >>> sample, label = torch_dataset(events, dt_ms=1.0, n_steps=4)[0]
    >>> sample.shape, sample.nonzero().tolist(), label
    (torch.Size([4, 3]), [[0, 0], [3, 2]], 0)

    Args:
        events: the samples.
        dt_ms: length of a step in ms, to get float32 tensors [steps, channels]. Without it, samples
            are structured arrays with t (µs, rounded), x and p, for tonic's transforms; an event of
            several spikes is repeated.
        n_steps: steps of a sample, given together with `dt_ms`; later events are dropped.
        group: number of neighbouring units per channel.
        most_spikes: largest number of spikes of a channel in a step, 1 … 255; by default 255 if
            events have several spikes, else 1.
        transform: function applied to every sample, e.g. `tonic.transforms.ToFrame(…)`.

    Raises:
        UsageError: only one of `dt_ms` and `n_steps` is given, or `most_spikes` is out of range.
        NetworkError: `dt_ms` or `n_steps` is not positive.
    """
    check_type(events, SpikeEvents, "spike events", "pass a split of a data set, or SpikeEvents")
    if (dt_ms is None) != (n_steps is None):
        raise UsageError(
            "dt_ms and n_steps must be given together",
            code="grid-incomplete",
            fix="pass both for tensors, or neither for tonic's event arrays",
        )
    if dt_ms is None or n_steps is None:
        return EventDataset(events, None, transform)
    check_timing(dt_ms, n_steps)
    if most_spikes is None:
        most_spikes = MAX_SPIKES if events.has_counts else 1
    check_most_in_bin(most_spikes)
    return EventDataset(events, (dt_ms, n_steps, group, most_spikes), transform)


def _structured(events: SpikeEvents) -> NDArray:
    """Convert the events of a sample to a structured array of dtype `TONIC`, [spikes]."""
    records = np.zeros(events.n_events, TONIC)
    records["t"] = np.rint(events.time_ms * 1000.0)
    records["x"] = events.unit
    return np.repeat(records, events.event_counts())

"""Remarks on a data set: classes, channels and times that may not be as they were meant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from nmtool.data.dataset import Dataset
from nmtool.data.events import SpikeEvents
from nmtool.data.grid import END_PERCENTILE, TIME_UNIT_FIX, last_spike_ms, usual_end_ms
from nmtool.errors import Finding, NmtoolError, listed, printable
from nmtool.network.graph import count_inputs

MANY_SILENT = 0.1
"""Share of the inputs that is worth a word."""

SHOWN = 5
"""Classes that are named."""

LONG_MS, SHORT_MS = 20_000.0, 5.0
"""Samples that end later or sooner are rare, and mistaken units are not."""


def remarks(dataset: Dataset) -> Iterator[Finding]:
    """A finding for each thing that may not be as it was meant.

    >>> train = SpikeEvents.from_lists([[1.0], [60.0]], [[0], [1]], [1, 2])
    >>> [one.code for one in remarks(Dataset.of(train=train, test=train))]
    ['class-first-empty']

    Args:
        dataset: all of it is read.
    """
    if "train" in dataset.splits:
        yield from times(dataset.train)
        yield from channels(dataset.train)
        yield from classes(dataset)
    if "test" not in dataset.splits:
        yield Finding(
            "test-missing",
            "test",
            "there is no test split, on which accuracies are measured",
            "draw one: nmtool data IN -o FOLDER --test 0.2",
        )


def times(events: SpikeEvents) -> Iterator[Finding]:
    """Samples so long that their ms look like seconds, or so short that seconds look like ms."""
    last_ms = last_spike_ms(events)
    if not last_ms.size:
        return
    median = float(np.median(last_ms))
    if median > LONG_MS and median / 1000 >= SHORT_MS:
        yield Finding(
            "times-look-like-ms",
            "times",
            f"the median sample ends after {median / 1000:,.4g} s; if its numbers are of the next "
            f"smaller unit, it ends after {median / 1000:,.4g} ms",
            TIME_UNIT_FIX,
        )
    end_ms = usual_end_ms(last_ms)
    if 0 < end_ms < SHORT_MS:
        yield Finding(
            "times-look-like-seconds",
            "times",
            f"{END_PERCENTILE:g} % of the samples end within {end_ms:.4g} ms; were their numbers "
            f"s, within {1000 * end_ms:,.4g} ms",
            "where the file holds s for ms: `time_unit=s`, or in CSV a column time_s",
        )


def channels(events: SpikeEvents, group: int = 1) -> Iterator[Finding]:
    """Inputs that never spike.

    Args:
        events: the training samples.
        group: neighbouring units that share an input.
    """
    used = _used_units(events)
    n_inputs = count_inputs(events.n_units, group)
    n_silent = n_inputs - np.unique(used // group).size
    if used.size and n_silent > MANY_SILENT * n_inputs:
        highest = int(used[-1])
        fewer = highest + 1 <= (1 - MANY_SILENT) * events.n_units
        yield Finding(
            "channels-unused",
            "channels",
            f"{n_silent:,} of the {n_inputs:,} inputs never spike in training; the highest "
            f"channel that does is {highest} of 0 … {events.n_units - 1}",
            f"if there are only {highest + 1} channels, say so: `n_units={highest + 1}`, or "
            "n_units in the files"
            if fewer
            else "leave them out of the data, or let neighbours share an input: `group=N`",
        )


def _used_units(events: SpikeEvents) -> NDArray[np.int64]:
    """[used units] int64, ascending: units that have an event."""
    used = np.zeros(events.n_units, np.bool_)
    for part in events.batches():
        used[part.unit] = True
        if used.all():
            break
    return np.flatnonzero(used)


def classes(dataset: Dataset) -> Iterator[Finding]:
    """Classes without samples: in training, in a split of its own or drawn, or anywhere."""
    names = dataset.train.class_names
    if not dataset.train.n_samples:
        return
    labels = {split: labels_of(dataset, split) for split in dataset.splits}
    known = {
        split: _count(label, len(names)) for split, label in labels.items() if label is not None
    }
    rule = dataset.validation_rule
    # Of the last samples of a file, `split-unshuffled` tells.
    last = "validation" if rule is not None and rule.is_last else ""
    counts = {split: count for split, count in known.items() if split != last and count.any()}
    everywhere = np.sum(list(counts.values()), axis=0)
    from_1 = len(names) > 2 and not everywhere[0]
    if from_1:
        yield Finding(
            "class-first-empty",
            "labels",
            f"class 0, '{printable(names[0])}', has no sample",
            "where labels count from 1: nmtool data IN -o FOLDER --labels-from 1",
        )
    for split, count in counts.items():
        missing = np.flatnonzero((count == 0) & (everywhere > 0))
        if missing.size:
            yield Finding(
                "class-missing",
                split,
                f"the {split} split has no sample of {_few(missing, names)}",
                "add samples of them"
                if split != "validation" or rule is None
                else "hold out more: `validation=N`",
            )
    total = np.sum(list(known.values()), axis=0)
    if np.count_nonzero(total) == 1 and len(known) == len(labels):
        yield Finding(
            "class-single",
            "labels",
            f"all samples are of the class '{printable(names[int(np.argmax(total))])}'",
            "look at the labels: there is nothing to tell apart",
        )
    nowhere = np.flatnonzero(total == 0)
    nowhere = nowhere[nowhere > 0] if from_1 else nowhere
    if nowhere.size and len(known) == len(labels):
        yield Finding(
            "class-missing",
            "labels",
            f"no split has a sample of {_few(nowhere, names)}",
            "add samples of them, or leave them out of the names of the classes",
        )


def _few(missing: NDArray[np.integer], names: Sequence[str]) -> str:
    few = listed((names[one] for one in missing), SHOWN, quote="'")
    return f"{missing.size} of the {len(names)} classes: {few}"


def _count(label: NDArray[np.integer], n_classes: int) -> NDArray[np.int64]:
    """[classes] int64 samples of each class; labels beyond them are passed over."""
    return np.bincount(label[(label >= 0) & (label < n_classes)], minlength=n_classes)


def labels_of(dataset: Dataset, split: str) -> NDArray[np.integer] | None:
    """Labels of a split, of which training needs no spikes: None where they cannot be read."""
    try:
        return dataset.train.label if split == "train" else dataset.labels(split)
    except NmtoolError:
        return None

"""Remarks on a data set: classes, channels and times that look wrong."""

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
"""Share of silent channels above which there is a remark."""

SHOWN = 5
"""Largest number of classes listed by name."""

LONG_MS, SHORT_MS = 20_000.0, 5.0
"""Limits of plausible durations; a duration beyond them suggests a wrong unit of time."""


def remarks(dataset: Dataset) -> Iterator[Finding]:
    """Yield a finding for each property of a data set that looks wrong.

    >>> train = SpikeEvents.from_lists([[1.0], [60.0]], [[0], [1]], [1, 2])
    >>> [finding.code for finding in remarks(Dataset.of(train=train, test=train))]
    ['class-first-empty']

    Args:
        dataset: the data set, which is read completely.
    """
    if "train" in dataset.splits:
        yield from time_findings(dataset.train)
        yield from channel_findings(dataset.train)
        yield from class_findings(dataset)
    if "test" not in dataset.splits:
        yield Finding(
            "test-missing",
            "test",
            "there is no test split to measure accuracy on",
            "draw one: nmtool data IN -o FOLDER --test 0.2",
        )


def time_findings(events: SpikeEvents) -> Iterator[Finding]:
    """Find durations that suggest a wrong unit of time: ms read as seconds, or seconds as ms."""
    last_ms = last_spike_ms(events)
    if not last_ms.size:
        return
    median = float(np.median(last_ms))
    smaller = [factor for factor in (1000, 1_000_000) if median / factor >= SHORT_MS]
    if median > LONG_MS and smaller:
        factor = next((factor for factor in smaller if median / factor <= LONG_MS), smaller[-1])
        yield Finding(
            "times-look-like-ms",
            "times",
            f"the median sample ends after {median / 1000:,.4g} s; if the file gives times in a "
            f"unit that is {factor:,} times smaller, the sample ends after "
            f"{median / factor:,.4g} ms",
            TIME_UNIT_FIX,
        )
    end_ms = usual_end_ms(last_ms)
    if 0 < end_ms < SHORT_MS:
        yield Finding(
            "times-look-like-seconds",
            "times",
            f"{END_PERCENTILE:g} % of the samples end within {end_ms:.4g} ms; if times are in s, "
            f"they end within {1000 * end_ms:,.4g} ms",
            "if the times are in s, not in ms, name the column time_s, or multiply them by 1000",
        )


def channel_findings(events: SpikeEvents, group: int = 1) -> Iterator[Finding]:
    """Find input channels that never spike, if there are many of them.

    Args:
        events: the training samples.
        group: number of neighbouring units that share an input.
    """
    used = _used_units(events)
    n_inputs = count_inputs(events.n_units, group)
    n_silent = n_inputs - np.unique(used // group).size
    if used.size and n_silent > MANY_SILENT * n_inputs:
        highest = int(used[-1])
        last_are_silent = highest + 1 <= (1 - MANY_SILENT) * events.n_units
        yield Finding(
            "channels-unused",
            "channels",
            f"{n_silent:,} of the {n_inputs:,} inputs never spike in training; of the channels 0 "
            f"… {events.n_units - 1}, the last one that spikes is {highest}",
            f"if there are only {highest + 1} channels, set `n_units={highest + 1}`, or the "
            "attribute n_units of the files"
            if last_are_silent
            else "leave silent channels out of the data, or group neighbours: `group=N`",
        )


def _used_units(events: SpikeEvents) -> NDArray[np.int64]:
    """[used units] int64, ascending: units with at least one event."""
    used = np.zeros(events.n_units, np.bool_)
    for part in events.batches():
        used[part.unit] = True
        if used.all():
            break
    return np.flatnonzero(used)


def class_findings(dataset: Dataset) -> Iterator[Finding]:
    """Find classes without samples in one split or in all splits."""
    names = dataset.train.class_names
    if not dataset.train.n_samples:
        return
    labels = {split: labels_of(dataset, split) for split in dataset.splits}
    class_counts = {
        split: _count_by_class(label, len(names))
        for split, label in labels.items()
        if label is not None
    }
    rule = dataset.validation_rule
    # If the validation split consists of the last samples of a file, the remark `split-unshuffled`
    # covers its missing classes.
    last = "validation" if rule is not None and rule.is_last else ""
    counts = {
        split: count for split, count in class_counts.items() if split != last and count.any()
    }
    everywhere = np.sum(list(counts.values()), axis=0)
    counts_from_1 = len(names) > 2 and not everywhere[0]
    if counts_from_1:
        yield Finding(
            "class-first-empty",
            "labels",
            f"class 0, '{printable(names[0])}', has no sample",
            "if labels count from 1, subtract 1 from all of them",
        )
    for split, count in counts.items():
        missing = np.flatnonzero((count == 0) & (everywhere > 0))
        if missing.size:
            yield Finding(
                "class-missing",
                split,
                f"the {split} split has no sample of {_listed_classes(missing, names)}",
                "add samples of these classes"
                if split != "validation" or rule is None
                else "draw a larger validation split: `validation=N`",
            )
    total = np.sum(list(class_counts.values()), axis=0)
    if np.count_nonzero(total) == 1 and len(class_counts) == len(labels):
        yield Finding(
            "class-single",
            "labels",
            f"all samples are of the class '{printable(names[int(np.argmax(total))])}'",
            "check the labels: with a single class there is nothing to classify",
        )
    in_no_split = np.flatnonzero(total == 0)
    in_no_split = in_no_split[in_no_split > 0] if counts_from_1 else in_no_split
    if in_no_split.size and len(class_counts) == len(labels):
        yield Finding(
            "class-missing",
            "labels",
            f"no split has a sample of {_listed_classes(in_no_split, names)}",
            "add samples of these classes, or remove them from the class names",
        )


def _listed_classes(missing: NDArray[np.integer], names: Sequence[str]) -> str:
    """Text with the number and the names of missing classes."""
    listed_names = listed((names[index] for index in missing), SHOWN, quote="'")
    return f"{missing.size} of the {len(names)} classes: {listed_names}"


def _count_by_class(label: NDArray[np.integer], n_classes: int) -> NDArray[np.int64]:
    """[classes] int64: number of samples per class; labels beyond the classes are ignored."""
    return np.bincount(label[(label >= 0) & (label < n_classes)], minlength=n_classes)


def labels_of(dataset: Dataset, split: str) -> NDArray[np.integer] | None:
    """Read the labels of a split, if possible without its spikes; None if they cannot be read."""
    try:
        return dataset.train.label if split == "train" else dataset.labels(split)
    except NmtoolError:
        return None

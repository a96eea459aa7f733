"""Shoulder exercises, recorded by a smartwatch, as spikes: `python -m benchmarks.watch FOLDER`.

No setting of nmtool was chosen on this data set, so it shows how good the defaults are on a user's
own data. The recordings come with seglearn (BSD licence): 10 people do 7 exercises, 20 times each.
A watch on the wrist records acceleration and rotation in three directions, 50 times a second (Burns
et al. 2018, doi:10.1088/1361-6579/aacfd9).

A sample is 2.56 s long, and samples do not overlap. Each of the six signals has 16 channels, one
per range of its value; all ranges are equally frequent in the training split. Every 40 ms the
channel of the current value spikes. People 1 to 6 are the training split, 7 and 8 the validation
split, 9 and 10 the test split.

    pip install seglearn
    python -m benchmarks.watch watch
    nmtool train watch -o run
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import util
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.data import Dataset, SpikeEvents
from nmtool.data.incoming import write_dataset
from nmtool.errors import MissingError

SAMPLE_ROWS, EVERY, ROW_MS = 128, 2, 20.0
"""Rows of a sample; distance between spikes of a signal, in rows; duration of a row in ms."""

RANGES = 16
"""Number of ranges of values of a signal, each of which has a channel."""

SUBJECTS = {"train": (1, 2, 3, 4, 5, 6), "validation": (7, 8), "test": (9, 10)}


def watch() -> Dataset:
    """Convert the recordings to events, in three splits with different people.

    Raises:
        MissingError: seglearn is not installed.
    """
    data = _recordings()
    windows, series = _windows(data["X"])
    subject = np.asarray(data["subject"], np.int64)[series]
    label = np.asarray(data["y"], np.int64)[series]
    training = windows[np.isin(subject, SUBJECTS["train"])]
    shares = np.linspace(0, 1, RANGES + 1)[1:-1]
    limits = np.quantile(training.reshape(-1, windows.shape[2]), shares, axis=0)

    def events_of(split: str) -> SpikeEvents:
        """Convert the samples of a split to events."""
        chosen = np.isin(subject, SUBJECTS[split])
        return _events(windows[chosen], limits, label[chosen], subject[chosen], data["y_labels"])

    return Dataset.of(
        train=events_of("train"), validation=events_of("validation"), test=events_of("test")
    )


def _recordings() -> dict[str, Any]:
    """Load recordings, labels and people, by name, with `seglearn.datasets.load_watch`."""
    package = util.find_spec("seglearn")
    if package is None or package.origin is None:
        raise MissingError(
            "the recordings come with seglearn, which is not installed",
            code="library-missing",
            fix="pip install seglearn",
        )
    file = Path(package.origin).parent / "data" / "watch_dataset.npy"
    content: dict[str, Any] = np.load(file, allow_pickle=True).item()
    return content


def _windows(
    series: Sequence[NDArray[np.float64]],
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Cut recordings, each [rows, signals], into samples.

    Returns:
        Samples [samples, rows, signals], and the index of each sample's recording, [samples].
    """
    counts = [len(rows) // SAMPLE_ROWS for rows in series]
    samples = [
        rows[: count * SAMPLE_ROWS].reshape(count, SAMPLE_ROWS, -1)
        for rows, count in zip(series, counts, strict=True)
    ]
    return np.concatenate(samples), np.repeat(np.arange(len(series)), counts)


def _events(
    windows: NDArray[np.float64],
    limits: NDArray[np.float64],
    label: NDArray[np.int64],
    subject: NDArray[np.int64],
    names: Sequence[str],
) -> SpikeEvents:
    """Convert samples to events.

    Args:
        windows: [samples, rows, signals], the samples.
        limits: [15, signals], values that separate the channels of a signal.
        label, subject: [samples] int64, class and person of each sample.
        names: names of the classes.
    """
    rows = windows[:, ::EVERY]
    n_signals = rows.shape[2]
    range_index = np.stack(
        [
            np.searchsorted(limits[:, signal], rows[:, :, signal], side="right")
            for signal in range(n_signals)
        ],
        axis=2,
    )
    unit = (range_index + RANGES * np.arange(n_signals)).reshape(len(rows), -1)
    time_ms = np.repeat(np.arange(rows.shape[1]) * (EVERY * ROW_MS), n_signals)
    return SpikeEvents.from_lists(
        [time_ms] * len(rows),
        list(unit),
        label,
        n_units=RANGES * n_signals,
        class_names=list(names),
        groups={"subject": subject},
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.watch",
        description="Write recordings of a smartwatch as a data set of spikes.",
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="data set to write")
    folder = parser.parse_args(arguments).folder
    for file in write_dataset(watch(), folder, folder.name):
        print(file)
    return 0


if __name__ == "__main__":
    sys.exit(main())

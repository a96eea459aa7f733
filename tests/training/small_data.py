"""A data set of a few samples that a few neurons can learn, for the tests of the trainer."""

from __future__ import annotations

from typing import Any

import numpy as np

from nmtool.data import Dataset, SpikeEvents
from nmtool.training.options import TrainOptions

N_UNITS = 9
CLASSES = ("low", "middle", "high")
EMPTY = 4
"""A sample without events."""


def small_events(n_samples: int, seed: int, most_spikes: int = 1) -> SpikeEvents:
    """Samples of a class spike on a third of the units, and rarely on the others.

    Args:
        n_samples: number of samples.
        seed: seed of the samples.
        most_spikes: largest number of spikes of an event.
    """
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 3, n_samples)
    counts = rng.integers(6, 12, n_samples)
    if n_samples > EMPTY:
        counts[EMPTY] = 0
    total = int(counts.sum())
    own = 3 * np.repeat(label, counts) + rng.integers(0, 3, total)
    unit = np.where(rng.random(total) < 0.8, own, rng.integers(0, N_UNITS, total))
    offset = np.concatenate(([0], np.cumsum(counts)))
    time = rng.uniform(0, 55, total)
    sample = np.repeat(np.arange(n_samples), counts)
    order = np.lexsort((time, sample))
    count = None if most_spikes == 1 else rng.integers(1, most_spikes + 1, total)
    return SpikeEvents(time[order], unit, offset, label, N_UNITS, CLASSES, count=count)


def small_dataset(n_train: int = 40, most_spikes: int = 1) -> Dataset:
    """Training and validation samples, whose events have up to `most_spikes` spikes."""
    splits = {
        "train": small_events(n_train, 1, most_spikes),
        "validation": small_events(20, 2, most_spikes),
    }
    return Dataset("small", tuple(splits), splits.__getitem__)


def small_options(**settings: Any) -> TrainOptions:
    """Settings under which `small_dataset` is learnt within seconds."""
    base = {
        "hidden": 12,
        "dt_ms": 2.0,
        "steps": 30,
        "max_delay": 12,
        "epochs": 4,
        "batch_size": 16,
        "lr": 0.01,
        "delay_lr": 3.0,
        "init_rate": 2.0,
        "rate": 3.0,
        "shift": 1,
        "stretch": 0.1,
    }
    return TrainOptions().with_settings(base | settings, "test")


def without_seconds(log: list[dict]) -> list[dict]:
    """A run's log without entries that differ between runs."""
    return [{k: v for k, v in entry.items() if k != "seconds"} for entry in log]

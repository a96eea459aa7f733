"""Artificial data sets in the layout of the published sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nmtool as nm
from benchmarks.large import CLASSES, SIZES, UNITS, write_artificial_data


@pytest.mark.parametrize("name", list(SIZES))
def test_artificial_files_are_data_sets_in_the_published_layout(name: str, tmp_path: Path) -> None:
    write_artificial_data(tmp_path / name, name, events=40, share=0.002)
    data = nm.load_dataset(tmp_path / name, n_units=UNITS)
    words = {"train": "train", "valid": "validation", "test": "test"}
    for split, samples in SIZES[name].items():
        events = data.split(words[split])
        assert events.n_samples == round(0.002 * samples)
        assert len(events.class_names) == CLASSES[name]
        assert 20 <= events.counts.mean() <= 60
        assert np.nanmax(events.last_ms) < 1000.0

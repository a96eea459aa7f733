"""The recordings of a smartwatch as a data set, tested with artificial recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nmtool as nm
from benchmarks import watch
from nmtool.errors import MissingError
from tests.refusals import refused

N_ROWS = 2 * watch.SAMPLE_ROWS + 50


@pytest.fixture
def _recordings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Artificial series, one per person, with signals of different periods."""
    rng = np.random.default_rng(0)
    content = {
        "X": [rng.normal(size=(N_ROWS, 6)) for _ in range(10)],
        "y": [person % 2 for person in range(10)],
        "subject": range(1, 11),
        "y_labels": ["rise", "row"],
    }
    monkeypatch.setattr(watch, "_recordings", lambda: content)


@pytest.mark.usefixtures("_recordings")
def test_people_are_in_one_split_and_every_signal_spikes_every_40_ms(tmp_path: Path) -> None:
    assert watch.main([str(tmp_path / "watch")]) == 0
    data = nm.load_dataset(tmp_path / "watch")
    for split, people in watch.SUBJECTS.items():
        events = data.filled_split(split)
        assert events.n_samples == 2 * len(people)
        assert set(events.groups["subject"]) == set(people)
        assert (events.counts == 64 * 6).all()
        assert set(np.unique(events.time_ms)) == {40.0 * n for n in range(64)}
    used = np.bincount(data.train.unit, minlength=96)
    assert used.size == 96
    assert used.min() > 0.5 * used.mean()


def test_missing_seglearn_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with refused(MissingError, "library-missing"):
        watch.watch()

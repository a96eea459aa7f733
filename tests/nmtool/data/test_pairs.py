"""Pairs of samples and classes: tonic's events, dense arrays, batches of loaders."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nmtool.data import Dataset, SpikeEvents
from nmtool.data.tonic_sets import read_tonic
from nmtool.errors import DataError, UsageError
from tests.refusals import refused

DENSE = np.zeros((4, 5, 3), np.float32)
DENSE[[0, 0, 2, 3], [0, 4, 1, 1], [2, 0, 1, 1]] = 1
CAMERA = np.dtype([("x", np.int16), ("y", np.int16), ("t", np.int64), ("p", bool)])
COCHLEA = np.dtype([("t", int), ("x", int), ("p", int)])


class Recordings:
    """A data set with the interface of tonic's."""

    def __init__(self, samples: list, classes: Any, sensor_size: Any = (4, 3, 2)) -> None:
        self.samples, self.sensor_size = samples, sensor_size
        if classes is not None:
            self.classes = classes

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Any:
        return self.samples[index]


def camera(*rows: tuple) -> np.ndarray:
    return np.array(list(rows), CAMERA)


def test_pixels_and_polarities_become_units() -> None:
    sample = camera((3, 0, 1500, False), (0, 2, 2000, False), (3, 2, 2500, True))
    events = read_tonic(Recordings([(sample, 1)], ["a", "b"]), "X")
    assert events.unit.tolist() == [3, 8, 3 + 4 * (2 + 3 * 1)]
    assert events.time_ms.tolist() == [1.5, 2.0, 2.5]
    assert events.n_units == 24
    assert (events.label.tolist(), events.class_names) == ([1], ("a", "b"))


def test_a_single_polarity_does_not_change_units() -> None:
    sample = np.array([(0, 5, 1), (1, 699, 1)], COCHLEA)
    events = read_tonic(Recordings([(sample, np.int64(0))], [b"a"], (700, 1, 1)), "X")
    assert events.unit.tolist() == [5, 699]
    assert (events.n_units, events.class_names) == (700, ("a",))


def test_missing_rows_are_row_0() -> None:
    sample = np.array([(0, 1, 1)], COCHLEA)
    events = read_tonic(Recordings([(sample, 0)], ["a"], (4, 3, 2)), "X")
    assert events.unit.tolist() == [1 + 4 * (0 + 3 * 1)]


def test_events_are_sorted_by_time_in_a_stable_order() -> None:
    x = np.random.default_rng(0).permutation(100)
    rows = [(3000 - 2000 * (i % 2), unit, 1) for i, unit in enumerate(x)]
    events = read_tonic(Recordings([(np.array(rows, COCHLEA), 0)], ["a"], (100, 1, 1)), "X")
    assert events.time_ms.tolist() == [1.0] * 50 + [3.0] * 50
    assert events.unit.tolist() == [*x[1::2], *x[::2]]


def test_samples_may_be_empty() -> None:
    events = read_tonic(Recordings([(camera(), 0), (camera((0, 0, 1, 0)), 0)], ["a"]), "X")
    assert events.counts.tolist() == [0, 1]
    assert read_tonic(Recordings([], ["a"]), "X").n_samples == 0


@pytest.mark.parametrize(
    ("classes", "target", "label"),
    [
        (["dog", "cat"], "cat", 1),
        (["dog", "cat"], b"cat", 1),
        ({"cat": 1, "dog": 0}, np.uint8(1), 1),
        (np.array([b"dog", b"cat"]), np.array(1), 1),
    ],
)
def test_targets_by_number_and_by_name(classes: Any, target: Any, label: int) -> None:
    events = read_tonic(Recordings([(camera(), target)], classes), "X")
    assert events.label.tolist() == [label]
    assert events.class_names == ("dog", "cat")


def test_a_class_map_names_the_classes() -> None:
    data = Recordings([(camera(), 1)], None)
    data.class_map = {"o": 1, "z": 0}  # type: ignore[attr-defined]
    assert read_tonic(data, "X").class_names == ("z", "o")


@pytest.mark.parametrize(
    ("data", "code", "word"),
    [
        (Recordings([], ["a"], None), "sensor-size-missing", "X: "),
        (Recordings([], None), "classes-missing", "X: "),
        (Recordings([(camera((4, 0, 0, 0)), 0)], ["a"]), "positions-range", "X: sample 0: the x"),
        (
            Recordings([(camera(), 0), (camera((0, -1, 0, 0)), 0)], ["a"]),
            "positions-range",
            "X: sample 1: the y",
        ),
        (
            Recordings([(np.array([(0, 0, 2)], COCHLEA), 0)], ["a"]),
            "positions-range",
            "X: sample 0: the p",
        ),
        (
            Recordings([(camera((0, 0, -1, 0)), 0)], ["a"]),
            "times-negative",
            "X: sample 0, event 0: the time -0.001 ms",
        ),
        (Recordings([(camera(), "cow")], ["a"]), "target-not-class", "X: sample 0"),
        (Recordings([(camera(), [1, 2])], ["a"]), "target-not-class", "X: sample 0"),
        (Recordings([(camera(), 1)], ["a"]), "labels-range", "X: sample 0: label 1"),
        (Recordings([(np.zeros(3), 0)], ["a"]), "sample-not-events", "X: sample 0"),
        (Recordings([((camera(), camera()), 0)], ["a"]), "sample-not-events", "X: sample 0"),
        (Recordings([0], ["a"]), "sample-unreadable", "X: item 0"),
    ],
)
def test_data_sets_without_classes_are_refused(data: Recordings, code: str, word: str) -> None:
    with refused(DataError, code) as caught:
        read_tonic(data, "X")
    assert word in caught.value.what


# Tests of data sets of torch


class Pairs:
    """A map-style data set like torch's."""

    classes = ("no", "yes")

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        return DENSE[index], index % 2


def test_dense_pairs() -> None:
    expected = SpikeEvents.from_dense(DENSE, [0, 1, 0, 1], dt_ms=2.0)
    for source in (Pairs(), list(Pairs()), (pair for pair in Pairs())):
        events = SpikeEvents.from_torch(source, dt_ms=2.0)
        assert events.time_ms.tolist() == expected.time_ms.tolist()
        assert events.unit.tolist() == expected.unit.tolist()
        assert events.offset.tolist() == expected.offset.tolist()
        assert events.label.tolist() == [0, 1, 0, 1]
    assert SpikeEvents.from_torch(Pairs()).class_names == ("no", "yes")


@pytest.mark.parametrize("time_first", [False, True])
def test_batches_of_a_loader_are_read(time_first: bool) -> None:
    batch = DENSE.swapaxes(0, 1) if time_first else DENSE
    loader = [(batch, np.array([0, 1, 0, 1]))] * 2
    events = SpikeEvents.from_torch(loader, time_first=time_first)
    assert events.n_samples == 8
    assert events.n_events == 8
    with refused(DataError, "batch-shape"):
        SpikeEvents.from_torch(loader, time_first=not time_first)


def test_structured_pairs() -> None:
    sample = np.array([(3, 2, 2500, True), (3, 0, 1500, False)], CAMERA)
    events = SpikeEvents.from_tonic([(sample, "b"), (sample[:0], "a")], sensor_size=(4, 3, 2))
    assert events.unit.tolist() == [3, 3 + 4 * (2 + 3)]
    assert events.time_ms.tolist() == [1.5, 2.5]
    assert (events.n_units, events.class_names, events.label.tolist()) == (24, ("a", "b"), [1, 0])
    assert SpikeEvents.from_torch([(sample[["t", "x"]], 0)], n_units=5).n_units == 5


@pytest.mark.parametrize(
    ("source", "kind", "code"),
    [
        (3, UsageError, "data-type"),
        ([DENSE[0]], DataError, "sample-unreadable"),
        ([(np.zeros((3, 2)), 0), (np.zeros((3, 4)), 0)], DataError, "samples-channels-differ"),
        ([(np.zeros(3), 0)], DataError, "sample-not-events"),
        ([("word", 0)], DataError, "sample-not-events"),
        ([(np.zeros((3, 2)), {"box": 1})], DataError, "target-not-class"),
        ([(np.zeros(0, CAMERA), 0)], DataError, "sensor-size-missing"),
    ],
)
def test_objects_that_are_not_data_sets_are_refused(source: Any, kind: Any, code: str) -> None:
    with refused(kind, code):
        SpikeEvents.from_torch(source)


def test_splits_of_torch() -> None:
    data = Dataset.from_torch(train=Pairs(), test=list(Pairs())[:1], dt_ms=2.0, class_names="ab")
    assert (data.splits, data.test.class_names) == (("train", "test"), ("a", "b"))
    numbered = Dataset.from_torch(train=list(Pairs())[:1], validation=list(Pairs()))
    assert numbered.train.class_names == ("0", "1")
    assert numbered.validation is not None
    assert numbered.validation.n_samples == 4
    with refused(DataError, "events-differ"):
        Dataset.from_torch(train=Pairs(), test=[(np.eye(4), 0)])

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nmtool.data.flatten import flatten
from nmtool.errors import DataError
from tests.refusals import refused

CAMERA = np.dtype([("x", np.int16), ("y", np.int16), ("t", np.int64), ("p", bool)])
COCHLEA = np.dtype([("t", int), ("x", int), ("p", int)])


class Recordings:
    """What a data set of tonic looks like from outside."""

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
    events = flatten(Recordings([(sample, 1)], ["a", "b"]), "X")
    assert events.unit.tolist() == [3, 8, 3 + 4 * (2 + 3 * 1)]
    assert events.time_ms.tolist() == [1.5, 2.0, 2.5]
    assert events.n_units == 24
    assert (events.label.tolist(), events.class_names) == ([1], ("a", "b"))


def test_a_single_polarity_counts_for_nothing() -> None:
    sample = np.array([(0, 5, 1), (1, 699, 1)], COCHLEA)
    events = flatten(Recordings([(sample, np.int64(0))], [b"a"], (700, 1, 1)), "X")
    assert events.unit.tolist() == [5, 699]
    assert (events.n_units, events.class_names) == (700, ("a",))


def test_missing_rows_are_row_0() -> None:
    sample = np.array([(0, 1, 1)], COCHLEA)
    events = flatten(Recordings([(sample, 0)], ["a"], (4, 3, 2)), "X")
    assert events.unit.tolist() == [1 + 4 * (0 + 3 * 1)]


def test_events_are_put_in_order_of_time_and_else_left_as_they_are() -> None:
    x = np.random.default_rng(0).permutation(100)
    rows = [(3000 - 2000 * (i % 2), unit, 1) for i, unit in enumerate(x)]
    events = flatten(Recordings([(np.array(rows, COCHLEA), 0)], ["a"], (100, 1, 1)), "X")
    assert events.time_ms.tolist() == [1.0] * 50 + [3.0] * 50
    assert events.unit.tolist() == [*x[1::2], *x[::2]]


def test_samples_may_be_empty() -> None:
    events = flatten(Recordings([(camera(), 0), (camera((0, 0, 1, 0)), 0)], ["a"]), "X")
    assert events.counts.tolist() == [0, 1]
    assert flatten(Recordings([], ["a"]), "X").n_samples == 0


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
    events = flatten(Recordings([(camera(), target)], classes), "X")
    assert events.label.tolist() == [label]
    assert events.class_names == ("dog", "cat")


def test_a_class_map_names_the_classes() -> None:
    data = Recordings([(camera(), 1)], None)
    data.class_map = {"o": 1, "z": 0}  # type: ignore[attr-defined]
    assert flatten(data, "X").class_names == ("z", "o")


@pytest.mark.parametrize(
    ("data", "code", "named"),
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
def test_what_is_no_classification_task_is_refused(data: Recordings, code: str, named: str) -> None:
    with refused(DataError, code) as caught:
        flatten(data, "X")
    assert named in caught.value.what

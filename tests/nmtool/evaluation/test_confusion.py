"""`Confusion`: counts by class, and shares, which may be undefined."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

import nmtool as nm
from nmtool.evaluation.confusion import Confusion, accuracy_interval, interval_text
from tests.nmtool.cli import cases

LABELS = np.array([0, 0, 0, 1, 1, 2])
PREDICTIONS = np.array([0, 1, 1, 1, 0, 1])
CONFUSION = Confusion.of(LABELS, PREDICTIONS, ["a", "b", "c", "d"])


def test_counts_and_shares() -> None:
    assert CONFUSION.counts.tolist() == [[1, 2, 0, 0], [1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]]
    assert CONFUSION.accuracy == 2 / 6
    assert CONFUSION.class_accuracy[:3].tolist() == [1 / 3, 1 / 2, 0.0]
    assert CONFUSION.class_precision[:2].tolist() == [1 / 2, 1 / 4]
    assert [CONFUSION.most_confused(label) for label in range(4)] == [1, 0, 1, None]


def test_undefined_shares_are_none() -> None:
    facts = CONFUSION.as_json()
    assert facts["class_accuracy"] == [1 / 3, 1 / 2, 0.0, None]
    assert facts["class_precision"] == [1 / 2, 1 / 4, None, None]
    nothing = np.zeros(0, np.int64)
    assert Confusion.of(nothing, nothing, ["a"]).as_json()["accuracy"] is None


def test_intervals_of_accuracies() -> None:
    # scipy computed the expected intervals:
    # scipy.stats.binomtest(k, n).proportion_ci(method="wilson").
    assert accuracy_interval(8 / 10, 10) == pytest.approx((0.49016248, 0.94331782))
    assert accuracy_interval(0.0, 3) == pytest.approx((0.0, 0.56149703))
    assert interval_text(268 / 300, 300) == "85.3 … 92.3 %"


def test_tables() -> None:
    classes, matrix = CONFUSION.tables()
    assert classes.rows[0] == ("a", 3, "33.33%", "50.00%", "b (2)")
    assert classes.rows[3] == ("d", 0, "", "", "")
    assert matrix.rows[1] == ("b", 1, 1, 0, 0)


@given(st.integers(1, 9), st.data())
def test_every_sample_is_counted_once(n_classes: int, data: st.DataObject) -> None:
    classes = st.integers(0, n_classes - 1)
    pairs = data.draw(st.lists(st.tuples(classes, classes), max_size=40))
    labels = np.array([label for label, _ in pairs], np.int64)
    predictions = np.array([prediction for _, prediction in pairs], np.int64)
    confusion = Confusion.of(labels, predictions, [str(index) for index in range(n_classes)])
    for label in range(n_classes):
        for prediction in range(n_classes):
            assert confusion.counts[label, prediction] == pairs.count((label, prediction))
    right = sum(label == prediction for label, prediction in pairs)
    assert np.trace(confusion.counts) == right


def test_evaluations_have_a_confusion_matrix() -> None:
    evaluation = nm.evaluate(cases.integer_network(), cases.spike_events(6, 2))
    assert evaluation.confusion is not None
    assert evaluation.confusion.accuracy == evaluation.accuracy
    assert evaluation.confusion.counts.sum(axis=1).tolist() == [3, 3]
    assert tuple(evaluation.confusion.class_names) == cases.CLASSES

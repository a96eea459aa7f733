"""The choice of the best epoch."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from nmtool.training.loop.selection import (
    best_epoch,
    candidates,
    final_score,
    out_of_patience,
    scores,
)

Accuracies = st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), min_size=1, max_size=8)


def _log(validation: list[float], **more: object) -> list[dict]:
    return [
        {"epoch": epoch, "train_accuracy": 0.0, "validation_accuracy": accuracy, **more}
        for epoch, accuracy in enumerate(validation, start=1)
    ]


@given(Accuracies)
def test_of_equal_epochs_the_last_is_the_best(accuracies: list[float]) -> None:
    best = best_epoch(_log(accuracies))["epoch"]
    assert accuracies[best - 1] == max(accuracies)
    assert all(accuracy < max(accuracies) for accuracy in accuracies[best:])


def test_training_accuracy_counts_without_validation() -> None:
    log = [
        {"epoch": epoch, "train_accuracy": accuracy, "validation_accuracy": None}
        for epoch, accuracy in ((1, 0.9), (2, 0.8))
    ]
    assert scores(log) == [0.9, 0.8]
    assert best_epoch(log)["epoch"] == 1


def test_a_score_is_the_mean_over_the_epochs_before() -> None:
    log = _log([1.0, 0.5, 0.75, 0.25])
    assert scores(log, 2) == [1.0, 0.75, 0.625, 0.5]
    assert scores(log, 9) == [1.0, 0.75, 0.75, 0.625]


def test_one_lucky_epoch_is_not_the_best() -> None:
    log = _log([0.5, 0.9, 0.5, 0.8, 0.8])
    assert best_epoch(log)["epoch"] == 2
    assert best_epoch(log, 2)["epoch"] == 5


@given(Accuracies, Accuracies, st.integers(1, 4))
def test_epochs_before_the_end_of_pruning_do_not_count(
    before: list[float], after: list[float], judge_epochs: int
) -> None:
    pruned = _log(after, pruned=True)
    log = [*_log(before, pruned=False), *pruned]
    assert candidates(log) == pruned
    assert scores(log, judge_epochs) == scores(pruned, judge_epochs)


def test_accuracy_with_settled_scales_overrides_that_of_the_epoch() -> None:
    log = _log([0.5, 0.9, 0.8])
    assert final_score(log) == 0.9
    log[1]["settled_accuracy"] = None
    assert final_score(log) == 0.9
    log[1]["settled_accuracy"] = 0.6
    assert final_score(log) == 0.6
    assert best_epoch(log)["epoch"] == 2


@pytest.mark.parametrize(
    ("scores", "patience", "enough"),
    [
        ([], 1, False),
        ([0.5], 1, False),
        ([0.5, 0.4], 1, True),
        ([0.5, 0.4], 2, False),
        ([0.5, 0.6, 0.6, 0.6], 2, True),
        ([0.5, 0.4, 0.6], 2, False),
        ([0.9, 0.4, 0.6, 0.7], 3, True),
    ],
)
def test_patience(scores: list[float], patience: int, enough: bool) -> None:
    assert out_of_patience(scores, patience) is enough

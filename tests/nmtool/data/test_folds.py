"""`Folds`: whole groups, every sample in one fold, the same from the same seed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from nmtool.data import Dataset, SpikeEvents
from nmtool.data.folds import Folds, group_of, grouping, joined, without_fold
from nmtool.errors import DataError, UsageError
from tests.refusals import refused


def samples(group: Any, first: int = 0) -> SpikeEvents:
    """A sample per entry of a column `speaker`, each with a time of its own."""
    n = len(group)
    times = [[float(first + sample)] for sample in range(n)]
    return SpikeEvents.from_lists(
        times, [[0]] * n, [0] * n, n_units=1, class_names=["one"], groups={"speaker": group}
    )


@given(
    st.lists(st.integers(-3, 9), min_size=2, max_size=60).filter(lambda g: len(set(g)) > 1),
    st.data(),
)
def test_groups_stay_whole_and_no_fold_is_empty(group: list[int], data: st.DataObject) -> None:
    n = data.draw(st.one_of(st.none(), st.integers(2, len(set(group)))))
    fold = Folds("speaker", n, seed=3).assign(samples(group))
    assert set(fold) == set(range(len(set(group)) if n is None else n))
    for value in set(group):
        assert len(set(fold[np.array(group) == value])) == 1
    sizes, largest = np.bincount(fold), max(map(group.count, group))
    assert sizes.max() - sizes.min() <= largest


def test_every_group_is_a_fold_in_the_order_of_its_values() -> None:
    fold = Folds("speaker").assign(samples([7, 2, 7, 5]))
    assert fold.tolist() == [2, 0, 2, 1]


def test_blocks_follow_the_file_and_the_last_takes_the_rest() -> None:
    fold = Folds(3).assign(samples([0] * 8))
    assert fold.tolist() == [0, 0, 0, 1, 1, 1, 2, 2]


def test_the_seed_decides_the_draw() -> None:
    events = samples(np.arange(40) // 2)
    one, same, other = (Folds("speaker", 4, seed).assign(events) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    assert np.bincount(other).tolist() == [10] * 4


@pytest.mark.parametrize(
    ("rule", "code", "named"),
    [
        (Folds("speakr"), "grouping-unknown", "speakr"),
        (Folds(0), "grouping-range", "0"),
        (Folds(4), "folds-range", "1 groups"),
        (Folds("speaker", 5), "folds-range", "5 folds"),
        (Folds("speaker", 1), "folds-range", "1 folds"),
    ],
)
def test_what_cannot_be_divided(rule: Folds, code: str, named: str) -> None:
    with refused(UsageError, code) as caught:
        rule.assign(samples([1, 2, 3, 4]))
    assert named in caught.value.what


@pytest.mark.parametrize("n", [None, 2])
def test_a_seed_that_is_negative(n: int | None) -> None:
    with refused(UsageError, "setting-range"):
        Folds("speaker", n, seed=-1)


def test_known_columns_are_named() -> None:
    with refused(UsageError, "grouping-unknown") as caught:
        group_of("round", samples([1, 2]).groups, 2)
    assert "speaker" in caught.value.why


def test_a_word_is_a_column_and_a_number_is_blocks() -> None:
    assert [grouping("speaker"), grouping("60")] == ["speaker", 60]


def test_a_rule_is_kept_in_files() -> None:
    for rule in (Folds("speaker"), Folds(300, 4, 9)):
        assert Folds.from_json(rule.as_json()) == rule


def test_splits_are_joined_in_the_order_they_are_named() -> None:
    data = Dataset.of(train=samples([1, 1]), test=samples([2, 3, 3], first=5))
    assert joined(data, ("train",)) is data.train
    both = joined(data, ("test", "train"))
    assert both.time_ms.tolist() == [5, 6, 7, 0, 1]
    assert both.groups["speaker"].tolist() == [2, 3, 3, 1, 1]
    for splits in ((), ("train", "train")):
        with refused(UsageError, "splits-repeated"):
            joined(data, splits)
    with refused(UsageError, "split-unknown"):
        joined(data, ("trian",))
    with refused(UsageError, "validation-missing"):
        joined(data, ("train", "validation"))
    with refused(DataError, "split-empty"):
        joined(Dataset.of(train=samples([1])[:0]), ("train",))


def test_what_is_left_has_no_other_split() -> None:
    events = samples([1, 2, 1, 3])
    rest = without_fold(events, Folds("speaker").assign(events), 0, "four")
    assert rest.splits == ("train",)
    assert rest.train.time_ms.tolist() == [1, 3]
    assert rest.train.groups["speaker"].tolist() == [2, 3]

"""Division of samples: numbers, whole groups, and the same parts for the same seed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from nmtool.data import SpikeEvents
from nmtool.data.dividing import (
    Folds,
    SplitRule,
    amount,
    drawn_samples,
    group_of,
    grouping,
)
from nmtool.errors import UsageError
from tests.refusals import refused


def _events(label: list[int] | np.ndarray, **groups: list[int] | np.ndarray) -> SpikeEvents:
    label = np.asarray(label, int)
    names = [str(number) for number in range(1 + label.max(initial=0))]
    return SpikeEvents([], [], np.zeros(label.size + 1, int), label, 3, names, groups)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *(("auto", "auto"), (0.25, "0.25"), ("0.250", "0.25"), (1e-5, "1e-05")),
        *((300, "300"), ("0300", "300"), (np.int64(7), "7"), (0, "0"), (0.0, "0"), ("0.0", "0")),
        *(("last 300", "last 300"), ("last300", "last 300"), ("last:5", "last 5"), ("last 0", "0")),
        *((1.0, None), (1.5, None), (-1, None), ("-0.2", None), ("", None), ("most", None)),
        *((True, None), (None, None), ("nan", None), ("inf", None), ("last -3", None)),
    ],
)
def test_amounts_are_parsed(value: object, text: str | None) -> None:
    assert amount(value) == text
    if text is None:
        with refused(UsageError, "validation-amount"):
            SplitRule(value)  # type: ignore[arg-type]
    else:
        assert SplitRule(text) == SplitRule(text).of(SplitRule(text))
        assert SplitRule.from_json(SplitRule(text, 4).as_json()) == SplitRule(text, 4)


@pytest.mark.parametrize(
    ("text", "n_samples", "count"),
    [
        *(("auto", 640, 128), ("auto", 1500, 300), ("auto", 5000, 300), ("auto", 4, 0)),
        *(("0.2", 640, 128), ("0.5", 5000, 2500), ("300", 640, 300), ("last 3", 4, 3), ("0", 4, 0)),
    ],
)
def test_number_of_validation_samples(text: str, n_samples: int, count: int) -> None:
    assert SplitRule(text).count(n_samples) == count
    assert SplitRule(text).choose(_events(np.arange(n_samples) % 3)).sum() == count
    assert SplitRule(text).assign(_events(np.arange(n_samples) % 3)).sum() == count


@pytest.mark.parametrize("text", ["4", "last 5", "0.99", "0.01"])
def test_no_part_of_a_division_is_empty(text: str) -> None:
    with refused(UsageError, "validation-range"):
        SplitRule(text).choose(_events([0, 1, 0, 1]))


def test_the_last_samples_of_a_file() -> None:
    assert SplitRule("last 2").choose(_events([0, 1, 0, 1])).tolist() == [False, False, True, True]


@given(
    st.lists(st.integers(0, 5), min_size=2, max_size=60),
    st.integers(0, 1 << 40),
    st.data(),
)
def test_every_class_gives_its_share_to_validation(
    label: list[int], seed: int, data: st.DataObject
) -> None:
    count = data.draw(st.integers(1, len(label) - 1))
    events = _events(label)
    mask = SplitRule(count, seed).choose(events)
    assert mask.sum() == count
    share = np.bincount(label) * count / len(label)
    assert (np.abs(np.bincount(events.label[mask], minlength=share.size) - share) <= 1).all()
    assert (mask == SplitRule(count, seed).choose(events)).all()
    fewer = data.draw(st.integers(1, count))
    assert not (SplitRule(fewer, seed).choose(events) & ~mask).any()


def test_the_seed_changes_the_validation_split() -> None:
    events = _events(np.arange(100) % 4)
    draws = [SplitRule(20, seed).choose(events) for seed in range(3)]
    assert not (draws[0] == draws[1]).all()
    assert not (draws[1] == draws[2]).all()


@given(
    st.lists(st.integers(-3, 4), min_size=2, max_size=60).filter(lambda x: len(set(x)) > 1),
    st.integers(0, 1 << 40),
    st.data(),
)
def test_groups_are_not_divided(group: list[int], seed: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, len(group) - 1))
    events = _events(np.zeros(len(group), int), speaker=group)
    mask = SplitRule(count, seed, "speaker").choose(events)
    assert not set(events.groups["speaker"][mask]) & set(events.groups["speaker"][~mask])
    assert mask.any()
    assert not mask.all()


def test_unknown_groups_are_refused() -> None:
    with refused(UsageError, "validation-by-unknown") as caught:
        SplitRule(1, by="writer").choose(_events([0, 1], speaker=[0, 1]))
    assert "speaker" in caught.value.why
    with refused(UsageError, "validation-by-single"):
        SplitRule(1, by="speaker").choose(_events([0, 1], speaker=[7, 7]))
    with refused(UsageError, "validation-by-last"):
        SplitRule("last 1", by="speaker")


def test_a_negative_seed_is_refused() -> None:
    with refused(UsageError, "setting-range"):
        SplitRule(0.2, seed=-1)


# Tests of the parts of a data set


@given(st.lists(st.integers(0, 4), max_size=30), st.booleans())
def test_parts_have_their_samples_in_order(numbers: list[int], ascending: bool) -> None:
    part = np.array(sorted(numbers) if ascending else numbers, np.int64)
    parts = samples(np.arange(part.size)).divide(part)
    assert len(parts) == max(2, 1 + max(numbers, default=0))
    for number, events in enumerate(parts):
        assert events.time_ms.tolist() == np.flatnonzero(part == number).tolist()
        assert events.groups["speaker"].tolist() == events.time_ms.tolist()


def test_a_tail_is_not_copied() -> None:
    events = samples([0, 1, 2])
    for part in events.divide(SplitRule("last 1").assign(events)):
        assert np.shares_memory(part.time_ms, events.time_ms)


# Tests of random draws


@given(
    label=arrays(np.int64, st.integers(1, 200), elements=st.integers(0, 7)),
    count=st.integers(1, 250),
    seed=st.integers(0, 9),
)
def test_every_class_has_its_share_of_drawn_samples(
    label: NDArray[np.int64], count: int, seed: int
) -> None:
    drawn = drawn_samples(label, count, seed)
    assert drawn.size == min(count, label.size)
    assert (np.diff(drawn) > 0).all()
    counts, got = np.bincount(label, minlength=8), np.bincount(label[drawn], minlength=8)
    share = counts / label.size
    # If all classes have equally many samples, the bound is 1.
    bound = 0.5 + 0.5 * share * np.count_nonzero(counts)
    assert (np.abs(got - share * drawn.size) <= bound + 1e-9).all()
    np.testing.assert_array_equal(drawn, drawn_samples(label, count, seed))


# Tests of folds


def samples(group: Any, first: int = 0) -> SpikeEvents:
    """A sample per entry of a column `speaker`; each has a different event time."""
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


def test_blocks_follow_the_file_and_the_last_may_be_smaller() -> None:
    fold = Folds(3).assign(samples([0] * 8))
    assert fold.tolist() == [0, 0, 0, 1, 1, 1, 2, 2]


def test_the_seed_changes_the_folds() -> None:
    events = samples(np.arange(40) // 2)
    first, same, other = (Folds("speaker", 4, seed).assign(events) for seed in (1, 1, 2))
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)
    assert np.bincount(other).tolist() == [10] * 4


@pytest.mark.parametrize(
    ("rule", "code", "word"),
    [
        (Folds("speakr"), "grouping-unknown", "speakr"),
        (Folds(0), "grouping-range", "0"),
        (Folds(4), "folds-range", "1 groups"),
        (Folds("speaker", 5), "folds-range", "5 folds"),
        (Folds("speaker", 1), "folds-range", "1 folds"),
    ],
)
def test_impossible_divisions_are_refused(rule: Folds, code: str, word: str) -> None:
    with refused(UsageError, code) as caught:
        rule.assign(samples([1, 2, 3, 4]))
    assert word in caught.value.what


@pytest.mark.parametrize("n", [None, 2])
def test_a_negative_seed_of_folds_is_refused(n: int | None) -> None:
    with refused(UsageError, "setting-range"):
        Folds("speaker", n, seed=-1)


def test_an_unknown_column_lists_the_known_columns() -> None:
    with refused(UsageError, "grouping-unknown") as caught:
        group_of("round", samples([1, 2]).groups, 2)
    assert "speaker" in caught.value.why


def test_a_word_is_a_column_and_a_number_is_blocks() -> None:
    assert [grouping("speaker"), grouping("60")] == ["speaker", 60]


def test_a_rule_is_restored_from_json() -> None:
    for rule in (Folds("speaker"), Folds(300, 4, 9)):
        assert Folds.from_json(rule.as_json()) == rule

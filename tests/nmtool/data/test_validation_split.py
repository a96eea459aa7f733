"""Samples held out to validate: how many, which ones, and that every class gives its part."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from nmtool.data import Dataset, SpikeEvents
from nmtool.data.validation_split import SplitRule, amount, kept_amount
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
def test_amounts(value: object, text: str | None) -> None:
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
def test_how_many(text: str, n_samples: int, count: int) -> None:
    assert SplitRule(text).count(n_samples) == count
    assert SplitRule(text).choose(_events(np.arange(n_samples) % 3)).sum() == count


@pytest.mark.parametrize("text", ["4", "last 5", "0.99", "0.01"])
def test_something_is_left_on_both_sides(text: str) -> None:
    with refused(UsageError, "validation-range"):
        SplitRule(text).choose(_events([0, 1, 0, 1]))


def test_the_last_ones() -> None:
    assert SplitRule("last 2").choose(_events([0, 1, 0, 1])).tolist() == [False, False, True, True]


@given(
    st.lists(st.integers(0, 5), min_size=2, max_size=60),
    st.integers(0, 1 << 40),
    st.data(),
)
def test_every_class_gives_its_part(label: list[int], seed: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, len(label) - 1))
    events = _events(label)
    held = SplitRule(count, seed).choose(events)
    assert held.sum() == count
    share = np.bincount(label) * count / len(label)
    assert (np.abs(np.bincount(events.label[held], minlength=share.size) - share) <= 1).all()
    assert (held == SplitRule(count, seed).choose(events)).all()
    fewer = data.draw(st.integers(1, count))
    assert not (SplitRule(fewer, seed).choose(events) & ~held).any()


def test_the_seed_decides() -> None:
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
    held = SplitRule(count, seed, "speaker").choose(events)
    assert not set(events.groups["speaker"][held]) & set(events.groups["speaker"][~held])
    assert held.any()
    assert not held.all()


def test_groups_that_are_not_there() -> None:
    with refused(UsageError, "validation-by-unknown") as caught:
        SplitRule(1, by="writer").choose(_events([0, 1], speaker=[0, 1]))
    assert "speaker" in caught.value.why
    with refused(UsageError, "validation-by-single"):
        SplitRule(1, by="speaker").choose(_events([0, 1], speaker=[7, 7]))
    with refused(UsageError, "validation-by-last"):
        SplitRule("last 1", by="speaker")


def test_a_seed_that_is_negative() -> None:
    with refused(UsageError, "setting-range"):
        SplitRule(0.2, seed=-1)


def test_a_data_set_is_divided() -> None:
    label = np.arange(40) % 4
    data = Dataset.of(train=_events(label, place=np.arange(40)), name="mine")
    divided = data.with_validation(SplitRule(0.2, 3))
    assert (data.validation, data.validation_rule) == (None, None)
    assert divided.validation_rule == SplitRule("0.2", 3)
    assert divided.validation is not None
    assert np.bincount(divided.validation.label).tolist() == [2, 2, 2, 2]
    places = [*divided.train.groups["place"], *divided.validation.groups["place"]]
    assert sorted(places) == list(range(40))
    assert divided.with_validation(0.5) is divided
    assert data.with_validation(0) is data
    for split in ("train", "validation"):
        found = divided.labels(split)
        assert found is not None
        assert found.tolist() == divided.split(split).label.tolist()
    assert divided.labels("test") is None
    with refused(UsageError, "validation-range") as caught:
        data.with_validation(40)
    assert "'mine'" in caught.value.what


def test_numbers_in_manifests_of_before() -> None:
    assert [kept_amount(value) for value in (300, 0, "300", "auto", 0.2)] == [
        *("last 300", "last 0", "300", "auto", 0.2)
    ]
    assert amount(kept_amount(0)) == "0"

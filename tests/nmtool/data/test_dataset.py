"""Derived splits of data sets: validation and test samples, joined splits, folds."""

from __future__ import annotations

import numpy as np

from nmtool.data import Dataset, SplitRule
from nmtool.data.dataset import joined, with_test, without_fold
from nmtool.data.dividing import Folds
from nmtool.errors import DataError, UsageError
from tests.nmtool.data.test_dividing import _events, samples
from tests.refusals import refused


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
        labels = divided.labels(split)
        assert labels is not None
        assert labels.tolist() == divided.split(split).label.tolist()
    assert divided.labels("test") is None
    with refused(UsageError, "validation-range") as caught:
        data.with_validation(40)
    assert "'mine'" in caught.value.what


def test_without_validation_all_but_the_test_samples_are_trained_on() -> None:
    own = Dataset.of(
        train=samples([1, 1]), validation=samples([2], first=5), test=samples([3], first=9)
    )
    whole = own.with_validation(0)
    assert (whole.splits, whole.validation, whole.train_index.size) == (("train", "test"), None, 3)
    assert whole.train.time_ms.tolist() == [0, 1, 5]
    assert whole.test is own.test
    assert own.with_validation(1) is own
    for split in ("train", "test"):
        labels = own.with_validation(0).labels(split)
        assert labels is not None
        assert labels.tolist() == whole.split(split).label.tolist()
    drawn = Dataset.of(train=samples([1, 1, 2]))
    undivided = drawn.with_validation("last 1").with_validation(0)
    assert undivided.content_hash == drawn.content_hash
    assert undivided.train.n_samples == 3


def test_a_test_split_is_drawn() -> None:
    data = Dataset.of(train=_events(np.arange(40) % 4, place=np.arange(40)), name="mine")
    divided = with_test(data, SplitRule(0.2, 3))
    same = data.with_validation(SplitRule(0.2, 3))
    assert divided.splits == ("train", "test")
    assert divided.test.groups["place"].tolist() == same.validation.groups["place"].tolist()
    assert divided.train.groups["place"].tolist() == same.train.groups["place"].tolist()
    with refused(UsageError, "test-exists"):
        with_test(divided, 1)
    for amount in (40, "last 40"):
        with refused(UsageError, "test-range"):
            with_test(data, amount)
    with refused(UsageError, "validation-by-unknown"):
        with_test(data, SplitRule(3, by="speaker"))


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


def test_without_a_fold_only_a_training_split_is_left() -> None:
    events = samples([1, 2, 1, 3])
    rest = without_fold(events, Folds("speaker").assign(events), 0, "four")
    assert rest.splits == ("train",)
    assert rest.train.time_ms.tolist() == [1, 3]
    assert rest.train.groups["speaker"].tolist() == [2, 3]

"""Samples from lists and dense arrays: numbered classes, sorted events, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp

from nmtool.data import Dataset, SpikeEvents, bin_events
from nmtool.data.rows import Rows, numbered
from nmtool.errors import DataError, UsageError
from tests.refusals import refused

CAMERA = np.dtype([("x", np.int16), ("y", np.int16), ("t", np.int64), ("p", bool)])
DENSE = np.zeros((4, 5, 3), np.float32)
DENSE[[0, 0, 2, 3], [0, 4, 1, 1], [2, 0, 1, 1]] = 1


def test_lists_are_sorted_by_time() -> None:
    events = SpikeEvents.from_lists([[3, 1.5], [], (0.2,)], [[0, 4], [], [2]], ["b", "a", "b"])
    assert events.time_ms.tolist() == [1.5, 3.0, 0.2]
    assert events.unit.tolist() == [4, 0, 2]
    assert events.offset.tolist() == [0, 2, 2, 3]
    assert (events.label.tolist(), events.class_names) == ([1, 0, 1], ("a", "b"))
    assert (events.n_units, events.groups) == (5, {})
    more = {"n_units": 9, "class_names": ["x", "y", "z"], "groups": {"speaker": [7]}}
    sample = SpikeEvents.from_lists([[1]], [[2.0]], [1.0], **more)
    assert (sample.n_units, sample.class_names, sample.label.tolist()) == (9, ("x", "y", "z"), [1])
    assert sample.groups["speaker"].tolist() == [7]
    assert SpikeEvents.from_lists([], [], []).n_samples == 0
    counts = [[7, 1.0], [], [2]]
    several = SpikeEvents.from_lists(
        [[3, 1.5], [], [0.2]], [[0, 4], [], [2]], [1, 0, 1], counts=counts
    )
    assert several.event_counts().tolist() == [1, 7, 2]


@pytest.mark.parametrize(
    ("arguments", "more", "code"),
    [
        (([[1.0]], [[1], [2]], [0]), {}, "lengths-differ"),
        (([[1.0]], [[1]], [0, 1]), {}, "lengths-differ"),
        (([[1.0, 2.0]], [[1]], [0]), {}, "lengths-differ"),
        (([[1.0]], [[1.5]], [0]), {}, "events-not-numbers"),
        (([[1.0]], [["a"]], [0]), {}, "events-not-numbers"),
        (([[1.0]], [[np.inf]], [0]), {}, "events-not-numbers"),
        (([[1.0]], [[3_000_000_000]], [0]), {}, "units-count"),
        (([[1.0]], [[1 << 63]], [0]), {}, "units-count"),
        (([[1.0]], [[1 << 64]], [0]), {}, "events-not-numbers"),
        (([[1.0]], [[1e30]], [0]), {}, "units-count"),
        (([[1.0]], [[-1e30]], [0]), {}, "units-count"),
        (([[1.0]], [[1]], [0]), {"counts": [[1], [1]]}, "lengths-differ"),
        (([[1.0]], [[1]], [0]), {"counts": [[1, 1]]}, "lengths-differ"),
        (([[1.0]], [[1]], [0]), {"counts": [[1.5]]}, "events-not-numbers"),
        (([[1.0]], [[1]], [0]), {"counts": [[0]]}, "event-count-range"),
        (([[1.0]], [[1]], [0]), {"counts": [[1e30]]}, "event-count-range"),
        (([[1.0]], [[1]], [0.5]), {}, "labels-not-whole"),
        (([[1.0]], [[1]], [[0, 1]]), {}, "labels-count"),
        (([[1.0]], [[1]], ["c"]), {"class_names": ["a"]}, "labels-range"),
        (([[1.0]], [[1]], [3]), {"class_names": ["a"]}, "labels-range"),
        (([[-1.0]], [[1]], [0]), {}, "times-negative"),
        (([[1.0]], [[1]], [0]), {"n_units": 1}, "units-range"),
        (([[1.0]], [[1]], [0]), {"groups": {"speaker": [1, 2]}}, "lengths-differ"),
    ],
)
def test_inconsistent_lists_are_refused(arguments: Any, more: Any, code: str) -> None:
    with refused(DataError, code):
        SpikeEvents.from_lists(*arguments, **more)


@given(st.lists(st.integers(0, 20), max_size=20))
def test_classes_are_numbered_or_named(label: list[int]) -> None:
    numbers, names = numbered(label)
    assert numbers.tolist() == label
    assert names == tuple(str(n) for n in range(1 + max(label, default=0)))
    words = [f"{number:02d}" for number in label]
    numbers, names = numbered(words)
    assert [names[number] for number in numbers] == words
    assert list(names) == (sorted(set(words)) or ["0"])


@given(hnp.arrays(bool, st.tuples(*[st.integers(1, 4)] * 3)))
def test_dense_arrays_lists_and_pairs_give_equal_events(dense: np.ndarray) -> None:
    label = np.zeros(len(dense), int)
    whole = SpikeEvents.from_dense(dense, label, dt_ms=0.5)
    steps, units = zip(*map(np.nonzero, dense), strict=True)
    times = [0.5 * step for step in steps]
    listed = SpikeEvents.from_lists(times, units, label, n_units=dense.shape[2])
    paired = SpikeEvents.from_torch(list(zip(dense, label, strict=True)), dt_ms=0.5)
    assert whole.content_hash == listed.content_hash == paired.content_hash


@given(
    hnp.arrays(bool, hnp.array_shapes(min_dims=3, max_dims=4, max_side=6)),
    st.sampled_from([0.1, 0.3, 1.0, 2.5]),
)
def test_dense_arrays_are_restored_by_binning(dense: np.ndarray, dt_ms: float) -> None:
    events = SpikeEvents.from_dense(dense, np.zeros(len(dense), int), dt_ms=dt_ms)
    binned = bin_events(events, dt_ms, dense.shape[1]).raster.dense()
    assert (binned == dense.reshape(binned.shape)).all()


@pytest.mark.parametrize(
    ("shape", "has_remark"),
    [
        ((2, 16, 800), True),
        ((2, 16, 64), True),
        ((2, 800, 16), False),
        ((2, 17, 64), False),
        ((2, 5, 63), False),
        ((2, 5, 28, 28), False),  # The last two axes are the pixels of a sensor.
    ],
)
def test_axes_that_look_swapped_give_a_remark(
    shape: tuple[int, ...], has_remark: bool, caplog: pytest.LogCaptureFixture
) -> None:
    dense = np.ones(shape, bool)
    SpikeEvents.from_dense(dense, [0, 1])
    SpikeEvents.from_torch([(dense[0], 0), (dense[1], 1)])
    codes = [record.getMessage().split(":")[0] for record in caplog.records]
    assert codes == ["remark[axes-look-swapped]"] * 2 * has_remark


def test_counts_are_spikes_and_other_numbers_are_not() -> None:
    assert SpikeEvents.from_dense(DENSE, [0, 1, 0, 1]).count is None
    several = DENSE * [300.0, 1.0, 2.0]
    for events in (
        SpikeEvents.from_dense(several, [0, 1, 0, 1]),
        SpikeEvents.from_torch([(sample, 0) for sample in several]),
    ):
        assert (events.n_events, events.n_spikes) == (4, several.sum())
        assert events.count is not None
        assert events.count.tolist() == several[several > 0].tolist()
    wrongs = (0.4 * DENSE, np.full((1, 2, 3), np.nan), DENSE.astype(str), DENSE.astype(complex))
    for wrong in (*wrongs, -DENSE.astype(int)):
        with refused(DataError, "dense-not-spikes"):
            SpikeEvents.from_dense(wrong, np.zeros(len(wrong), int))
        with refused(
            DataError, "dense-not-spikes" if wrong.dtype.kind in "if" else "sample-not-events"
        ):
            SpikeEvents.from_torch([(wrong[0], 0)])
    with refused(DataError, "dense-counts-large"):
        SpikeEvents.from_dense(DENSE * 2.0**31, [0, 1, 0, 1])
    with refused(DataError, "dense-dimensions"):
        SpikeEvents.from_dense(DENSE[0], [0])
    with refused(DataError, "dense-step-unknown"):
        Rows(dense=DENSE, labels=[0, 1, 0, 1]).columns()


def test_splits_in_memory(events: SpikeEvents) -> None:
    data = Dataset.of(train=events, test=events[:2], name="mine")
    assert (data.name, data.splits, data.test.n_samples) == ("mine", ("train", "test"), 2)
    other = SpikeEvents.from_lists([[1.0]], [[0]], [0])
    with refused(DataError, "events-differ"):
        Dataset.of(train=events, test=other)
    with refused(UsageError, "argument-type"):
        Dataset.of(train=[])  # type: ignore[arg-type]


def test_samples_are_a_sequence(events: SpikeEvents) -> None:
    raster = bin_events(events, 1.0, 300).raster
    for whole in (events, raster):
        assert [len(sample) for sample in whole] == [1, 1, 1, 1]
        assert len(list(reversed(whole[1:]))) == 3
        assert len(whole[[0, 3, 3]]) == 3
        assert len(whole[events.label == 1]) == 2
        assert whole[-1].offset.tolist() == [0, 1]
        with pytest.raises(IndexError):
            whole[4]


def test_times_after_units() -> None:
    with refused(DataError, "events-not-numbers") as caught:
        SpikeEvents.from_lists([[3, 4]], [[0.5, 1.5]], [0])
    assert "from_lists(times_ms, units, labels)" in caught.value.fix

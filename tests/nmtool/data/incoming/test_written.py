"""Samples written as a table, `write_dataset(…, "FILE.csv")`, and read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from nmtool import Dataset, SpikeEvents
from nmtool.data.incoming import read_incoming, write_dataset
from nmtool.errors import DataError, UsageError
from tests.refusals import refused
from tests.thorough import examples

NAMES = ("a", "a,b", 'say "no"', "näher", "two\nlines", "C:\\x", "-", "100 %", "=1+1")
times = st.floats(0, 1e9, allow_subnormal=False)
counts = st.sampled_from([1, 1, 1, 2, 7])
samples = st.lists(st.tuples(times, st.integers(0, 999), counts), max_size=6).map(sorted)


@settings(max_examples=examples(1.5))
@given(st.lists(st.tuples(samples, st.sampled_from(NAMES), st.integers(-3, 9)), min_size=1))
def test_written_data_are_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    drawn: list[tuple[list[tuple[float, int, int]], str, int]],
) -> None:
    names = sorted({name for _, name, _ in drawn})
    events = SpikeEvents(
        [time for events, _, _ in drawn for time, *_ in events],
        [unit for events, _, _ in drawn for _, unit, _ in events],
        np.cumsum([0, *(len(events) for events, _, _ in drawn)]),
        [names.index(name) for _, name, _ in drawn],
        n_units=1000,
        class_names=names,
        groups={"speaker": np.array([group for _, _, group in drawn])},
        count=[count for events, _, _ in drawn for *_, count in events],
    )
    path = tmp_path_factory.mktemp("csv") / "events.csv"
    assert write_dataset(events, path) == [path]
    read = read_incoming(path).train
    # An event of several spikes is as many rows.
    for name in ("time_ms", "unit"):
        repeated = np.repeat(getattr(events, name), events.event_counts())
        assert np.array_equal(getattr(read, name), repeated), name
    assert np.array_equal(read.counts, events.spikes)
    assert np.array_equal(read.label, events.label)
    assert read.class_names == events.class_names
    assert np.array_equal(read.groups["speaker"], events.groups["speaker"])


def test_splits_have_a_column(events: SpikeEvents, tmp_path: Path) -> None:
    data = Dataset.of(train=events, test=events[2:])
    write_dataset(data, tmp_path / "events.csv")
    read = read_incoming(tmp_path / "events.csv")
    assert read.splits == ("train", "test")
    assert read.test.time_ms.tolist() == [3.0, 0.5]
    head, *rows = (tmp_path / "events.csv").read_text().splitlines()
    assert head == "sample,label,unit,time_ms,split"
    assert len({row.partition(",")[0] for row in rows}) == 6, "samples have a number each"


def test_an_existing_file_is_kept(events: SpikeEvents, tmp_path: Path) -> None:
    path = tmp_path / "events.CSV"
    write_dataset(events, path)
    before = path.read_bytes()
    with refused(UsageError, "path-taken"):
        write_dataset(events[:1], path)
    assert path.read_bytes() == before
    write_dataset(events[:1], path, force=True)
    assert path.read_bytes() != before


@pytest.mark.parametrize("name", ["sample", "Unit", "time_us", "split", "x", "", " p"])
def test_groups_named_like_other_columns_are_refused(
    name: str, events: SpikeEvents, tmp_path: Path
) -> None:
    grouped = SpikeEvents(
        events.time_ms,
        events.unit,
        events.offset,
        events.label,
        5,
        events.class_names,
        {name: np.arange(4)},
    )
    with refused(DataError, "group-name"):
        write_dataset(grouped, tmp_path / "events.csv")
    assert not (tmp_path / "events.csv").exists()

"""Samples on disk equal samples in memory, even if their copy is stale or damaged."""

from __future__ import annotations

import logging
import os
import pickle
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, strategies as st

from nmtool.data import SpikeEvents, bin_events, events, load_dataset, shd, stored, write_shd
from nmtool.data.description import describe
from nmtool.data.shd import read_layout, read_shd
from nmtool.data.stored import EventStore, read_events
from nmtool.errors import DataError, StorageError
from nmtool.storage import archive_header
from tests.nmtool.data.test_shd import same, write_foreign
from tests.refusals import refused

N_SAMPLES = 9


def some_events(seed: int = 0, n_samples: int = N_SAMPLES, most_spikes: int = 1) -> SpikeEvents:
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 40, n_samples)
    counts[2] = 0
    offset = np.concatenate(([0], np.cumsum(counts)))
    seconds = [np.sort(rng.random(n)).astype(np.float16) for n in counts]
    return SpikeEvents(
        time_ms=np.concatenate(seconds).astype(np.float64) * 1000.0,
        unit=rng.integers(0, 5, int(offset[-1])),
        offset=offset,
        label=rng.integers(0, 3, n_samples),
        n_units=5,
        class_names=("a", "b", "c"),
        groups={"speaker": rng.integers(1, 4, n_samples)},
        count=rng.integers(1, most_spikes + 1, int(offset[-1])),
    )


def is_on_disk(events: SpikeEvents) -> bool:
    """True if the container has no array of events in memory."""
    return "time_ms" not in vars(events)


@pytest.fixture(autouse=True)
def _small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NMTOOL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(stored, "IN_MEMORY_BYTES", 0)
    monkeypatch.setattr(events, "AT_ONCE", 4)
    monkeypatch.setattr(shd, "_PORTION_BYTES", 0)
    monkeypatch.setattr(shd, "_PORTION_SAMPLES", 2)


@pytest.fixture(params=[1, 300])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "mine_train.h5"
    write_shd(path, some_events(most_spikes=request.param))
    return path


def copies(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache" / "events").glob("*.events"))


def test_samples_on_disk_equal_samples_in_memory(source: Path) -> None:
    samples, expected = read_events(source), read_shd(source)
    assert is_on_disk(samples)
    assert same(samples, expected)
    assert same(samples.in_memory(), expected)
    assert samples.content_hash == expected.content_hash
    for name in ("n_events", "n_spikes", "most_spikes", "has_counts", "n_samples"):
        assert getattr(samples, name) == getattr(expected, name)
    assert np.array_equal(samples.spikes, expected.spikes)
    assert np.array_equal(samples.counts, expected.counts)
    assert np.array_equal(samples.last_ms, expected.last_ms, equal_nan=True)
    assert np.array_equal(samples.groups["speaker"], expected.groups["speaker"])
    assert describe(samples) == describe(expected)
    assert np.isnan(samples.last_ms[2])


@given(picked=st.lists(st.integers(0, N_SAMPLES - 1), max_size=20), cut=st.integers(0, 9))
def test_any_samples_in_any_order(picked: list[int], cut: int, source_of_all: Path) -> None:
    samples, expected = read_events(source_of_all), read_shd(source_of_all)
    assert same(samples.take(picked), expected.take(picked))
    assert samples.take(picked).content_hash == expected.take(picked).content_hash
    assert same(samples[:cut], expected[:cut])
    mask = np.isin(np.arange(N_SAMPLES), picked)
    assert same(samples[mask].take(np.arange(mask.sum())[::-1]), expected[mask][::-1])
    several = SpikeEvents.concatenate([samples[:cut], samples[cut:]])
    assert same(several, expected)


@pytest.fixture(scope="module", params=[1, 2])
def source_of_all(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("source") / "mine_train.h5"
    write_shd(path, some_events(most_spikes=request.param))
    return path


@pytest.mark.parametrize("at_once", [1, 2, 4, 100])
def test_batches_equal_those_in_memory(source: Path, at_once: int) -> None:
    pairs = zip(
        read_events(source).batches(at_once), read_shd(source).batches(at_once), strict=True
    )
    for mine, other in pairs:
        assert not is_on_disk(mine)
        assert same(mine, other)


def test_default_batches_on_disk_and_in_memory(source: Path) -> None:
    assert [batch.n_samples for batch in read_events(source).batches()] == [4, 4, 1]
    whole = read_shd(source)
    assert next(whole.batches()) is whole
    for nothing in (read_events(source)[:0], whole[:0]):
        assert [batch.n_samples for batch in nothing.batches()] == [0]


@pytest.mark.parametrize("count", [None, 1, 5, 100])
def test_an_excerpt_is_in_memory(
    source: Path,
    count: int | None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(events, "EXCERPT", 5)
    on_disk, in_memory = read_events(source), read_shd(source)
    caplog.clear()
    few = on_disk.excerpt(count)
    assert not is_on_disk(few)
    assert same(few, in_memory.draw(5 if count is None else count))
    assert ("samples-drawn" in caplog.text) == (count is None)
    assert same(in_memory.excerpt(count), in_memory if count is None else few)
    caplog.clear()
    assert same(on_disk[:5].excerpt(), in_memory[:5])
    assert not caplog.records


def test_samples_on_disk_have_the_attributes_of_those_in_memory(source: Path) -> None:
    samples = read_events(source)
    with pytest.raises(AttributeError, match="units"):
        _ = samples.units  # type: ignore[attr-defined]
    fewer = replace(samples, groups={})  # This call reads all events.
    assert same(fewer, read_shd(source))
    assert fewer.groups == {}


def test_a_tail_is_left_on_disk(source: Path) -> None:
    dataset = load_dataset(source.parent, validation="last 3")
    in_memory = load_dataset(source.parent, validation="last 3", in_memory=True)
    assert is_on_disk(dataset.validation)
    assert not is_on_disk(in_memory.validation)
    assert same(dataset.validation, in_memory.validation)
    assert same(dataset.train, in_memory.train)
    assert dataset.content_hash == in_memory.content_hash


def test_groups_that_are_zero_in_one_file(source: Path, tmp_path: Path) -> None:
    """The groups of a copy also depend on the other file, which is not copied."""
    zeros = replace(some_events(), groups={"speaker": np.zeros(N_SAMPLES, int)})
    write_shd(source, zeros, force=True)
    assert load_dataset(tmp_path).train.groups == {}
    write_shd(tmp_path / "mine_test.h5", some_events(1))
    train = load_dataset(tmp_path).train
    assert is_on_disk(train)
    assert {name: group.tolist() for name, group in train.groups.items()} == {
        "speaker": [0] * N_SAMPLES
    }


def test_samples_that_are_drawn_stay_on_disk(source: Path) -> None:
    dataset = load_dataset(source.parent, validation=3)
    assert is_on_disk(dataset.train)
    assert same(dataset.train, load_dataset(source.parent, validation=3, in_memory=True).train)


@pytest.mark.parametrize("dt_ms", [0.5, 100.0])
def test_samples_on_disk_are_binned_like_those_in_memory(source: Path, dt_ms: float) -> None:
    mine, other = (
        bin_events(events, dt_ms, 7) for events in (read_events(source), read_shd(source))
    )
    assert np.array_equal(mine.raster.flat_index(), other.raster.flat_index())
    assert (mine.dropped, mine.surplus) == (other.dropped, other.surplus)


def test_times_that_do_not_fit_into_float16(tmp_path: Path) -> None:
    events = replace(some_events(), time_ms=some_events().time_ms + 1 / 3)
    path = tmp_path / "mine_train.h5"
    write_shd(path, events)
    assert same(read_events(path), read_shd(path))


def test_a_file_without_samples(tmp_path: Path) -> None:
    path = tmp_path / "mine_train.h5"
    write_shd(path, some_events()[:0])
    assert read_events(path).n_samples == 0
    assert same(read_events(path), read_shd(path))


def test_samples_on_disk_can_be_pickled(source: Path) -> None:
    samples = read_events(source).take([3, 1])
    assert same(pickle.loads(pickle.dumps(samples)), samples.in_memory())


def test_a_copy_is_used_again(
    source: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        read_events(source)
    assert "GB" in caplog.text
    caplog.clear()
    (copy,) = copies(tmp_path)
    before = copy.stat().st_mtime_ns
    assert same(read_events(source), read_shd(source))
    assert copy.stat().st_mtime_ns == before
    assert not caplog.records
    samples = read_shd(source)
    # float16 times, uint16 units and, up to 300, uint16 counts.
    assert copy.stat().st_size == (6 if samples.has_counts else 4) * samples.n_events
    assert archive_header(copy.with_suffix(".npz"))["version"] == 1 + samples.has_counts


@pytest.mark.parametrize("bits", [1, 4])
def test_copies_keep_the_rule_of_counts(tmp_path: Path, bits: int) -> None:
    expected = SpikeEvents.from_values(np.eye(6).reshape(3, 2, 6) / 3, [0, 1, 0], bits=bits)
    write_shd(tmp_path / "mine_train.h5", expected)
    for _ in range(2):
        samples = read_events(tmp_path / "mine_train.h5")
        assert is_on_disk(samples)
        parts = samples, samples[1:], samples.in_memory(), next(samples.batches(2))
        assert {part.analogue for part in parts} == {expected.analogue}
        assert samples.content_hash == expected.content_hash


def test_a_copy_without_the_counts_is_not_used(source: Path) -> None:
    layout = read_layout([source])
    samples = read_shd(source)
    stores = [EventStore(source, replace(layout, has_counts=has)) for has in (False, True)]
    assert all(same(store.events(), samples) for store in stores)
    assert stores[0]._events != stores[1]._events
    assert layout.has_counts == samples.has_counts


def test_a_stale_copy_is_renewed(source: Path) -> None:
    first = read_events(source).content_hash
    write_shd(source, some_events(seed=1), force=True)
    assert read_events(source).content_hash == read_shd(source).content_hash != first


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 0x10
    path.write_bytes(content)


def damages(copy: Path) -> dict[str, list]:
    index = copy.with_suffix(".npz")
    return {
        "flipped": [lambda: flip(copy, 37)],
        "cut": [lambda: os.truncate(copy, 50)],
        "longer": [lambda: copy.write_bytes(copy.read_bytes() + b"x")],
        "gone": [copy.unlink],
        "index flipped": [lambda: flip(index, index.stat().st_size // 2)],
        "index cut": [lambda: os.truncate(index, 90)],
        "index gone": [index.unlink],
        "index of nothing": [lambda: index.write_bytes(b"")],
    }


@pytest.mark.parametrize("damage", list(damages(Path("x"))))
def test_a_damaged_copy_is_renewed(source: Path, tmp_path: Path, damage: str) -> None:
    read_events(source)
    (copy,) = copies(tmp_path)
    for act in damages(copy)[damage]:
        act()
    assert same(read_events(source), read_shd(source))
    assert read_events(source).content_hash == read_shd(source).content_hash


@pytest.mark.parametrize("damage", ["flipped", "cut", "gone"])
def test_damage_while_it_is_used(source: Path, tmp_path: Path, damage: str) -> None:
    samples = read_events(source)
    if damage != "gone":
        _ = samples.time_ms  # This access opens the copy.
    for act in damages(copies(tmp_path)[0])[damage]:
        act()
    assert same(samples, read_shd(source))


def test_a_damaged_copy_without_its_source_is_an_error(source: Path, tmp_path: Path) -> None:
    samples = read_events(source)
    flip(copies(tmp_path)[0], 37)
    source.unlink()
    with refused(DataError, "event-cache-damaged"):
        _ = samples.time_ms


def test_a_disk_that_damages_every_file(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored.zlib, "crc32", lambda data: np.random.randint(1 << 32))
    with refused(StorageError, "event-cache-unreadable"):
        read_events(source)


def test_a_disk_that_is_full_from_the_start(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=100))
    with refused(StorageError, "event-cache-unwritten"):
        read_events(source)
    assert not copies(tmp_path)


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_fills_up(source: Path, tmp_path: Path) -> None:
    with files_up_to(100), refused(StorageError, "event-cache-unwritten"):
        read_events(source)
    assert not list((tmp_path / "cache" / "events").iterdir())
    assert same(read_events(source), read_shd(source))


def test_copies_of_files_that_are_gone_are_deleted(source: Path, tmp_path: Path) -> None:
    read_events(source)
    (old,) = copies(tmp_path)
    other = tmp_path / "other" / "mine_train.h5"
    other.parent.mkdir()
    shutil.move(source, other)
    read_events(other)
    assert old not in copies(tmp_path)
    assert not old.with_suffix(".npz").exists()
    assert len(copies(tmp_path)) == 1


@pytest.mark.parametrize(
    ("times", "units", "labels"),
    [
        (([0.5], [0.25], [0.125], [0.2, 0.1]), ([0], [1], [2], [3, 3]), (0, 1, 0, 1)),
        (([0.5], [0.25], [np.inf], [0.1]), ([0], [1], [2], [3]), (0, 1, 0, 1)),
        (([0.5], [0.25], [0.1], [-0.1]), ([0], [1], [2], [3]), (0, 1, 0, 1)),
        (([0.5], [0.25], [0.1], [0.1]), ([0], [1], [2], [700]), (0, 1, 0, 1)),
        (([0.5], [0.25], [0.1], [0.1]), ([0], [1], [2], [3, 1]), (0, 1, 0, 1)),
        (([0.5], [0.25], [0.1], [0.1]), ([0], [1], [2], [3]), (0, 1, 0)),
        (([0.5], [0.25], [0.1], [0.1]), ([0], [1], [2], [3]), (0, 1, 0, 2)),
    ],
)
@pytest.mark.parametrize("counts", [None, ([2], [1], [1], [0, 1])])
def test_wrong_events_are_refused_as_in_memory(
    tmp_path: Path, times: tuple, units: tuple, labels: tuple, counts: tuple | None
) -> None:
    path = write_foreign(tmp_path / "mine_train.h5", times, units, labels, counts=counts)
    with pytest.raises(DataError) as in_memory:
        read_shd(path)
    with pytest.raises(DataError) as on_disk:
        read_events(path)
    assert (on_disk.value.code, on_disk.value.what) == (in_memory.value.code, in_memory.value.what)
    assert not copies(tmp_path)


def test_each_layout_of_a_file_has_its_own_copy(source: Path) -> None:
    layout = read_layout([source])
    wider = replace(layout, n_units=9)
    stores = [EventStore(source, candidate) for candidate in (layout, wider)]
    assert [store.events().n_units for store in stores] == [5, 9]
    assert [store.events().in_memory().n_units for store in stores] == [5, 9]

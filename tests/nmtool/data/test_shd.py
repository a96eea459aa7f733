from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, strategies as st

from nmtool.data import (
    Layout,
    SpikeEvents,
    load_dataset,
    read_layout,
    read_shd,
    split_files,
    write_shd,
)
from nmtool.errors import DataError, FileFormatError, UsageError
from tests.refusals import refused

ARRAYS = ("time_ms", "unit", "offset", "label", "count")
TIMES = ([0.0, 0.25], [], [0.125])
UNITS = ([3, 0], [], [1])


def same(a: SpikeEvents, b: SpikeEvents) -> bool:
    arrays = all(np.array_equal(getattr(a, name), getattr(b, name)) for name in ARRAYS)
    return arrays and (a.n_units, a.class_names) == (b.n_units, b.class_names)


def ragged(rows: tuple, dtype: type) -> np.ndarray:
    lists = np.empty(len(rows), object)
    for index, row in enumerate(rows):
        lists[index] = np.array(row, dtype)
    return lists


def write_foreign(
    path: Path,
    times: tuple = TIMES,
    units: tuple = UNITS,
    labels: tuple = (0, 1, 0),
    keys: tuple | None = (b"a", b"b"),
    n_units: object = None,
    times_dtype: type = np.float16,
    units_dtype: type = np.uint16,
    counts: tuple | None = None,
) -> Path:
    """Write a file like other tools, without the code under test."""
    with h5py.File(path, "w") as file:
        vlen = h5py.vlen_dtype
        file.create_dataset(
            "spikes/times", data=ragged(times, times_dtype), dtype=vlen(times_dtype)
        )
        file.create_dataset(
            "spikes/units", data=ragged(units, units_dtype), dtype=vlen(units_dtype)
        )
        if counts is not None:
            file.create_dataset("spikes/counts", data=ragged(counts, int), dtype=vlen(int))
        file["labels"] = np.array(labels)
        if keys is not None:
            file["extra/keys"] = np.array(keys) if keys else np.zeros(0, "S1")
        if n_units is not None:
            file.attrs["n_units"] = n_units
    return path


def test_original_layout_is_read(tmp_path: Path) -> None:
    events = read_shd(write_foreign(tmp_path / "shd_train.h5"))
    assert events.time_ms.tolist() == [0.0, 250.0, 125.0]
    assert events.unit.tolist() == [3, 0, 1]
    assert events.offset.tolist() == [0, 2, 2, 3]
    assert events.label.tolist() == [0, 1, 0]
    assert events.n_units == 700
    assert events.class_names == ("a", "b")


def test_float16_seconds_become_exact_milliseconds(tmp_path: Path) -> None:
    second = np.float16(0.3173828125)
    events = read_shd(
        write_foreign(tmp_path / "x.h5", times=([second], [], []), units=([0], [], []))
    )
    assert events.time_ms.tolist() == [317.3828125]


@given(
    st.lists(
        st.lists(
            st.tuples(
                st.floats(0, 2, width=16).map(abs),
                st.integers(0, 69),
                st.sampled_from([1, 1, 2, 255, 70_000]),
            ),
            max_size=5,
        ),
        max_size=4,
    ),
    st.booleans(),
)
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, samples: list, exact: bool) -> None:
    path = tmp_path_factory.mktemp("shd") / "x_train.h5"
    flat = [event for sample in samples for event in sorted(sample)]
    seconds = np.array([time for time, *_ in flat])
    events = SpikeEvents(
        seconds * (1000.0 if exact else 999.9),
        [unit for _, unit, _ in flat],
        np.cumsum([0] + [len(sample) for sample in samples]),
        [1] * len(samples),
        70,
        ("no", "öffnen"),
        count=[count for *_, count in flat],
    )
    write_shd(path, events)
    back = read_shd(path)
    np.testing.assert_allclose(back.time_ms, events.time_ms, rtol=0 if exact else 1e-15, atol=0)
    assert same(back, events) or not exact
    with h5py.File(path) as file:
        stored = h5py.check_vlen_dtype(file["spikes/times"].dtype)
        assert ("spikes/counts" in file) == (events.count is not None)
    assert stored == np.float16 if exact or not seconds.any() else stored == np.float64


@pytest.mark.parametrize("bits", [1, 8])
def test_files_keep_the_rule_of_counts(tmp_path: Path, bits: int) -> None:
    path = tmp_path / "train.h5"
    events = SpikeEvents.from_values([[[0.3, -1.0], [0.2, 7.0]]], [0], bits=bits)
    write_shd(path, events)
    assert read_shd(path).analogue == events.analogue
    assert read_shd(path).content_hash == events.content_hash
    assert replace(events, analogue=None).content_hash != events.content_hash
    with h5py.File(path, "a") as file:
        file.attrs["analogue_scale"] = -1.0
    with refused(DataError, "analogue-scale"):
        read_shd(path)
    with h5py.File(path, "a") as file:
        file.attrs["analogue_scale"] = [1.0, 2.0]
    with refused(DataError, "shd-damaged"):
        read_shd(path)


def test_written_files_have_the_arrays_that_tonic_reads(
    tmp_path: Path, events: SpikeEvents
) -> None:
    write_shd(tmp_path / "x_train.h5", events)
    with h5py.File(tmp_path / "x_train.h5") as file:
        assert file["spikes/times"].shape == file["spikes/units"].shape == (4,)
        assert file["spikes/units"][0].dtype == np.uint16
        assert file["extra/speaker"].shape == file["labels"].shape == (4,)
        assert file["extra/keys"].shape == (2,)


def test_writing_into_a_missing_folder(tmp_path: Path, events: SpikeEvents) -> None:
    write_shd(tmp_path / "missing" / "x_train.h5", events)
    assert load_dataset(tmp_path / "missing").train.content_hash == events.content_hash


def test_a_missing_file(tmp_path: Path) -> None:
    with refused(FileFormatError, "file-missing") as caught:
        read_shd(tmp_path / "shd_train.h5")
    assert "shd_train.h5" in caught.value.what


@pytest.mark.parametrize("keep", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_file(tmp_path: Path, events: SpikeEvents, keep: float) -> None:
    path = tmp_path / "x_train.h5"
    write_shd(path, events)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole))])
    with refused(DataError, "shd-damaged") as caught:
        read_shd(path)
    assert str(path) in caught.value.what
    assert caught.value.why
    assert caught.value.fix
    assert caught.value.exit_code == 2


def test_a_file_that_is_not_hdf5(tmp_path: Path) -> None:
    path = tmp_path / "x_train.h5"
    path.write_text("not found")
    with refused(DataError, "shd-damaged"):
        read_shd(path)


@pytest.mark.parametrize("name", ["spikes/times", "spikes/units", "labels", "spikes"])
def test_a_missing_dataset(tmp_path: Path, events: SpikeEvents, name: str) -> None:
    path = tmp_path / "x_train.h5"
    write_shd(path, events)
    with h5py.File(path, "a") as file:
        del file[name]
    with refused(DataError, "shd-array-missing") as caught:
        read_shd(path)
    assert f"{path}: '{name}" in caught.value.what


def square_times(file: h5py.File) -> None:
    del file["spikes/times"]
    file["spikes/times"] = np.zeros((4, 3))


def integer_times(file: h5py.File) -> None:
    units = file["spikes/units"][()]
    del file["spikes/times"]
    file.create_dataset("spikes/times", data=units, dtype=h5py.vlen_dtype(np.uint16))


def group_for_labels(file: h5py.File) -> None:
    del file["labels"]
    file.create_group("labels")


@pytest.mark.parametrize(
    ("spoil", "code", "word"),
    [
        (square_times, "shd-array-type", "'spikes/times'"),
        (integer_times, "times-integer", "'spikes/times'"),
        (group_for_labels, "shd-array-missing", "'labels'"),
    ],
)
def test_datasets_of_the_wrong_kind(
    tmp_path: Path, events: SpikeEvents, spoil: Callable, code: str, word: str
) -> None:
    path = tmp_path / "x_train.h5"
    write_shd(path, events)
    with h5py.File(path, "a") as file:
        spoil(file)
    with refused(DataError, code) as caught:
        read_shd(path)
    assert word in caught.value.what


@pytest.mark.parametrize(
    ("changes", "code", "place"),
    [
        ({"units": ([3, 700], [], [1])}, "units-range", "sample 0, event 1: unit 700"),
        ({"units": ([3, 4], [], [1]), "n_units": 4}, "units-range", "sample 0, event 1: unit 4"),
        (
            {"units": ([3, -1], [], [1]), "units_dtype": np.int64},
            "units-range",
            "sample 0, event 1: unit -1",
        ),
        ({"labels": (0, 1, 2)}, "labels-range", "sample 2: label 2"),
        ({"labels": (0, -1, 0)}, "labels-range", "sample 1: label -1"),
        ({"labels": (0, 1)}, "lengths-differ", ""),
        ({"labels": (0.0, 0.5, 1.0)}, "labels-not-whole", "sample 1"),
        ({"times": ([0.25, 0.125], [], [0])}, "times-not-ascending", "sample 0, event 1"),
        ({"times": ([0, 0.25], [], [np.inf])}, "times-not-finite", "sample 2, event 0"),
        ({"times": ([0, np.nan], [], [0])}, "times-not-finite", "sample 0, event 1"),
        ({"times": ([-0.5, 0], [], [0])}, "times-negative", "sample 0, event 0: the time -500 ms"),
        ({"times": ([0, 1], [], [])}, "lengths-differ", "sample 2"),
        ({"times": ([0, 1], [])}, "lengths-differ", ""),
        ({"counts": ([1, 0], [], [1])}, "event-count-range", "sample 0, event 1"),
        ({"counts": ([1, 1], [], [1 << 31])}, "event-count-range", "sample 2, event 0"),
        ({"counts": ([1, 2], [], [])}, "lengths-differ", "sample 2"),
        ({"counts": ([1, 2], [])}, "lengths-differ", ""),
        ({"keys": ()}, "classes-missing", ""),
        ({"n_units": 0}, "units-count", ""),
        ({"n_units": "many"}, "shd-damaged", ""),
    ],
)
def test_bad_contents_name_the_file_and_the_place(
    tmp_path: Path, changes: dict, code: str, place: str
) -> None:
    path = write_foreign(tmp_path / "x_train.h5", **changes)
    with refused(DataError, code) as caught:
        read_shd(path)
    assert str(path) in caught.value.what
    assert place in caught.value.what


def test_a_file_without_samples(tmp_path: Path) -> None:
    events = read_shd(
        write_foreign(tmp_path / "x.h5", times=(), units=(), labels=(), times_dtype=float)
    )
    assert (events.n_samples, events.n_events) == (0, 0)


@pytest.mark.parametrize(
    ("train", "test", "option", "n_units"),
    [
        (None, None, None, 700),
        (70, None, None, 70),
        (None, 70, None, 70),
        (70, 70, None, 70),
        (70, 70, 80, 80),
    ],
)
def test_the_number_of_units_is_shared_by_all_files(
    tmp_path: Path, train: int | None, test: int | None, option: int | None, n_units: int
) -> None:
    paths = [
        write_foreign(tmp_path / "x_train.h5", n_units=train),
        write_foreign(tmp_path / "x_test.h5", n_units=test),
    ]
    assumed = train is test is option is None
    assert read_layout(paths, option) == Layout(n_units, ("a", "b"), units_assumed=assumed)


def test_classes_without_names_are_numbered_over_all_files(tmp_path: Path) -> None:
    paths = [
        write_foreign(tmp_path / "x_train.h5", labels=(0, 3, 0), keys=None),
        write_foreign(tmp_path / "x_test.h5", keys=None),
    ]
    layout = read_layout(paths)
    assert layout.class_names == ("0", "1", "2", "3")
    assert read_shd(paths[1], layout).class_names == layout.class_names


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"n_units": 71}, ["n_units", "70", "71"]),
        ({"n_units": 70, "keys": (b"a", b"c")}, ["extra/keys", "x_train.h5", "x_test.h5"]),
    ],
)
def test_inconsistent_files_are_refused(tmp_path: Path, changes: dict, words: list[str]) -> None:
    paths = [
        write_foreign(tmp_path / "x_train.h5", n_units=70),
        write_foreign(tmp_path / "x_test.h5", **changes),
    ]
    with refused(DataError, "shd-disagree") as caught:
        read_layout(paths)
    assert all(name in str(caught.value) for name in words)


def test_split_files(tmp_path: Path) -> None:
    for name in ("ssc_train.h5", "ssc_valid.h5", "ssc_test.h5", "notes.txt"):
        (tmp_path / name).touch()
    assert split_files(tmp_path) == {
        "train": tmp_path / "ssc_train.h5",
        "validation": tmp_path / "ssc_valid.h5",
        "test": tmp_path / "ssc_test.h5",
    }


def test_split_files_of_an_empty_folder(tmp_path: Path) -> None:
    with refused(DataError, "shd-missing"):
        split_files(tmp_path)


def test_split_files_of_two_data_sets(tmp_path: Path) -> None:
    for name in ("a_train.h5", "b_test.h5"):
        (tmp_path / name).touch()
    with refused(DataError, "shd-several") as caught:
        split_files(tmp_path)
    assert "a_train.h5, b_test.h5" in caught.value.what


@pytest.mark.parametrize(
    "names", [("train", "val", "test"), ("x_training", "x-valid", "x_testing")]
)
@pytest.mark.parametrize("suffix", [".h5", ".hdf5"])
def test_split_files_of_other_names(tmp_path: Path, names: tuple[str, ...], suffix: str) -> None:
    for name in names:
        (tmp_path / f"{name}{suffix}").touch()
    paths = split_files(tmp_path)
    assert list(paths) == ["train", "validation", "test"]
    assert [path.stem for path in paths.values()] == list(names)


def test_two_files_of_a_split(tmp_path: Path) -> None:
    for name in ("x_val.h5", "x_valid.h5", "x_train.h5"):
        (tmp_path / name).touch()
    with refused(DataError, "shd-several"):
        split_files(tmp_path)


def test_labels_may_be_whole_floats(tmp_path: Path, events: SpikeEvents) -> None:
    path = tmp_path / "train.h5"
    write_shd(path, events)
    with h5py.File(path, "a") as file:
        labels = file["labels"][()].astype(np.float32)
        del file["labels"]
        file["labels"] = labels
    assert read_shd(path).label.tolist() == events.label.tolist()


def test_an_existing_file_is_replaced_only_with_force(tmp_path: Path, events: SpikeEvents) -> None:
    path = tmp_path / "x_train.h5"
    write_shd(path, events)
    with refused(UsageError, "path-taken"):
        write_shd(path, events[:1])
    assert read_shd(path).n_samples == 4
    write_shd(path, events[:1], force=True)
    assert read_shd(path).n_samples == 1


def test_groups_are_kept(tmp_path: Path, events: SpikeEvents) -> None:
    path = tmp_path / "x_train.h5"
    grouped = replace(events, groups={"speaker": [3, 0, 3, 70_000], "round": [0, 1, 2, 0]})
    write_shd(path, grouped)
    samples = read_shd(path)
    assert {name: group.tolist() for name, group in samples.groups.items()} == {
        "speaker": [3, 0, 3, 70_000],
        "round": [0, 1, 2, 0],
    }
    assert samples[[3, 1]].groups["speaker"].tolist() == [70_000, 0]
    both = SpikeEvents.concatenate([samples, samples[:1]])
    assert both.groups["round"].tolist() == [0, 1, 2, 0, 0]


@pytest.mark.parametrize("name", ["a/b", "x\0y", "keys", ".", "", "\ud800", "/"])
def test_invalid_group_names_are_refused(tmp_path: Path, events: SpikeEvents, name: str) -> None:
    path = tmp_path / "x_train.h5"
    with refused(DataError, "group-name"):
        write_shd(path, replace(events, groups={name: [1, 2, 3, 4]}))
    assert not path.exists()


def test_numeric_class_names_are_not_a_group(tmp_path: Path, events: SpikeEvents) -> None:
    path = tmp_path / "x_train.h5"
    write_shd(path, events)
    with h5py.File(path, "a") as file:
        del file["extra/keys"]
        file["extra/keys"] = np.arange(4)
    samples = read_shd(path)
    assert (samples.class_names, samples.groups) == (("0", "1", "2", "3"), {})


def test_a_group_of_zeros_is_kept_if_another_file_has_other_values(
    tmp_path: Path, events: SpikeEvents
) -> None:
    groups = {"speaker": [0] * 4, "round": [0] * 4}
    write_shd(tmp_path / "x_train.h5", replace(events, groups=groups))
    write_shd(tmp_path / "x_test.h5", replace(events, groups=groups | {"speaker": [0, 0, 0, 5]}))
    data = load_dataset(tmp_path)
    for split, expected in ((data.train, [0, 0, 0, 0]), (data.test, [0, 0, 0, 5])):
        assert {name: column.tolist() for name, column in split.groups.items()} == {
            "speaker": expected
        }
    assert read_shd(tmp_path / "x_train.h5").groups == {}


def test_groups_missing_in_one_file_are_not_added(tmp_path: Path, events: SpikeEvents) -> None:
    """tonic still gets its list of speakers."""
    write_shd(tmp_path / "x_train.h5", replace(events, groups={"speaker": [1, 2, 3, 4]}))
    write_shd(tmp_path / "x_test.h5", events)
    data = load_dataset(tmp_path)
    assert (list(data.train.groups), list(data.test.groups)) == (["speaker"], [])

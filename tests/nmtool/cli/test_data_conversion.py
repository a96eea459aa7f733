"""`nmtool data IN -o FOLDER`: foreign files as a data set."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import nmtool as nm
from nmtool.data import SpikeEvents, load_dataset
from nmtool.data.incoming import FileConventions, read_incoming
from nmtool.errors import UsageError
from tests.nmtool.cli.conftest import Nmtool
from tests.refusals import refused

CSV = """\
sample,label,unit,time_us,split,speaker
a,dog,2,2500,train,3
a,dog,0,9000,train,3
b,cat,,,train,4
a,cat,1,500,test,5
c,dog,3,0,train,3
"""


def test_positions_on_a_sensor_in_a_csv_file(nmtool: Nmtool) -> None:
    Path("dvs.csv").write_text(
        "Trial,Label,X,Y,Polarity,T\n0,1,3,1,-1,10\n0,1,2,0,1,20\n1,0,0,0,1,5\n2,0,,,,\n"
    )
    names = ("--columns", "sample=Trial,time_ms=T")
    result = nmtool("data", "dvs.csv", *names, "--sensor-size", "4,2,2", "-o", "dvs", "--json")
    assert result.code == 0
    assert load_dataset("dvs").train.unit.tolist() == [7, 10, 8]
    result = nmtool("data", "dvs.csv", *names, "--json")
    assert "--sensor-size 4,2,2" in result.err
    assert nmtool("data", "dvs.csv", *names, "--sensor-size", "4,0").code == 2
    result = nmtool("data", "digits", "--columns", "unit=pixel")
    assert (result.code, result.error) == (2, "data-options-unused")


def test_a_csv_file(nmtool: Nmtool) -> None:
    Path("pets.csv").write_text(CSV)
    result = nmtool("data", "pets.csv", "-o", "pets", "--json")
    assert result.code == 0
    assert [remark["code"] for remark in result.json["remarks"]] == [
        "channels-unused",
        "class-missing",
    ]
    remarks = [line.partition(":")[0] for line in result.err.splitlines()]
    assert remarks == ["remark[channels-unused]", "remark[class-missing]"]
    assert result.json["files"] == ["pets/pets_train.h5", "pets/pets_test.h5"]
    data = load_dataset("pets")
    assert data.train.class_names == ("cat", "dog")
    assert data.train.label.tolist() == [1, 0, 1]
    assert data.train.time_ms.tolist() == [2.5, 9.0, 0.0]
    assert data.train.unit.tolist() == [2, 0, 3]
    assert data.train.offset.tolist() == [0, 2, 2, 3]
    assert data.train.groups["speaker"].tolist() == [3, 4, 3]
    assert (data.test.label.tolist(), data.test.n_units) == ([0], 4)
    assert nmtool("data", "pets", "--json").json["splits"] == result.json["splits"]
    assert nmtool("data", "pets.csv", "--units", 9, "--json").json["splits"]["test"]["units"] == 9
    again = nmtool("data", "pets.csv", "-o", "pets")
    assert (again.code, again.error) == (2, "path-taken")
    assert nmtool("data", "pets.csv", "-o", "pets", "--force").code == 0


@pytest.mark.parametrize(
    ("text", "code", "phrase"),
    [
        ("", "csv-columns", ""),
        ("sample,label,unit,time\n", "csv-columns", "time"),
        ("sample,label,unit,time_ms,time_s\n", "csv-columns", ""),
        ("sample,label,unit,time_ms\n0,0,1,soon\n", "csv-not-a-number", "line 2"),
        ("sample,label,unit,time_ms\n0,0,1.5,2\n", "csv-not-a-number", "column unit"),
        ("sample,label,unit,time_ms\n0,0,1\n", "csv-not-a-number", "line 2"),
        ("sample,label,unit,time_ms\n0,0,1,2\n0,1,1,2\n", "csv-sample-differs", "line 3"),
        ("sample,label,unit,time_ms,split\n0,0,1,2,most\n", "csv-split", "most"),
        ("sample,label,unit,time_ms,split\n0,0,1,2,test\n", "split-missing", ""),
        (
            "sample,label,unit,time_ms\n5,0,1,2\n7,0,1,-2\n",
            "times-negative",
            "few.csv: line 3, sample '7': the time -2 ms",
        ),
        ("sample,label,unit,time_s\n7,0,1,inf\n", "times-not-finite", "line 2, sample '7'"),
        ("sample,label,unit,time_s\n7,0,1,1e308\n", "times-not-finite", "line 2, sample '7'"),
        ("sample,label,unit,time_ms\n7,0,-1,2\n", "units-range", "few.csv: line 2, sample '7'"),
        ("sample,label,unit,time_ms\n0,0.5,1,2\n", "labels-not-whole", "few.csv: "),
        # Python 3.10 cannot read a null character.
        ("\0", "csv-columns" if sys.version_info >= (3, 11) else "csv-unreadable", ""),
        ("sample|label|unit|time_ms\n", "csv-columns", "commas"),
        ("sample;label;unit;time_ms\n0;0;1;2,5\n", "csv-columns", "commas"),
        ("sample\tlabel\tunit\ttime_ms\n", "csv-columns", "commas"),
        ("sample,label,x,time_ms\n", "csv-columns", "x and y"),
        ("sample,label,unit,time_ms,keys\n", "csv-columns", "'keys'"),
        ("sample,label,unit,time_ms,a/b\n", "csv-columns", "'a/b'"),
        ("sample,label,unit,time_ms,label\n", "csv-columns", "several columns label"),
        ("sample,label,unit,time_ms,who\n0,0,1,2,0.5\n", "csv-not-a-number", "leave out"),
        ("sample,label,unit,time_ms,who\n0,0,1,2,\n", "csv-cell-empty", "line 2"),
        ("sample,label,unit,time_ms,who\n0,0,1,2,9223372036854775808\n", "csv-not-a-number", "who"),
        ("sample,label,unit,time_ms\n0,0,99999999999,2\n", "units-count", "few.csv: "),
        ("sample,label,unit,time_ms\n0,0,9223372036854775808,2\n", "csv-not-a-number", "line 2"),
        ("sample,label,unit,time_ms\n0,0,-9223372036854775809,2\n", "csv-not-a-number", "line 2"),
        ("sample,label,unit,time_ms\n0,,1,2\n", "csv-cell-empty", "line 2"),
        ("sample,label,unit,time_ms\n0,nan,1,2\n", "csv-cell-empty", "line 2"),
        ("sample,label,unit,time_ms\n0,0,inf,2\n", "csv-not-a-number", "column unit"),
        ("sample,label,unit,time_ms\n0,0,1_0,2\n", "csv-not-a-number", "column unit"),
        ("sample,label,unit,time_ms\n0,0,1e3,2\n", "csv-not-a-number", "column unit"),
        ("sample,label,unit,time_ms\n0,0,\uff15,2\n", "csv-not-a-number", "column unit"),
        ("sample,label,unit,time_ms\n0,0,1,2_0\n", "csv-not-a-number", "column time_ms"),
        ("sample,label,unit,time_ms\n0,0,1,\u0663\n", "csv-not-a-number", "column time_ms"),
        ("sample,label,unit,time_ms\n0,1e3,1,2\n", "csv-not-a-number", "column label"),
        ("sample,label,unit,time_ms,who\n0,0,1,2,1e3\n", "csv-not-a-number", "column who"),
        ("sample,label,unit,time_ms\n7,0,1,1e13\n", "times-too-large", "line 2, sample '7'"),
        ("sample,label,unit,time_ms\n7,0,1,1e308\n", "times-too-large", "line 2, sample '7'"),
        ("sample,label,unit,time_ms\n", "split-missing", "no samples"),
        ("sample,label,unit,time_ms\n0,1000000000,1,2\n", "labels-unnamed", "1000000000"),
        ("sample,label,unit,time_ms,who\n0,0,1,2,3\n0,0,1,2,4\n", "csv-sample-differs", "line 3"),
        ("sample,label,unit,time_ms\n0,0,1,2,9\n", "csv-columns", "line 2"),
        ("sample,label,unit,time_ms\n,0,1,2\n", "csv-cell-empty", "line 2"),
    ],
)
def test_csv_files_with_faults(nmtool: Nmtool, text: str, code: str, phrase: str) -> None:
    Path("few.csv").write_text(text, encoding="utf-8")
    result = nmtool("data", "few.csv", "-o", "few")
    assert (result.code, result.error) == (2, code), result.err
    assert phrase in result.err
    assert not Path("few").exists()


def test_a_csv_file_of_pandas(nmtool: Nmtool) -> None:
    """pandas writes an index column without a name, and floats in columns with empty cells."""
    rows = ["0,0,1.0,2.0,3.5,7.0", "1,0,1.0,0.0,1.0,7.0", "2,1,2.0,nan,nan,8.0", "3,2,2.0,,,8.0"]
    Path("pandas.csv").write_text("\n".join([",sample,label,unit,time_ms,speaker", *rows]))
    assert nmtool("data", "pandas.csv", "-o", "made").code == 0
    events = load_dataset("made").train
    assert events.label.tolist() == [1, 2, 2]
    assert events.offset.tolist() == [0, 2, 2, 2]
    assert events.unit.tolist() == [0, 2]
    assert {name: group.tolist() for name, group in events.groups.items()} == {"speaker": [7, 8, 8]}


@pytest.mark.parametrize(
    ("file", "option"),
    [
        ("pets.csv", ("--dt", 1)),
        ("dense.npz", ("--units", 9)),
        ("dense.npz", ("--bits", 4)),
        ("dense.npz", ("--delta", 0.1)),
        ("pets.csv", ("--scale", 0.1)),
        ("two", ("--dt", 1)),
    ],
)
@pytest.mark.usefixtures("data")
def test_options_without_effect_are_refused(
    nmtool: Nmtool, file: str, option: tuple[str, Any]
) -> None:
    Path("pets.csv").write_text(CSV)
    np.savez("dense.npz", spikes=np.ones((2, 5, 3)), labels=[0, 1], dt_ms=1.0)
    result = nmtool("data", file, "-o", "made", *option)
    assert (result.code, result.error) == (2, "data-options-unused")
    assert option[0] in result.err
    assert not Path("made").exists()


def test_times_of_another_unit(nmtool: Nmtool) -> None:
    head = "sample,label,unit,{}\n0,0,0,1\n0,0,1,300\n1,1,0,4\n1,1,1,280\n"
    for column, codes in {
        "time_s": ["times-look-like-ms"],
        "time_ms": [],
        "time_us": ["times-look-like-seconds"],
    }.items():
        Path("some.csv").write_text(head.format(column))
        result = nmtool("data", "some.csv", "--json")
        assert [remark["code"] for remark in result.json["remarks"]] == [*codes, "test-missing"]


def test_an_array_alone(nmtool: Nmtool) -> None:
    np.save("dense.npy", np.ones((2, 5, 3)))
    result = nmtool("data", "dense.npy", "-o", "made")
    assert (result.code, result.error) == (2, "folder-is-file")
    assert "np.savez" in result.err
    assert "dense.npy -o" not in result.err
    with refused(UsageError, "data-file-unknown"):
        read_incoming("dense.npy")


def test_invalid_utf_8_is_refused(nmtool: Nmtool) -> None:
    Path("few.csv").write_bytes(b"sample,label\xff")
    assert nmtool("data", "few.csv").error == "csv-unreadable"


def test_dense_arrays(nmtool: Nmtool) -> None:
    dense = np.random.default_rng(0).random((12, 20, 2, 3)) < 0.1
    label = np.arange(12) % 2
    splits: dict[str, Any] = {
        "train_spikes": dense,
        "train_labels": label,
        "test_spikes": dense[:4],
    }
    np.savez("made.npz", **splits, test_labels=label[:4], class_names=["no", "yes"])
    assert nmtool("data", "made.npz").error == "dense-step-unknown"
    assert nmtool("data", "made.npz", "-o", "made", "--dt", 2).code == 0
    data = load_dataset("made")
    assert data.train.class_names == ("no", "yes")
    assert data.test.label.tolist() == [0, 1, 0, 1]
    sample, step, unit = np.nonzero(dense.reshape(12, 20, 6))
    assert data.train.sample_index().tolist() == sample.tolist()
    assert data.train.time_ms.tolist() == (2.0 * step).tolist()
    assert data.train.unit.tolist() == unit.tolist()


def test_arrays_of_numbers(nmtool: Nmtool) -> None:
    values = np.random.default_rng(0).normal(size=(12, 20, 2))
    label = np.arange(12) % 2
    splits = {"train_values": values[:8], "test_values": values[8:]}
    labels = {"train_labels": label[:8], "test_labels": label[8:]}
    np.savez("made.npz", **splits, **labels, dt_ms=1.0)
    assert nmtool("data", "made.npz", "-o", "counts", "--bits", 4).code == 0
    train = SpikeEvents.from_values(values[:8], label[:8], bits=4)
    test = SpikeEvents.from_values(values[8:], label[8:], **train.analogue.as_json())
    data = load_dataset("counts")
    assert data.train.content_hash == train.content_hash
    assert data.test.content_hash == test.content_hash
    assert nmtool("data", "made.npz", "-o", "changes", "--delta", 0.5).code == 0
    changes = nm.encode_delta(values[8:], label[8:], threshold=0.5)
    assert load_dataset("changes").test.content_hash == changes.content_hash
    both = nmtool("data", "made.npz", "--delta", 0.5, "--bits", 4)
    assert (both.code, both.error) == (2, "data-options-unused")
    np.savez("mixed.npz", train_spikes=values[:8] > 1, test_values=values[8:], **labels)
    assert nmtool("data", "mixed.npz", "--dt", 1).error == "npz-arrays"


def test_one_split_is_divided(nmtool: Nmtool) -> None:
    np.savez("all.npz", spikes=np.ones((20, 5, 3)), labels=np.arange(20) % 2, dt_ms=1.0)
    words = ("data", "all.npz", "-o", "all", "--test", 0.2)
    assert nmtool(*words).code == 0
    data = load_dataset("all")
    assert (data.train.n_samples, data.test.label.tolist().count(0)) == (16, 2)
    assert data.test.n_samples == 4
    assert nmtool("data", "all", "--test", 2).error == "test-exists"
    assert nmtool("data", "all.npz", "--test", 20).error == "test-range"


def test_whole_speakers_become_the_test_split(nmtool: Nmtool) -> None:
    rows = [f"{n},{n % 2},0,1,{n // 4}" for n in range(20)]
    Path("spoken.csv").write_text("\n".join(["sample,label,unit,time_ms,speaker", *rows]))
    words = ("data", "spoken.csv", "-o", "spoken")
    assert nmtool(*words, "--test-by", "speaker").error == "option-unused"
    assert nmtool(*words, "--test", 0.4, "--test-by", "person").error == "validation-by-unknown"
    assert nmtool(*words, "--test", 0.4, "--test-by", "speaker").code == 0
    data = load_dataset("spoken")
    test, train = (set(split.groups["speaker"].tolist()) for split in (data.test, data.train))
    assert (len(test), test & train) == (2, set())


def test_names_of_columns_may_have_spaces(nmtool: Nmtool) -> None:
    Path("few.csv").write_text("sample, label, unit, time_ms\n0, cat, 1, 2\n")
    assert nmtool("data", "few.csv", "--json").json["splits"]["train"]["classes"] == {"cat": 1}


def test_a_file_without_samples(nmtool: Nmtool) -> None:
    np.savez("none.npz", spikes=np.ones((0, 5, 3)), labels=np.zeros(0, int), dt_ms=1.0)
    assert nmtool("data", "none.npz", "--json").json["splits"]["train"]["samples"] == 0


def test_many_classes_are_printed_on_one_line(nmtool: Nmtool) -> None:
    np.savez("many.npz", spikes=np.ones((2, 5, 3)), labels=[0, 999], dt_ms=1.0)
    line = next(row for row in nmtool("data", "many.npz").out.splitlines() if "classes:" in row)
    assert line.endswith(" 98, 99 and 900 more")


@pytest.mark.parametrize(
    ("arrays", "code"),
    [
        ({"spikes": np.ones((2, 3, 4))}, "npz-arrays"),
        ({"train_spikes": np.ones((2, 3, 4)), "test_labels": [0, 1]}, "npz-arrays"),
        ({"weights": np.ones(3)}, "npz-arrays"),
        (
            {
                "spikes": np.ones((2, 3, 4)),
                "labels": [0, 1],
                "test_spikes": np.ones((2, 3, 4)),
                "test_labels": [0, 1],
            },
            "npz-arrays",
        ),
        ({"spikes": np.ones((2, 3)), "labels": [0, 1]}, "dense-dimensions"),
        ({"spikes": np.full((2, 3, 1), 0.5), "labels": [0, 1]}, "dense-not-spikes"),
        ({"spikes": np.ones((2, 3, 4)), "labels": [0]}, "lengths-differ"),
        ({"spikes": np.ones((2, 3, 4)), "labels": np.eye(2)}, "labels-count"),
        ({"spikes": np.ones((2, 3, 4)), "labels": [0, 1 << 40]}, "labels-unnamed"),
        ({"spikes": np.array([{}]), "labels": [0]}, "archive-damaged"),
        ({"spikes": np.full((2, 3, 4), "1"), "labels": [0, 1]}, "dense-not-spikes"),
        ({"spikes": np.ones((2, 3, 4), complex), "labels": [0, 1]}, "dense-not-spikes"),
        ({"spikes": np.ones((2, 3, 4)), "labels": [0, 1], "dt_ms": [1.0, 1.0]}, "npz-step"),
        ({"spikes": np.ones((2, 3, 4)), "labels": [0, 1], "dt_ms": []}, "npz-step"),
        ({"spikes": np.ones((2, 3, 4)), "labels": [0, 1], "dt_ms": "x"}, "npz-step"),
        ({"spikes": np.ones((2, 3, 4)), "labels": [0, 1], "dt_ms": 1j}, "npz-step"),
        ({"spikes": np.ones((2, 3, 4)), "labels": [0, 1], "a/b": [0, 1]}, "group-name"),
    ],
)
def test_archives_with_faults(nmtool: Nmtool, arrays: dict[str, Any], code: str) -> None:
    np.savez("few.npz", **arrays)
    result = nmtool("data", "few.npz", "-o", "few", "--dt", 1)
    assert (result.code, result.error) == (2, code), result.err


@pytest.mark.parametrize(
    ("arrays", "fix"),
    [
        ({"spikes": np.array([[1.5], [2, 3]], object), "labels": [0, 1]}, "np.stack"),
        ({"times": [1.0, 2.0], "units": [0, 1], "samples": [0, 0]}, "CSV"),
    ],
)
def test_archives_of_events_suggest_csv_or_lists(
    nmtool: Nmtool, arrays: dict[str, Any], fix: str
) -> None:
    np.savez("few.npz", **arrays)
    result = nmtool("data", "few.npz")
    assert (result.code, fix in result.err, "from_lists" in result.err) == (2, True, True)


def test_a_split_in_two_files(nmtool: Nmtool) -> None:
    Path("two").mkdir()
    rows = "sample,label,time_ms,unit,split\n0,0,1,0,train\n1,1,1,1,test\n"
    Path("two/a_train.csv").write_text(rows, encoding="utf-8")
    Path("two/a_test.csv").write_text("sample,label,time_ms,unit\n0,0,1,0\n", encoding="utf-8")
    result = nmtool("data", "two", "-o", "made")
    assert (result.code, result.error) == (2, "split-twice")


@pytest.mark.usefixtures("nmtool")
@pytest.mark.parametrize("step", [2, 2.0, [2.0], [[2]]])
def test_a_step_in_the_archive(step: Any) -> None:
    np.savez("one.npz", spikes=np.ones((1, 3, 1)), labels=[0], dt_ms=step)
    assert read_incoming("one.npz").train.time_ms.tolist() == [0, 2, 4]


@pytest.mark.parametrize("prefix", ["", "train_"])
def test_arrays_without_a_time_axis_are_refused(nmtool: Nmtool, prefix: str) -> None:
    """The error is about their shape, not about the missing length of a step."""
    np.savez("two.npz", **{f"{prefix}spikes": np.ones((2, 3)), f"{prefix}labels": [0, 1]})
    values = nmtool("data", "two.npz")
    assert (values.code, values.error) == (2, "dense-dimensions")
    assert "SpikeEvents.from_lists" in values.err
    np.savez("one.npz", spikes=np.ones((5, 3)), labels=[0])
    sample = nmtool("data", "one.npz")
    assert (sample.code, sample.error) == (2, "dense-dimensions")
    assert "SpikeEvents.from_lists" not in sample.err


def test_groups_of_an_archive(nmtool: Nmtool) -> None:
    arrays: dict[str, Any] = {"spikes": np.ones((3, 5, 2)), "labels": [0, 1, 0], "dt_ms": 1.0}
    np.savez("mine.npz", **arrays, speaker=[4, 4, 9], room=["b", "a", "b"])
    result = nmtool("data", "mine.npz", "-o", "mine")
    assert result.code == 0
    assert "arrays-unused" not in result.err
    groups = load_dataset("mine").train.groups
    assert {name: group.tolist() for name, group in groups.items()} == {
        "speaker": [4, 4, 9],
        "room": [1, 0, 1],
    }


@pytest.mark.usefixtures("nmtool")
@pytest.mark.parametrize("words", [("training", "valid", "testing"), ("train", "val", "test")])
def test_names_of_splits_are_the_same_in_all_files(words: tuple[str, str, str]) -> None:
    """They are the same in names of files, in a column of a CSV file and in names of arrays."""
    rows = [f"{i},{i % 2},0,1,{word}" for i, word in enumerate(words)]
    Path("mine.csv").write_text("\n".join(["sample,label,unit,time_ms,split", *rows]))
    arrays: dict[str, Any] = {"dt_ms": 1.0}
    Path("folder").mkdir()
    for number, word in enumerate(words):
        arrays |= {f"{word}_spikes": np.ones((1, 2, 1)), f"{word}_labels": [number % 2]}
        arrays |= {f"{word}_speaker": [number]}
        archive = {"spikes": np.ones((1, 2, 1)), "labels": [number % 2], "dt_ms": 1.0}
        np.savez(f"folder/mine_{word}.npz", **archive)
    np.savez("mine.npz", **arrays)
    for name in ("mine.csv", "mine.npz", "folder"):
        data = read_incoming(name)
        assert data.splits == ("train", "validation", "test")
        labels = [data.split(split).label.tolist() for split in data.splits]
        assert labels == [[0], [1], [0]]
    grouped = read_incoming("mine.npz")
    assert [grouped.split(s).groups["speaker"].tolist() for s in grouped.splits] == [[0], [1], [2]]


@pytest.mark.usefixtures("nmtool")
def test_groups_of_each_split_of_an_archive() -> None:
    arrays: dict[str, Any] = {"dt_ms": 1.0}
    for split, n in (("train", 2), ("val", 2), ("test", 1)):
        arrays |= {f"{split}_spikes": np.ones((n, 5, 2)), f"{split}_labels": np.zeros(n, int)}
    groups = {"train_speaker": [1, 2], "val_speaker": [3, 4], "test_speaker": [5]}
    np.savez("mine.npz", **arrays, **groups)
    data = read_incoming("mine.npz")
    assert data.validation is not None
    for events, expected in ((data.train, [1, 2]), (data.validation, [3, 4]), (data.test, [5])):
        assert {name: group.tolist() for name, group in events.groups.items()} == {
            "speaker": expected
        }


def test_unused_arrays_give_a_remark(nmtool: Nmtool) -> None:
    arrays: dict[str, Any] = {"spikes": np.ones((2, 5, 2)), "labels": [0, 1], "dt_ms": 1.0}
    others = {"dt": 2, "weights": np.ones((4, 4)), "share": [0.5, 1.0], "few": [1]}
    np.savez("mine.npz", **arrays, **others, room=[4, 9])
    result = nmtool("data", "mine.npz")
    assert result.code == 0
    (remark,) = (line for line in result.err.splitlines() if "[arrays-unused]" in line)
    assert all(name in remark for name in others)
    assert "room" not in remark
    assert list(read_incoming("mine.npz").train.groups) == ["room"]


def _of_two_files(train: list[str] | None, test: list[str] | None) -> Path:
    """Write a folder of two archives with labels 0 and 1, and perhaps class names."""
    folder = Path("two_files")
    folder.mkdir()
    for split, names in (("train", train), ("test", test)):
        options: dict[str, Any] = {} if names is None else {"class_names": names}
        spikes = np.ones((2, 5, 3))
        np.savez(folder / f"{split}.npz", spikes=spikes, labels=[0, 1], dt_ms=1.0, **options)
    return folder


@pytest.mark.usefixtures("nmtool")
@pytest.mark.parametrize(
    ("train", "test"), [(["cat", "dog"], None), (None, ["cat", "dog"]), (["cat", "dog"],) * 2]
)
def test_class_names_of_one_file_apply_to_all_splits(
    train: list[str] | None, test: list[str] | None
) -> None:
    data = read_incoming(_of_two_files(train, test))
    assert data.train.class_names == data.test.class_names == ("cat", "dog")


def test_names_of_classes_that_differ_between_files(nmtool: Nmtool) -> None:
    folder = _of_two_files(["cat", "dog"], ["dog", "cat"])
    result = nmtool("data", folder, "-o", "made")
    assert (result.code, result.error) == (2, "shd-disagree")
    assert str(folder) in result.err


def test_names_of_groups_are_numbered_over_all_splits(nmtool: Nmtool) -> None:
    rows = ["a,0,0,1,train,zoe,3,5", "b,1,0,1,train,anna,3,x", "c,1,0,1,test,ida,4,5"]
    Path("named.csv").write_text(
        "\n".join(["sample,label,unit,time_ms,split,speaker,round,room", *rows])
    )
    result = nmtool("data", "named.csv", "-o", "made")
    assert result.code == 0
    (line,) = (line for line in result.err.splitlines() if "speaker" in line)
    assert line.startswith("remark[groups-numbered]")
    places = [line.index(name) for name in ("anna", "ida", "zoe")]
    assert places == sorted(places)
    assert not [line for line in result.err.splitlines() if "round" in line]
    data = load_dataset("made")
    train, test = data.train.groups, data.test.groups
    assert (train["speaker"].tolist(), test["speaker"].tolist()) == ([2, 0], [1])
    assert (train["round"].tolist(), test["round"].tolist()) == ([3, 3], [4])
    assert train["room"].tolist() == [0, 1]


def test_a_column_of_zeros_is_a_group_if_another_split_has_other_values(nmtool: Nmtool) -> None:
    rows = ["a,0,0,1,train,0", "b,1,0,1,train,0", "c,1,0,1,test,1"]
    Path("spoken.csv").write_text("\n".join(["sample,label,unit,time_ms,split,speaker", *rows]))
    assert nmtool("data", "spoken.csv", "-o", "made").code == 0
    data = load_dataset("made")
    assert data.train.groups["speaker"].tolist() == [0, 0]
    assert data.test.groups["speaker"].tolist() == [1]


def test_a_negative_seed_is_refused(nmtool: Nmtool) -> None:
    Path("pets.csv").write_text(CSV.replace(",test,", ",train,").replace("a,cat", "d,cat"))
    result = nmtool("data", "pets.csv", "-o", "pets", "--test", 0.5, "--seed", -1)
    assert (result.code, result.error) == (2, "setting-range")
    assert nmtool("data", "pets.csv", "-o", "pets", "--test", 0.5, "--seed", 1).code == 0


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"dt_ms": "1"}, "argument-type"),
        ({"n_units": 2.5}, "argument-type"),
    ],
)
def test_invalid_conventions_are_refused(wrong: dict[str, Any], code: str) -> None:
    with refused(UsageError, code):
        FileConventions(**wrong)


def test_a_folder_of_files(nmtool: Nmtool) -> None:
    Path("raw").mkdir()
    head, *rows = CSV.replace(",split", "").splitlines()
    rows = [row.replace(",train", "").replace(",test", "") for row in rows]
    Path("raw/train.csv").write_text("\n".join((head, *rows[:3])))
    Path("raw/val.csv").write_text("\n".join((head, rows[3])))
    assert nmtool("data", "raw", "-o", "made").code == 0
    data = load_dataset("made")
    assert data.splits == ("train", "validation")
    assert data.train.n_units == 3


def test_a_built_in_set_is_written(nmtool: Nmtool) -> None:
    pytest.importorskip("sklearn")
    assert nmtool("data", "digits", "-o", "here").code == 0
    assert load_dataset("here").validation is not None
    with h5py.File("here/here_valid.h5") as file:
        assert file["labels"].shape == (200,)


def test_evaluating_on_an_unconverted_file_is_refused(nmtool: Nmtool) -> None:
    Path("pets.csv").write_text(CSV)
    result = nmtool("evaluate", "zoo:digits", "pets.csv")
    assert (result.code, result.error) == (2, "folder-is-file")
    assert "nmtool data pets.csv -o FOLDER" in result.err

"""`nmtool teach`, and `nmtool train --teacher`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import nmtool as nm
from nmtool.data.teacher import Teacher
from tests.nmtool.cli import cases
from tests.nmtool.cli.conftest import Nmtool

TRAIN = cases.spike_events(cases.N_TRAIN, 1)


@pytest.mark.usefixtures("data")
def test_a_teacher_of_files(nmtool: Nmtool, floats: Path, integers: Path) -> None:
    words = ("teach", floats, integers, "-o", "t.npz", "--data", "two", "--gain", "3")
    result = nmtool(*words, "--threads", "1", "--json")
    assert result.code == 0
    expected = nm.soft_labels([floats, integers], nm.load_dataset("two"), gain=3.0)
    teacher = Teacher.load("t.npz")
    assert teacher.content_hash == expected.content_hash
    assert result.json == {"file": "t.npz", **json.loads(json.dumps(expected.as_json()))}
    assert f"the label for {expected.agreement(TRAIN.label):.1%} of 12 training" in result.err
    again = nmtool(*words)
    assert (again.code, again.error) == (2, "path-taken")
    shown = nmtool(*words, "--force")
    assert shown.code == 0
    assert expected.content_hash in shown.out
    assert shown.out.endswith("t.npz written\n")
    assert nmtool("inspect", "t.npz", "--json").json["data_hash"] == TRAIN.content_hash


@pytest.mark.torch
@pytest.mark.usefixtures("data")
def test_one_run_teaches_another(nmtool: Nmtool) -> None:
    assert nmtool("train", "two", "-o", "run0", *cases.SETTINGS).code == 0
    assert nmtool("teach", "run0", "-o", "t.npz").code == 0
    taught = nmtool(
        *("train", "two", "-o", "run1", *cases.SETTINGS),
        *("--teacher", "t.npz", "--teacher-share", "0.75", "--blend", "0.5"),
    )
    assert taught.code == 0
    assert "soft labels have a weight of 75% in the loss" in taught.err
    manifest = json.loads(Path("run1/run.json").read_text())
    assert manifest["teacher"] == Teacher.load("t.npz").content_hash
    options = manifest["options"]
    assert (options["teacher"], options["teacher_share"]) == ("t.npz", 0.75)
    Path("settings.toml").write_text('teacher = "t.npz"\nteacher_share = 0.75\nblend = 0.5\n')
    words = ("train", "two", "-o", "run2", *cases.SETTINGS, "--config", "settings.toml")
    assert nmtool(*words).code == 0
    hashes = [nm.load(f"run{n}").content_hash for n in (0, 1, 2)]
    assert hashes[0] != hashes[1] == hashes[2]


@pytest.mark.usefixtures("data")
def test_invalid_calls_are_refused(nmtool: Nmtool, floats: Path) -> None:
    data, gain = ("--data", "two"), ("--gain", "3")
    for words, code in (
        (("-o", "t.npy", *data, *gain), "extension-wrong"),
        (("-o", "t.npz", *data), "gain-unknown"),
        (("-o", floats, *data, *gain, "--force"), "path-foreign"),
    ):
        result = nmtool("teach", floats, *words)
        assert (result.code, result.error) == (2, code)
    assert not Path("t.npz").exists()


@pytest.mark.torch
@pytest.mark.usefixtures("data")
def test_several_networks_teach_together(nmtool: Nmtool) -> None:
    assert nmtool("train", "two", "-o", "run0", *cases.SETTINGS).code == 0
    assert nmtool("teach", "run0", "-o", "t.npz").code == 0
    words = ("train", "two", *cases.SETTINGS, "--teacher-share", "0.75")
    assert nmtool(*words, "-o", "run1", "--teacher", "run0").code == 0
    assert nmtool(*words, "-o", "run2", "--teacher", "t.npz").code == 0
    assert nm.load("run1").content_hash == nm.load("run2").content_hash
    teacher = Teacher.load("run1/teacher.npz")
    assert teacher.content_hash == Teacher.load("t.npz").content_hash
    assert nmtool("train", "two", "-o", "run1", "--resume", "--epochs", "4").code == 0
    run = nm.train("two", nm.TrainOptions(hidden=3, steps=30, epochs=1), teacher=["run0", "run1"])
    assert run.options.teacher == "teacher.npz"
    assert not Path("teacher.npz").exists()
    settings = (*cases.SETTINGS, "--folds", 2)
    folds = nmtool("train", "two", "-o", "cv", *settings, "--teacher", "run0")
    assert (folds.code, folds.error) == (2, "crossvalidation-teacher")
    resumed = nmtool("train", "two", "-o", "run1", "--resume", "--teacher", "run0")
    assert (resumed.code, resumed.error) == (2, "resume-teacher-given")

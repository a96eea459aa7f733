"""Studies whose trials learn from teachers, which must not change during the study."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nmtool as nm
from nmtool.data.teacher import Teacher
from nmtool.errors import DataError, FileFormatError, UsageError
from nmtool.training.studies.plan import read_plan
from nmtool.training.studies.sweep import sweep
from tests.nmtool.cli.studies import trials, write_study
from tests.refusals import codes, refused

pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("data")]

TEACHERS = {"a.npz": 1, "b.npz": 2}


@pytest.fixture(autouse=True)
def _teachers(data: Path) -> None:
    """Two teachers in the working folder."""
    for name, seed in TEACHERS.items():
        rows = np.random.default_rng(seed).dirichlet(np.ones(2), 12)
        Teacher(rows, nm.load_dataset("two").content_hash).save(name)


def test_teachers_and_shares_are_searched() -> None:
    search = '[search]\nteacher = ["a.npz", "b.npz", "none"]\nteacher_share = {low = 0, high = 1}\n'
    write_study("trials = 3\n", search=search)
    result = sweep("study.toml")
    assert [state for state, *_ in trials()] == ["COMPLETE"] * 3
    assert result.best["teacher"] in (*TEACHERS, None)
    assert nm.TrainOptions.from_file(result.best_file).teacher == result.best["teacher"]
    assert read_plan("study.toml").conditions()["teachers"] == {
        name: Teacher.load(name).content_hash for name in TEACHERS
    }


def test_a_study_without_teachers_does_not_mention_them() -> None:
    write_study()
    assert "teachers" not in read_plan("study.toml").conditions()


def test_another_teacher_in_the_same_file() -> None:
    write_study("trials = 1\n", 'teacher = "a.npz"\n')
    sweep("study.toml")
    Path("b.npz").rename("a.npz")
    write_study("trials = 2\n", 'teacher = "a.npz"\n')
    with refused(UsageError, "study-differs") as caught:
        sweep("study.toml")
    assert codes(caught.value) == ["setting-differs"]
    assert caught.value.findings[0].where == "teachers"


def test_teachers_of_others_are_refused_before_the_first_trial() -> None:
    write_study("trials = 1\n", 'teacher = "no.npz"\n')
    with refused(FileFormatError, "teacher-missing"):
        sweep("study.toml")
    np.save("short.npy", np.full((11, 2), 0.5))
    search = '[search]\nteacher = ["a.npz", "short.npy"]\n'
    write_study("trials = 1\n", search=search)
    with refused(DataError, "teacher-shape"):
        sweep("study.toml")

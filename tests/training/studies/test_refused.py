"""Errors that prevent a study from running."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from nmtool.errors import DataError, FileFormatError, MissingError, StorageError, UsageError
from nmtool.training.studies.plan import read_plan
from nmtool.training.studies.study import open_study
from nmtool.training.studies.sweep import sweep
from tests.nmtool.cli.studies import one_epoch, write_study
from tests.refusals import codes, refused

pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("data")]
pytest.importorskip("optuna")


@pytest.mark.parametrize(
    ("change", "where", "what"),
    [
        (("hidden = 6", "hidden = 7"), "hidden", "was 6, is now 7"),
        (("high = 0.1", "high = 0.2"), "lr", "was {low = 0.001, high = 0.1, log = True}, is now {"),
        (('["mean", "max"]', '["max", "mean"]'), "readout", "was ['mean', 'max'], is now ['max'"),
        (("trials = 1", "trials = 1\nseeds = 3"), "seeds", "was 1, is now 3"),
        (('data = "two"', 'data = "yinyang"'), "data", "was 'folder ../two', is now 'yinyang'"),
        (("validation = 4", "validation = 4\ngain = 9.0"), "gain", "was 50.0, is now 9.0"),
    ],
)
def test_another_study_in_the_same_folder(change: tuple[str, str], where: str, what: str) -> None:
    write_study("trials = 1\n")
    with open_study(read_plan("study.toml")):
        pass
    file = Path("study.toml")
    changed = file.read_text().replace(*change)
    assert changed != file.read_text()
    file.write_text(changed)
    with refused(UsageError, "study-differs") as caught:
        sweep("study.toml")
    assert codes(caught.value) == ["setting-differs"]
    assert caught.value.findings[0].where == where
    assert caught.value.findings[0].what.startswith(what)


@pytest.mark.parametrize(("number", "code"), [(400, "validation-range"), (0, "study-unvalidated")])
def test_data_without_validation(number: int, code: str) -> None:
    write_study("trials = 1\n")
    file = Path("study.toml")
    file.write_text(file.read_text().replace("validation = 4", f"validation = {number}"))
    with refused(UsageError, code):
        sweep("study.toml")


def test_errors_of_every_trial_are_reported_before_the_first() -> None:
    write_study("trials = 3\n")
    file = Path("study.toml")
    file.write_text(file.read_text().replace("steps = 30", "steps = 1"))
    with refused(DataError, "events-mostly-dropped"):
        sweep("study.toml")
    with open_study(read_plan("study.toml")) as study:
        assert study.trials() == []


def test_less_than_one_process_is_refused() -> None:
    write_study()
    with refused(UsageError, "processes-range"):
        sweep("study.toml", processes=0)
    assert not Path("study").exists()


@pytest.mark.parametrize("threads", [0, 10**6])
@pytest.mark.parametrize("processes", [1, 2])
def test_more_threads_than_cores_are_refused(threads: int, processes: int) -> None:
    write_study()
    with refused(UsageError, "threads-range") as caught:
        sweep("study.toml", threads=threads, processes=processes)
    assert str(threads) in caught.value.what


@pytest.mark.parametrize("processes", [1, 2])
def test_a_missing_device(processes: int) -> None:
    write_study()
    with refused(UsageError, "device-unknown"):
        sweep("study.toml", device="tpu", processes=processes)


def test_optuna_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    write_study()
    with refused(MissingError, "library-missing") as caught:
        sweep("study.toml")
    assert "optuna" in caught.value.what
    assert "'optuna<" in caught.value.fix
    assert not Path("study").exists()


def test_a_damaged_storage() -> None:
    write_study()
    Path("study").mkdir()
    Path("study/study.db").write_text("not a database, however long it is " * 100)
    with refused(FileFormatError, "file-damaged") as caught:
        sweep("study.toml")
    assert "study/study.db" in caught.value.what


@pytest.mark.parametrize(
    ("url", "kind", "code"),
    [
        ("study.db", UsageError, "storage-url"),
        ("redis://here", UsageError, "storage-url"),
        ("mysql+mysqlconnector://someone:secret@here/db", MissingError, "library-missing"),
        ("sqlite:///no folder/study.db", MissingError, "storage-unreachable"),
    ],
)
def test_an_unreachable_database(
    url: str, kind: type[UsageError | MissingError], code: str
) -> None:
    write_study()
    with refused(kind, code) as caught:
        sweep("study.toml", storage=url)
    assert url.replace("secret", "***") in caught.value.what
    assert caught.value.why
    assert caught.value.fix


def test_the_storage_fails_during_a_study(monkeypatch: pytest.MonkeyPatch) -> None:
    def train(*arguments: object, **keywords: object) -> None:
        with closing(sqlite3.connect("study/study.db")) as database:
            database.execute("DROP TABLE trial_intermediate_values")
        one_epoch(*arguments, **keywords)

    monkeypatch.setattr("nmtool.training.loop.run.run_training", train)
    write_study("trials = 1\n")
    with refused(StorageError, "study-store-failed") as caught:
        sweep("study.toml")
    assert caught.value.why


def test_the_folder_cannot_be_made() -> None:
    write_study()
    Path("study").write_text("a file")
    with refused(StorageError, "folder-not-made"):
        sweep("study.toml")


def test_logs_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nmtool.training.loop.run.run_training", one_epoch)
    write_study("trials = 1\n")
    Path("study").mkdir()
    Path("study/trials").write_text("a file")
    with refused(StorageError, "folder-not-made"):
        sweep("study.toml")

"""Trials in Optuna's storage: errors of the storage, and processes that die or search together."""

from __future__ import annotations

import logging
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from nmtool.errors import FileFormatError, MissingError, StorageError, UsageError
from tests.refusals import refused
from tests.training.studies.searches import ROOT, fake_training, run_search, states, stored

pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("data")]

from optuna.trial import TrialState  # noqa: E402

from nmtool.training.studies import trials as in_storage  # noqa: E402
from nmtool.training.studies.trials import open_trials  # noqa: E402


def test_two_searches_in_one_database(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_training([0.5] * 20, monkeypatch)
    url = "sqlite:///shared.db"
    assert len(run_search(1, storage=url).short) == 1
    assert len(run_search(2, storage=url, folder="other").short) == 2
    assert len(run_search(2, storage=url).short) == 2
    assert not Path("study/study.db").exists()


@pytest.mark.parametrize(
    "content", [b"not a database " * 100, b"SQLite format 3\0" + b"\xff" * 4000]
)
def test_a_damaged_storage(content: bytes) -> None:
    Path("study").mkdir()
    Path("study/study.db").write_bytes(content)
    with refused(FileFormatError, "file-damaged") as caught:
        run_search()
    assert "study/study.db" in caught.value.what
    assert caught.value.why


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE trials SET state = 'COMPLETF'",
        "UPDATE trial_user_attributes SET value_json = '[0.5'",
        "UPDATE trial_params SET distribution_json = '{}'",
        "UPDATE study_user_attributes SET value_json = '\"[\"' WHERE key = 'conditions'",
    ],
)
def test_changed_entries_are_refused(change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_training([0.5] * 3, monkeypatch)
    run_search(1)
    with closing(sqlite3.connect("study/study.db")) as database:
        database.execute(change)
        database.commit()
    with refused(FileFormatError, "file-damaged"):
        run_search(1)


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
    with refused(kind, code) as caught:
        run_search(storage=url)
    assert url.replace("secret", "***") in caught.value.what
    assert caught.value.why
    assert caught.value.fix


def test_the_storage_fails_during_a_search(monkeypatch: pytest.MonkeyPatch) -> None:
    def report(_: object, trial: Any, *__: object) -> None:
        with closing(sqlite3.connect("study/study.db")) as database:
            database.execute("DROP TABLE trial_intermediate_values")
        trial.report(0.5, 1)

    monkeypatch.setattr("nmtool.training.studies.search._Search._run_full", report)
    with refused(StorageError, "search-store-failed") as caught:
        run_search()
    assert caught.value.why


def test_the_folder_cannot_be_made() -> None:
    Path("study").write_text("a file")
    with refused(StorageError, "folder-not-made"):
        run_search()


def test_optuna_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("nmtool.training.studies.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "optuna", None)
    monkeypatch.setitem(sys.modules, "optuna.distributions", None)
    with refused(MissingError, "library-missing") as caught:
        run_search()
    assert "optuna" in caught.value.what
    assert not Path("study").exists()


def test_a_missing_device_and_too_many_threads() -> None:
    with refused(UsageError, "device-unknown"):
        run_search(device="tpu")
    with refused(UsageError, "threads-range"):
        run_search(threads=10**6)


# Several processes

KILLED = """
import os, signal, sys, threading
from pathlib import Path
from nmtool.training.studies import trials

trials.HEARTBEAT_S = 1
with trials.open_trials(Path("study"), None, 1) as own:
    def score(trial):
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGKILL)).start()
        while True:
            pass
    own.short.enqueue_trial({})
    own.run_next(own.short, {}, 0, score)
"""


@pytest.mark.long
def test_the_trial_of_a_process_that_died_runs_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_storage, "HEARTBEAT_S", 1)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    job = subprocess.run([sys.executable, "-c", KILLED], env=environment, check=False)
    assert job.returncode == -signal.SIGKILL
    assert states() == ["RUNNING"]
    time.sleep(in_storage.MISSED_HEARTBEATS + 1)
    fake_training([0.5] * 9, monkeypatch)
    run_search(1)
    assert states() == ["FAIL", "COMPLETE"]


def test_a_trial_that_others_ended_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A frozen process continues, and finishes a trial that another one ended long ago."""
    with open_trials(Path("study"), None, 1) as other, open_trials(Path("study"), None, 1) as own:

        def frozen(trial: Any) -> tuple[float, dict[str, Any]]:
            other.short.tell(trial.number, state=TrialState.FAIL)
            return 0.5, {}

        own.run_next(own.short, {}, 0, frozen)
    [record] = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "took it over" in record.getMessage()
    assert stored()[0][:2] == ("FAIL", None)


def test_a_full_trial_that_another_process_takes_runs_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue is empty for the later process, whose trial ends at once and is not reported."""
    trained = fake_training([0.5] * 3, monkeypatch)
    with open_trials(Path("study"), None, 1) as other:
        other.run_next(other.full, {}, 0, lambda trial: (None, {}))
    result = run_search(1)
    assert len(trained) == 3
    assert len(result.trials) == 3

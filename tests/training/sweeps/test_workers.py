"""One study, several processes."""

from __future__ import annotations

import json
import logging
import signal
import threading
from pathlib import Path

import pytest

from nmtool.errors import MissingError
from nmtool.training import sweeps
from nmtool.training.sweeps import read_plan, sweep, workers
from nmtool.training.sweeps.lock import Lock
from nmtool.training.sweeps.stop import StopRequest
from nmtool.training.sweeps.store import Store
from tests.nmtool.cli.studies import trials, write_study
from tests.refusals import refused

pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("data")]
pytest.importorskip("optuna")


def test_a_lock_is_held_once(tmp_path: Path) -> None:
    first = Lock.take(tmp_path / "a.lock")
    assert first is not None
    assert Lock.take(tmp_path / "a.lock") is None
    first.release()
    again = Lock.take(tmp_path / "a.lock")
    assert again is not None
    again.release()


def test_two_processes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "nmtool")
    write_study("trials = 4\n")
    found = sweep("study.toml", processes=2, threads=2)
    assert [trial.fate for trial in found.trials] == ["finished"] * 4
    assert len({json.dumps(trial[2]) for trial in trials()}) == 4
    told = [record for record in caplog.records if record.name.startswith("nmtool")]
    assert sorted(record.getMessage().split(":")[0] for record in told) == [
        f"trial {number}" for number in range(4)
    ]
    assert {(record.name, record.levelno) for record in told} == {
        ("nmtool.training.sweeps.trial", logging.INFO)
    }


def test_processes_that_fail(caplog: pytest.LogCaptureFixture) -> None:
    write_study("trials = 2\n")
    Path("study").mkdir()
    Path("study/trials").write_text("a file")
    with refused(MissingError, "study-processes-ended") as caught:
        sweep("study.toml", processes=2, threads=2)
    assert caught.value.what.startswith("2 of 2 ")
    assert "nmtool sweep study.toml --processes 2" in caught.value.fix
    told = [record for record in caplog.records if record.name.startswith("nmtool")]
    assert [record.levelno for record in told] == [logging.WARNING] * 2
    assert all("folder-not-made" in record.getMessage() for record in told)


def test_processes_that_die(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeps, "run_workers", lambda *arguments: [-9, 2])
    write_study("trials = 1\n")
    with refused(MissingError, "study-processes-ended") as caught:
        sweep("study.toml", processes=3)
    assert caught.value.what.startswith("2 of 3 ")
    assert "9" in caught.value.why
    assert "2" in caught.value.why


def test_processes_that_die_when_all_is_done(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def work(plan: sweeps.StudyPlan, *arguments: object) -> list[int]:
        with Store(plan) as store:
            claim = store.claim()
            assert claim is not None
            with store.running(claim):
                store.finish(claim, [0.5])
        return [-signal.SIGKILL]

    monkeypatch.setattr(sweeps, "run_workers", work)
    write_study("trials = 1\n")
    assert sweep("study.toml", processes=2).best_trial.score == 0.5
    assert caplog.records[-1].getMessage().startswith("1 of 2 ")


def test_stopped_from_another_thread() -> None:
    write_study("trials = 400\n")
    asked = threading.Event()
    timer = threading.Timer(0.2, asked.set)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        workers.run_workers(read_plan("study.toml"), 1, 1, "cpu", StopRequest(asked.is_set))
    timer.join()
    assert len(trials()) < 400

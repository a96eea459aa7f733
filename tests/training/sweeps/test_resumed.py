"""A study goes on, whatever ended it."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import pytest

from nmtool.training.sweeps import read_plan, sweep
from nmtool.training.sweeps.lock import Lock
from nmtool.training.sweeps.store import MOST_ATTEMPTS, Store
from tests.nmtool.cli.studies import (
    fake_training,
    one_epoch,
    states,
    stop_in,
    sweeping,
    trials,
    write_study,
)

pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("data")]
pytest.importorskip("optuna")


def test_a_study_goes_on_as_if_it_had_never_ended(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "nmtool")
    accuracies = [0.5, 0.7, 0.4, 0.9, 0.6]
    fake_training(accuracies * 2, monkeypatch)
    write_study("trials = 3\n")
    sweep("study.toml")
    caplog.clear()
    write_study("trials = 5\n")
    sweep("study.toml")
    told = [record.getMessage() for record in caplog.records if record.name[:6] == "nmtool"]
    assert [line[:8] for line in told] == ["trial 3:", "trial 4:"]
    in_pieces = trials()
    Path("study").rename("before")
    found = sweep("study.toml")
    assert trials() == in_pieces
    caplog.clear()
    assert sweep("study.toml") == found
    assert caplog.records == []


def test_what_says_the_same_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_training([0.5, 0.5], monkeypatch)
    write_study("trials = 1\n")
    Store(read_plan("study.toml")).close()
    write_study("trials = 2\nkeep = true\n", settings="gain = 200\n")
    sweep("study.toml")


def test_settings_that_kill_the_process_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_training([0.5] * 4, monkeypatch)
    write_study("trials = 2\n")
    for attempt in range(MOST_ATTEMPTS):
        with monkeypatch.context() as patch:
            stop_in(attempt, RuntimeError("of no use"), patch)
            with pytest.raises(RuntimeError, match="of no use"):
                sweep("study.toml")
    (failed,) = sweep("study.toml").failed
    assert (failed.number, failed.fate) == (2, "failed")
    assert str(MOST_ATTEMPTS) in failed.reason
    assert states() == ["FAIL", "FAIL", "PRUNED", "COMPLETE"]


@pytest.mark.parametrize("ending", ["finish", "prune", "stop"])
def test_a_trial_that_ends_while_its_lock_is_looked_at(
    ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_study("trials = 2\n")
    with Store(read_plan("study.toml")) as theirs, Store(read_plan("study.toml")) as ours:
        claim = theirs.claim()
        assert claim is not None
        take = Lock.take

        def end_and_take(path: Path, wait_s: float = 0.0) -> Lock | None:
            if path == claim.lock.path:
                with theirs.running(claim):
                    getattr(theirs, ending)(claim, *([[0.5]] if ending == "finish" else []))
            return take(path, wait_s)

        monkeypatch.setattr(Lock, "take", end_and_take)
        next_one = ours.claim()
        assert next_one is not None
        next_one.lock.release()
    found = trials()
    assert found[0][0] == {"finish": "COMPLETE", "prune": "PRUNED", "stop": "FAIL"}[ending]
    assert (found[1][2] == found[0][2]) == (ending == "stop")
    assert ending != "stop" or found[1][3]["attempt"] == 1  # which is no fault of its settings


def test_killed_and_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    write_study("trials = 1\n")
    plan = Path("study.toml")
    plan.write_text(plan.read_text().replace("epochs = 3", "epochs = 1000000"))
    with sweeping() as job:
        while job.poll() is None and not Path("study/trials/0000/seed0/log.jsonl").exists():
            time.sleep(0.02)
        job.kill()
    assert states() == ["RUNNING"]
    monkeypatch.setattr("nmtool.training.run.run_training", one_epoch)
    sweep("study.toml")
    cut_off, again = trials()
    assert cut_off[:2] == ("FAIL", None)
    assert again[:2] == ("COMPLETE", 0.5)
    assert again[2] == cut_off[2]

"""A study goes on, whatever ended it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from nmtool.training.sweeps import read_plan, study, sweep
from nmtool.training.sweeps.study import MOST_ATTEMPTS, Study, fate, open_study
from nmtool.training.sweeps.trial import PrunedError, Trial
from tests.nmtool.cli.studies import ROOT, fake_training, one_epoch, states, trials, write_study

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
    with open_study(read_plan("study.toml")):
        pass
    write_study("trials = 2\nkeep = true\n", settings="gain = 200\n")
    assert [one.score for one in sweep("study.toml").trials] == [0.5, 0.5]


def test_settings_that_kill_the_process_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_training([*[RuntimeError("of no use")] * MOST_ATTEMPTS, 0.5], monkeypatch)
    write_study("trials = 2\n")
    for _ in range(MOST_ATTEMPTS):
        with pytest.raises(RuntimeError, match="of no use"):
            sweep("study.toml")
    (failed,) = sweep("study.toml").failed
    assert (failed.number, failed.fate) == (2, "failed")
    assert str(MOST_ATTEMPTS) in failed.reason
    assert states() == ["FAIL", "FAIL", "FAIL", "COMPLETE"]


def test_two_studies_in_one_database(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_training([0.5, 0.6, 0.7], monkeypatch)
    write_study("trials = 1\n")
    write_study("trials = 1\n", settings="gain = 1.0\n", name="other.toml")
    Path("other.toml").write_text(Path("other.toml").read_text().replace('"study"', '"other"'))
    url = "sqlite:///shared.db"
    assert sweep("study.toml", storage=url).best_trial.score == 0.5
    assert sweep("other.toml", storage=url).best_trial.score == 0.6
    write_study("trials = 2\n")
    assert [one.score for one in sweep("study.toml", storage=url).trials] == [0.5, 0.7]
    assert {path.name for path in Path("study").iterdir()} == {"best.toml", "trials"}


@pytest.fixture
def _soon_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process records more than the first heartbeat, after which it soon counts as dead."""
    monkeypatch.setattr(study, "HEARTBEAT_S", 1000)
    monkeypatch.setattr(study, "SILENT_S", 1)


def _claimed(ours: Study) -> Trial:
    """The next trial, as soon as there is one."""
    deadline = time.monotonic() + 30
    while (trial := ours.claim()) is None and time.monotonic() < deadline:
        time.sleep(0.1)
    assert trial is not None
    return trial


KILLED = """
import os, signal, sys, threading
from nmtool.training.sweeps import read_plan
from nmtool.training.sweeps.study import open_study
with open_study(read_plan("study.toml")) as study:
    trial = study.claim()
    threading.Timer(float(sys.argv[1]), os.kill, (os.getpid(), signal.SIGKILL)).start()
    for epoch in range(1, 1000000):
        study.is_bad(trial, epoch, 0.5)
"""


@pytest.mark.usefixtures("_soon_silent")
def test_killed_and_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    write_study("trials = 2\n")
    jobs = [
        subprocess.Popen(
            [sys.executable, "-c", KILLED, f"0.{number}"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        for number in (1, 2)
    ]
    assert [job.wait() for job in jobs] == [-9, -9]
    assert states() == ["RUNNING", "RUNNING"]
    monkeypatch.setattr("nmtool.training.loop.run.run_training", one_epoch)
    assert sweep("study.toml").counts["cut_off"] == 2
    found = trials()
    assert [trial[:2] for trial in found] == [("FAIL", None)] * 2 + [("COMPLETE", 0.5)] * 2
    assert [trial[2] for trial in found[:2]] == [trial[2] for trial in found[2:]]
    assert {trial[3]["attempt"] for trial in found[2:]} == {2}


@pytest.mark.usefixtures("_soon_silent")
def test_given_away_and_ended_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    write_study("trials = 3\n")
    with open_study(read_plan("study.toml")) as theirs, open_study(read_plan("study.toml")) as ours:
        silent = [_claimed(theirs) for _ in range(3)]
        again = [_claimed(ours) for _ in range(3)]
        assert [one.number for one in again] == [3, 4, 5]
        assert [one.values for one in again] == [one.values for one in silent]
        assert theirs.is_bad(silent[0], 1, 0.5)
        theirs.end(silent[0], PrunedError("too bad"))
        theirs.end(silent[1], [0.5])
        theirs.cut_off(silent[2], is_blameless=False)
        told = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
        assert [line.split(":")[0] for line in told] == ["trial 0", "trial 1", "trial 2"]
        for one in again:
            ours.end(one, [0.75])
        assert theirs.is_done()
    assert states() == ["FAIL"] * 3 + ["COMPLETE"] * 3


@pytest.mark.filterwarnings("ignore:Heartbeat")
@pytest.mark.usefixtures("_soon_silent")
def test_a_process_that_died_before_its_first_heartbeat(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "nmtool")
    write_study("trials = 1\n")
    with open_study(read_plan("study.toml")) as ours:
        ours.optuna_study.ask()
        caplog.clear()
        assert _claimed(ours).number == 1
        (told,) = caplog.records
        assert told.getMessage().startswith("waiting for trial 0")


def test_the_last_trial_is_begun_once() -> None:
    write_study("trials = 1\n")
    with open_study(read_plan("study.toml")) as theirs, open_study(read_plan("study.toml")) as ours:
        ask = ours.optuna_study.ask

        def ask_late() -> object:
            assert theirs.claim() is not None
            return ask()

        ours.optuna_study.ask = ask_late  # type: ignore[method-assign]
        assert ours.claim() is None
        assert [fate(trial) for trial in ours.trials()] == ["running", "waiting"]


@pytest.mark.filterwarnings("ignore")  # which threads that ignore some of them get in a muddle
def test_several_begin_at_the_same_time() -> None:
    write_study("trials = 8\n")
    claimed: list[Trial] = []

    def work() -> None:
        with open_study(read_plan("study.toml")) as ours:
            while (trial := ours.claim()) is not None:
                claimed.append(trial)
                if trial.number % 4 == 1:
                    ours.cut_off(trial, is_blameless=True)
                else:
                    ours.end(trial, [0.5])

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({trial.number for trial in claimed}) == len(claimed)
    assert states().count("COMPLETE") == 8

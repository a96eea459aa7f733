"""A study continues, whatever ended it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nmtool.progress import silent
from nmtool.training.studies.plan import read_plan
from nmtool.training.studies.study import MOST_ATTEMPTS, _SurplusError, open_study, outcome
from nmtool.training.studies.sweep import sweep
from nmtool.training.studies.trial import IsBad
from tests.nmtool.cli.studies import ROOT, fake_training, one_epoch, states, trials, write_study

pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("data")]
pytest.importorskip("optuna")

from optuna.trial import TrialState  # noqa: E402


def test_a_continued_study_equals_an_uninterrupted_one(
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
    messages = [record.getMessage() for record in caplog.records if record.name[:6] == "nmtool"]
    assert [line[:8] for line in messages] == ["trial 3:", "trial 4:"]
    in_pieces = trials()
    Path("study").rename("before")
    result = sweep("study.toml")
    assert trials() == in_pieces
    caplog.clear()
    assert sweep("study.toml") == result
    assert caplog.records == []


def test_an_equivalent_file_continues_the_study(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_training([0.5, 0.5], monkeypatch)
    write_study("trials = 1\n")
    with open_study(read_plan("study.toml")):
        pass
    write_study("trials = 2\nkeep = true\n", settings="gain = 50\n")
    assert [trial.score for trial in sweep("study.toml").trials] == [0.5, 0.5]


def test_settings_that_kill_the_process_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_training([*[RuntimeError("of no use")] * MOST_ATTEMPTS, 0.5], monkeypatch)
    write_study("trials = 2\n")
    for _ in range(MOST_ATTEMPTS):
        with pytest.raises(RuntimeError, match="of no use"):
            sweep("study.toml")
    (failed,) = sweep("study.toml").failed
    assert (failed.number, failed.outcome) == (2, "failed")
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
    assert [trial.score for trial in sweep("study.toml", storage=url).trials] == [0.5, 0.7]
    assert {path.name for path in Path("study").iterdir()} == {"best.toml", "trials"}


KILLED = """
import os, signal, sys, threading
from nmtool.training.studies.plan import read_plan
from nmtool.training.studies.study import open_study

def train(number, values, is_bad, *_):
    threading.Timer(float(sys.argv[1]), os.kill, (os.getpid(), signal.SIGKILL)).start()
    for epoch in range(1, 1000000):
        is_bad(epoch, 0.5)

with open_study(read_plan("study.toml")) as study:
    study.run(train, lambda: None)
"""


def killed_at(*seconds: str) -> None:
    """Run processes that are killed in the middle of a trial, after so many seconds each."""
    jobs = [
        subprocess.Popen(
            [sys.executable, "-c", KILLED, after], env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
        for after in seconds
    ]
    assert [job.wait() for job in jobs] == [-9] * len(jobs)


def test_a_killed_study_continues(monkeypatch: pytest.MonkeyPatch) -> None:
    write_study("trials = 2\nheartbeat_s = 1\n")
    killed_at("0.1", "0.2")
    assert states() == ["RUNNING", "RUNNING"]
    monkeypatch.setattr("nmtool.training.loop.run.run_training", one_epoch)
    assert sweep("study.toml").counts["cut_off"] == 2
    ended = trials()
    assert [trial[:2] for trial in ended] == [("FAIL", None)] * 2 + [("COMPLETE", 0.5)] * 2
    assert [trial[2] for trial in ended[:2]] == [trial[2] for trial in ended[2:]]


@pytest.mark.long
def test_a_study_killed_in_a_trial_tries_the_same_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake_training([0.5] * 12, monkeypatch)
    write_study("trials = 6\nheartbeat_s = 1\n")
    whole = [trial.searched for trial in sweep("study.toml").trials]
    Path("study").rename("before")
    write_study("trials = 3\nheartbeat_s = 1\n")
    sweep("study.toml")
    write_study("trials = 6\nheartbeat_s = 1\n")
    killed_at("0.1")
    pieces = sweep("study.toml").trials
    assert [trial.searched for trial in pieces[:6]] == whole
    assert [trial.number for trial in pieces if trial.outcome == "cut_off"] == [3]
    assert pieces[6].searched == whole[3]
    assert len(pieces) == 7


def test_a_trial_that_others_ended_keeps_its_result(caplog: pytest.LogCaptureFixture) -> None:
    """A frozen process continues, and finishes or stops a trial that another one ended long ago."""
    write_study("trials = 1\n")
    with (
        open_study(read_plan("study.toml")) as other_study,
        open_study(read_plan("study.toml")) as own_study,
    ):

        def frozen(number: int, values: object, is_bad: IsBad, *_: object) -> list[float]:
            other_study.optuna_study.tell(number, state=TrialState.FAIL)
            if number == 0:
                return [0.5]
            if number == 1:
                is_bad(1, 0.5)
            raise KeyboardInterrupt

        def thaw(*arguments: Any) -> list[float]:
            return frozen(*arguments) if arguments[0] < 3 else [0.75]

        with pytest.raises(KeyboardInterrupt):
            own_study.run(thaw, lambda: None)
        own_study.run(thaw, lambda: None)
    records = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert ["took it over" in record.getMessage() for record in records] == [True, True]
    assert [trial[:2] for trial in trials()] == [("FAIL", None)] * 3 + [("COMPLETE", 0.75)]


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:Heartbeat")
def test_a_process_that_died_before_its_first_heartbeat(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The process had drawn no settings: the process that takes over the trial draws them."""
    fake_training([0.5] * 4, monkeypatch)
    write_study("trials = 2\nheartbeat_s = 1\n")
    whole = [trial.searched for trial in sweep("study.toml").trials]
    Path("study").rename("before")
    with open_study(read_plan("study.toml")) as study:
        study.optuna_study.ask()
    caplog.set_level(logging.INFO, "nmtool")
    pieces = sweep("study.toml").trials
    assert [trial.outcome for trial in pieces] == ["cut_off", "finished", "finished"]
    assert [trial.searched for trial in pieces] == [{}, whole[1], whole[0]]
    messages = [record.getMessage() for record in caplog.records if record.name[:6] == "nmtool"]
    assert "waiting for trial 0, which another process runs" in messages


def test_the_last_trial_is_run_once() -> None:
    """Two processes begin the last trial at the same moment; the later one queues it again."""
    write_study("trials = 1\n")
    ran: list[int] = []

    def train(number: int, *_: object) -> list[float]:
        ran.append(number)
        if number == 0:
            optimize(lambda trial: own_study._score(trial, train, lambda: None, silent), n_trials=1)
        return [0.5]

    with (
        open_study(read_plan("study.toml")) as other_study,
        open_study(read_plan("study.toml")) as own_study,
    ):
        optimize = partial(own_study.optuna_study.optimize, catch=(_SurplusError,))
        other_study.run(train, lambda: None)
        assert [outcome(trial) for trial in own_study.trials()] == ["finished", "cut_off"]
    assert ran == [0]


# The threads of this test change Python's filters of warnings, and disturb each other.
@pytest.mark.filterwarnings("ignore")
def test_several_processes_begin_at_the_same_time() -> None:
    write_study("trials = 8\n")
    ran: list[int] = []
    stops = iter(range(1000))

    def train(number: int, *_: object) -> list[float]:
        if next(stops) % 4 == 1:
            raise KeyboardInterrupt
        ran.append(number)
        return [0.5]

    def work() -> None:
        with open_study(read_plan("study.toml")) as own_study:
            while not own_study.is_done():
                with suppress(KeyboardInterrupt):
                    own_study.run(train, lambda: None)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ran)) == len(ran) == 8
    assert states().count("COMPLETE") == 8

"""`nmtool sweep`: trials, what ends them early, going on, and what it says at the end."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nmtool.cli import console, sweep_trial, sweep_workers
from nmtool.cli.sweep_lock import Lock
from nmtool.cli.sweep_plan import read_plan
from nmtool.cli.sweep_stop import signals_noted
from nmtool.cli.sweep_store import MOST_ATTEMPTS, Store
from nmtool.cli.train_progress import best_epoch
from nmtool.data import Dataset
from nmtool.errors import UsageError
from tests.nmtool.cli.conftest import Nmtool
from tests.nmtool.cli.studies import (
    TIMEOUT_S,
    fake_training,
    states,
    still_running,
    sweeping,
    trials,
    write_study,
)
from training import trainer

pytestmark = pytest.mark.torch
pytest.importorskip("optuna")


@pytest.fixture(autouse=True)
def _data(data: Path) -> None:
    del data


def _logs() -> dict[str, list[dict[str, Any]]]:
    return {
        path.parent.as_posix(): [json.loads(line) for line in path.read_text().splitlines()]
        for path in sorted(Path("study/trials").rglob("log.jsonl"))
    }


def _refuse_test(self: Dataset) -> None:
    raise AssertionError("the test split was read")


def test_finds_the_best(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Dataset, "test", property(_refuse_test))
    write_study("trials = 3\nprune = false\n")
    said = nmtool("sweep", "study.toml", "--json")
    assert said.code == 0
    logs = _logs()
    scores = [best_epoch(log)["validation_accuracy"] for log in logs.values()]
    assert len(scores) == 3
    best = said.json["best"]
    assert best["score"] == max(scores)
    assert best["trial"] == int(np.argmax(scores))
    assert said.json["trials"] == {
        **dict.fromkeys(("pruned", "failed", "cut_off", "running", "waiting"), 0),
        "finished": 3,
    }
    assert [one["score"] for one in said.json["top"]] == sorted(scores, reverse=True)
    assert said.err.count("validation") == 3
    run = nmtool("train", "two", "-o", "run", "--config", "study/best.toml", "--json")
    assert run.json["best"]["validation_accuracy"] == best["score"]
    options = json.loads(Path("run/run.json").read_text())["options"]
    assert {name: options[name] for name in best["settings"]} == best["settings"]
    assert best["searched"].items() <= best["settings"].items()


def test_for_people(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_training([0.5] * 4, monkeypatch)
    write_study()
    said = nmtool("sweep", "study.toml")
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0] == "best trials"
    assert lines[1].split() == ["trial", "validation", "lr", "init_delay_input", "readout"]
    assert lines[-3].startswith("trials: 4 finished")
    assert lines[-2].startswith("study/best.toml: trial ")
    assert lines[-1] == "train with it: nmtool train two -o RUN --config study/best.toml"
    assert any(line.startswith("importance of settings") for line in lines)


def test_importance_without_scikit_learn(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    import optuna.importance

    def missing(**settings: object) -> None:
        raise ImportError("no sklearn")

    fake_training([0.5, 0.6], monkeypatch)
    monkeypatch.setattr(optuna.importance, "FanovaImportanceEvaluator", missing)
    write_study("trials = 2\n")
    said = nmtool("sweep", "study.toml")
    told = "importance of settings: unknown, that needs scikit-learn: pip install 'nmtool[train]'"
    assert told in said.out.splitlines()


def test_importance(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_training([0.5, 0.6, 0.7], monkeypatch)
    write_study("trials = 3\n")
    found = nmtool("sweep", "study.toml", "--json").json
    assert set(found["importance"]) == {"lr", "init_delay_input", "readout"}
    assert sum(found["importance"].values()) == pytest.approx(1)
    assert found["importance_unknown"] is None


def test_a_study_goes_on_as_if_it_had_never_ended(
    nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch
) -> None:
    accuracies = [0.5, 0.7, 0.4, 0.9, 0.6]
    fake_training(accuracies * 2, monkeypatch)
    write_study("trials = 3\n")
    assert nmtool("sweep", "study.toml").code == 0
    write_study("trials = 5\n")
    said = nmtool("sweep", "study.toml")
    assert said.code == 0
    assert [line[:8] for line in said.err.splitlines()] == ["trial 3:", "trial 4:"]
    in_pieces = trials()
    Path("study").rename("before")
    assert nmtool("sweep", "study.toml").code == 0
    assert trials() == in_pieces
    again = nmtool("sweep", "study.toml")
    assert (again.code, again.err) == (0, "")


def test_another_seed_of_the_sampler_tries_other_settings(
    nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_training([0.5, 0.5], monkeypatch)
    found = []
    for seed in (0, 1):
        write_study(f"trials = 1\nsampler_seed = {seed}\n")
        assert nmtool("sweep", "study.toml").code == 0
        found.append(trials()[0][2])
        Path("study").rename(f"study{seed}")
    assert found[0] != found[1]


def test_the_mean_over_seeds_decides(nmtool: Nmtool) -> None:
    write_study("trials = 2\nseeds = 2\nkeep = true\n", settings="seed = 5\n")
    assert nmtool("sweep", "study.toml").code == 0
    logs = _logs()
    assert list(logs)[:2] == ["study/trials/0000/seed5", "study/trials/0000/seed6"]
    assert logs["study/trials/0000/seed5"][0]["loss"] != logs["study/trials/0000/seed6"][0]["loss"]
    scores = [best_epoch(log)["validation_accuracy"] for log in list(logs.values())[:2]]
    assert trials()[0][1] == pytest.approx(np.mean(scores))
    assert trials()[0][3]["scores"] == scores
    files = {path.name for path in Path("study/trials/0001/seed6").iterdir()}
    assert files == {"run.json", "log.jsonl", "network.npz", "checkpoint.npz"}


def test_only_logs_are_kept(nmtool: Nmtool) -> None:
    write_study("trials = 1\n")
    assert nmtool("sweep", "study.toml").code == 0
    assert [path.name for path in Path("study/trials/0000/seed0").iterdir()] == ["log.jsonl"]
    assert list(Path("study/running").iterdir()) == []


@pytest.mark.parametrize(("prune", "ended"), [("true", "PRUNED"), ("false", "COMPLETE")])
def test_bad_trials_end_early(
    prune: str, ended: str, nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_training([0.9, 0.8, 0.7, 0.8, 0.9, 0.1, 0.95], monkeypatch)
    write_study(f"trials = 7\nprune = {prune}\n")
    said = nmtool("sweep", "study.toml", "--json")
    assert said.code == 0
    assert states() == ["COMPLETE"] * 5 + [ended, "COMPLETE"]
    assert said.json["best"]["trial"] == 6
    assert len(_logs()["study/trials/0005/seed0"]) == (2 if prune == "true" else 3)
    assert ("trial 5: pruned, validation 10.0% after epoch 2" in said.err) == (prune == "true")


def test_a_trial_that_fails_does_not_end_the_study(
    nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch
) -> None:
    check, done = trainer._check_loss, 0

    def diverge_first(loss: float, update: int) -> None:
        nonlocal done
        done += 1
        check(float("nan") if done == 4 else loss, update)

    monkeypatch.setattr(trainer, "_check_loss", diverge_first)
    write_study("trials = 2\n")
    said = nmtool("sweep", "study.toml", "--json")
    assert said.code == 0
    reason = "training diverged: the loss of update 4 is nan"
    assert said.json["failed"] == [{"trial": 0, "reason": reason}]
    assert said.json["best"]["trial"] == 1
    assert f"trial 0: failed, {reason}  lr " in said.err


def test_all_trials_fail(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise UsageError("it never works")

    monkeypatch.setattr(trainer, "_check_loss", refuse)
    write_study("trials = 2\n")
    said = nmtool("sweep", "study.toml")
    assert (said.code, said.out) == (2, "")
    assert "error: study.toml: no trial was finished\n  why: it never works\n" in said.err
    assert not Path("study/best.toml").exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("hidden = 6", "hidden = 7"), "hidden was 6, is now 7"),
        (("high = 0.1", "high = 0.2"), "lr was {low = 0.001, high = 0.1, log = True}, is now {"),
        (('["mean", "max"]', '["max", "mean"]'), "readout was ['mean', 'max'], is now ['max'"),
        (("trials = 1", "trials = 1\nseeds = 3"), "seeds was 1, is now 3"),
        (('data = "two"', 'data = "yinyang"'), "data was 'folder ../two', is now 'yinyang'"),
        (("validation = 4", "validation = 4\ngain = 9.0"), "gain was 200.0, is now 9.0"),
    ],
)
def test_another_study_in_the_same_folder(
    change: tuple[str, str], told: str, nmtool: Nmtool
) -> None:
    write_study("trials = 1\n")
    plan = read_plan("study.toml")
    Store(plan).close()
    file = Path("study.toml")
    changed = file.read_text().replace(*change)
    assert changed != file.read_text()
    file.write_text(changed)
    said = nmtool("sweep", "study.toml")
    assert (said.code, said.out) == (2, "")
    assert "error: study.toml contradicts the study in study\n" in said.err
    assert told in said.err


def test_what_says_the_same_goes_on(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_training([0.5, 0.5], monkeypatch)
    write_study("trials = 1\n")
    Store(read_plan("study.toml")).close()
    write_study("trials = 2\nkeep = true\n", settings="gain = 200\n")
    assert nmtool("sweep", "study.toml").code == 0


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ("", "the last 400 training samples are to validate, but 'two' has 12"),
        ("validation", "study.toml: there are no samples to validate on"),
    ],
)
def test_data_without_validation(settings: str, told: str, nmtool: Nmtool) -> None:
    write_study("trials = 1\n")
    file = Path("study.toml")
    number = "0" if settings else "400"
    file.write_text(file.read_text().replace("validation = 4", f"validation = {number}"))
    said = nmtool("sweep", "study.toml")
    assert said.code == 2
    assert told in said.err


def test_optuna_is_missing(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    write_study()
    said = nmtool("sweep", "study.toml")
    assert said.code == 3
    assert said.err.startswith("error: optuna is not installed")
    assert "  fix: pip install 'nmtool[sweep]'\n" in said.err
    assert not Path("study").exists()


def test_the_store_is_damaged(nmtool: Nmtool) -> None:
    write_study()
    Path("study").mkdir()
    Path("study/study.db").write_text("not a database, however long it is " * 100)
    said = nmtool("sweep", "study.toml")
    assert said.code == 2
    assert "error: study/study.db cannot be read as the store of a study\n" in said.err


def test_a_lock_is_held_once(tmp_path: Path) -> None:
    first = Lock.take(tmp_path / "a.lock")
    assert first is not None
    assert Lock.take(tmp_path / "a.lock") is None
    first.release()
    again = Lock.take(tmp_path / "a.lock")
    assert again is not None
    again.release()


@pytest.fixture
def _heeds_interrupts() -> Iterator[None]:
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, previous)


@pytest.mark.usefixtures("_heeds_interrupts")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_noted_the_next_one_is_not(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with signals_noted() as stop:
        stop.heed()
        signal.raise_signal(number)
        with pytest.raises(KeyboardInterrupt):
            stop.heed()
        assert signal.getsignal(number) is before


def test_what_is_ignored_stays_ignored() -> None:
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with signals_noted() as stop:
            signal.raise_signal(signal.SIGINT)
            stop.heed()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, previous)


def test_the_store_fails_in_the_middle(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    def train(*arguments: object, **told: object) -> None:
        with closing(sqlite3.connect("study/study.db")) as database:
            database.execute("DROP TABLE trial_intermediate_values")
        _one_epoch(*arguments, **told)

    monkeypatch.setattr("training.trainer.train", train)
    write_study("trials = 1\n")
    said = nmtool("sweep", "study.toml")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("error: the store in study could not be used\n  why: ")


def _stop_in(trial: int, error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    heed = sweep_trial._TrialRun._heed

    def stop(self: Any, claim: Any, entry: dict[str, Any], **more: Any) -> None:
        if claim.number == trial:
            raise error
        heed(self, claim, entry, **more)

    monkeypatch.setattr(sweep_trial._TrialRun, "_heed", stop)


def test_ctrl_c(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_training([0.5] * 4, monkeypatch)
    write_study("trials = 3\n")
    with monkeypatch.context() as patch:
        _stop_in(1, KeyboardInterrupt(), patch)
        said = nmtool("sweep", "study.toml")
    assert (said.code, said.out) == (130, "")
    kept = "finished trials are kept; go on with: nmtool sweep study.toml\ninterrupted\n"
    assert said.err.endswith(kept)
    assert Path("study/best.toml").exists()
    assert nmtool("sweep", "study.toml").code == 0
    found = trials()
    assert [trial[0] for trial in found] == ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]
    assert found[1][2] == found[2][2]
    assert found[2][3]["attempt"] == 1
    Path("study").rename("before")
    fake_training([0.5] * 3, monkeypatch)
    assert nmtool("sweep", "study.toml").code == 0
    tried = [trial[2] for trial in trials()]
    assert tried == [trial[2] for trial in found if trial[0] == "COMPLETE"]


@pytest.mark.usefixtures("_heeds_interrupts")
def test_ctrl_c_in_the_middle_of_a_batch(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    updates: list[int] = []

    def interrupt(loss: float, update: int) -> None:
        signal.raise_signal(signal.SIGINT)
        updates.append(update)

    write_study("trials = 1\n")
    with monkeypatch.context() as patch:
        patch.setattr(trainer, "_check_loss", interrupt)
        assert nmtool("sweep", "study.toml").code == 130
    assert updates == [0]
    assert [(trial[0], trial[3]) for trial in trials()] == [("RUNNING", {"stopped": True})]


@pytest.mark.usefixtures("_heeds_interrupts")
def test_ctrl_c_when_a_trial_has_just_ended(
    nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_training([0.5] * 2, monkeypatch)
    write_study("trials = 2\n")
    say = console.say

    def interrupt(text: str) -> None:
        if text.startswith("trial "):
            signal.raise_signal(signal.SIGINT)
        say(text)

    with monkeypatch.context() as patch:
        patch.setattr(console, "say", interrupt)
        assert nmtool("sweep", "study.toml").code == 130
    assert states() == ["COMPLETE"]
    assert nmtool("sweep", "study.toml").code == 0
    assert states() == ["COMPLETE", "COMPLETE"]


def test_settings_that_kill_the_process_are_given_up(
    nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_training([0.5] * 4, monkeypatch)
    write_study("trials = 2\n")
    for attempt in range(MOST_ATTEMPTS):
        with monkeypatch.context() as patch:
            _stop_in(attempt, RuntimeError("of no use"), patch)
            with pytest.raises(RuntimeError, match="of no use"):
                nmtool("sweep", "study.toml")
    said = nmtool("sweep", "study.toml", "--json")
    assert said.code == 0
    assert said.json["failed"] == [{"trial": 2, "reason": "its process died, 3 times"}]
    assert states() == ["FAIL", "FAIL", "PRUNED", "COMPLETE"]


def test_two_processes(nmtool: Nmtool) -> None:
    write_study("trials = 5\n")
    with sweeping("--processes", "2", "--json") as job:
        out, err = job.communicate(timeout=TIMEOUT_S)
    assert job.returncode == 0, err
    assert sum(json.loads(out)["trials"].values()) == 5
    assert sorted(line.split(":")[0] for line in err.splitlines()) == [
        f"trial {number}" for number in range(5)
    ]
    assert len({json.dumps(trial[2]) for trial in trials()}) == 5


def test_two_processes_interrupted(nmtool: Nmtool) -> None:
    write_study("trials = 400\n")
    with sweeping("--processes", "2") as job:
        assert job.stderr is not None
        assert job.stderr.readline().startswith("trial ")
        os.killpg(job.pid, signal.SIGINT)
        out, err = job.communicate(timeout=TIMEOUT_S)
        left = still_running(job.pid)
    # Python ends itself by the signal where it struck inside of exec().
    assert job.returncode in (130, -signal.SIGINT)
    assert left == []
    assert out == ""
    assert err.endswith("go on with: nmtool sweep study.toml --processes 2\ninterrupted\n")
    assert "Traceback" not in err
    assert Path("study/best.toml").exists()


def test_killed_and_gone_on_with(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    write_study("trials = 1\n")
    plan = Path("study.toml")
    plan.write_text(plan.read_text().replace("epochs = 3", "epochs = 1000000"))
    with sweeping() as job:
        while job.poll() is None and not Path("study/trials/0000/seed0/log.jsonl").exists():
            time.sleep(0.02)
        job.kill()
    assert states() == ["RUNNING"]
    monkeypatch.setattr("training.trainer.train", _one_epoch)
    assert nmtool("sweep", "study.toml").code == 0
    cut_off, again = trials()
    assert cut_off[:2] == ("FAIL", None)
    assert again[:2] == ("COMPLETE", 0.5)
    assert again[2] == cut_off[2]


def _one_epoch(*arguments: object, on_epoch: Any, **more: Any) -> None:
    on_epoch({"epoch": 1, "validation_accuracy": 0.5})


def test_workers_whose_parent_is_gone_end(nmtool: Nmtool) -> None:
    write_study("trials = 400\n")
    with sweeping("--processes", "2") as job:
        assert job.stderr is not None
        assert job.stderr.readline().startswith("trial ")
        job.kill()
        job.wait()
        assert still_running(job.pid, within_s=TIMEOUT_S) == []


def test_processes_that_die(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep_workers, "run_workers", lambda *arguments: [-9, 2])
    write_study("trials = 1\n")
    said = nmtool("sweep", "study.toml", "--processes", "3")
    assert said.code == 3
    assert said.err == (
        "error: 2 of 3 processes ended early\n  why: by signal 9, with exit code 2\n"
        "  fix: go on with: nmtool sweep study.toml --processes 3\n"
    )

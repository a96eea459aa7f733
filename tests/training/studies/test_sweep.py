"""`sweep`: trials, early ends of trials, and the result."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nmtool.errors import BackendError
from nmtool.progress import Advance
from nmtool.training.loop.selection import best_epoch
from nmtool.training.options import TrainOptions
from nmtool.training.studies.plan import read_plan
from nmtool.training.studies.results import MIN_TRIALS, SweepResult
from nmtool.training.studies.sweep import sweep
from tests.nmtool.cli.studies import SEARCH, fake_training, logs, states, trials, write_study
from tests.refusals import refused

pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("data")]
pytest.importorskip("optuna")


def test_a_result_holds_all_trials_and_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_training([0.5, 0.75, 0.6], monkeypatch)
    write_study("trials = 3\n", settings="seed = 5\n")
    plan = read_plan("study.toml")
    result = sweep(plan)
    assert result.plan == plan
    assert [
        (trial.number, trial.outcome, trial.score, trial.scores, trial.reason)
        for trial in result.trials
    ] == [
        (number, "finished", score, (score,), "") for number, score in enumerate((0.5, 0.75, 0.6))
    ]
    assert [trial.number for trial in result.top] == [1, 2, 0]
    assert result.best_trial == result.trials[1]
    assert TrainOptions(**result.best).seed == 5
    assert result.best["lr"] == result.trials[1].searched["lr"]
    assert result.best_file == Path("study/best.toml")
    assert TrainOptions.from_file(result.best_file) == TrainOptions(**result.best)
    assert result.failed == []
    assert "\n" not in repr(result)
    assert "trial 1 " in repr(result)
    assert "75.0%" in repr(result)
    assert sweep("study.toml") == result
    assert pickle.loads(pickle.dumps(result)) == result


def test_first_trials_have_the_settings_in_the_study(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_training([0.5, 0.6, 0.7], monkeypatch)
    firsts = "[[first]]\nlr = 0.01\n[[first]]\nlr = 0.02\nreadout = 'max'\n"
    write_study("trials = 3\n", search=SEARCH + firsts)
    drawn = [trial.searched for trial in sweep("study.toml").trials]
    assert [searched["lr"] for searched in drawn[:2]] == [0.01, 0.02]
    assert drawn[1]["readout"] == "max"
    assert drawn[2]["lr"] not in (0.01, 0.02)


def test_tables_of_a_result(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_training([0.5, 0.75], monkeypatch)
    write_study("trials = 2\n")
    [best] = sweep("study.toml").tables()
    assert best.header == ("trial", "validation", "lr", "init_delay_input", "readout")
    assert [row[:2] for row in best.rows] == [(1, "75.0%"), (0, "50.0%")]


def test_importance_of_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_training(list(np.linspace(0.5, 0.7, MIN_TRIALS)), monkeypatch)
    write_study(f"trials = {MIN_TRIALS - 1}\n")
    few = sweep("study.toml")
    assert (few.importance, len(few.tables())) == (None, 1)
    write_study(f"trials = {MIN_TRIALS}\n")
    result = sweep("study.toml")
    assert result.importance is not None
    assert set(result.importance) == {"lr", "init_delay_input", "readout"}
    assert {row[0] for row in result.tables()[1].rows} == set(result.importance)
    assert sum(result.importance.values()) == pytest.approx(1)
    assert result.as_json()["importance_unknown"] is None


def test_importance_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    import optuna.importance

    def missing(**settings: object) -> None:
        raise ImportError("no sklearn")

    fake_training(list(np.linspace(0.5, 0.7, MIN_TRIALS)), monkeypatch)
    monkeypatch.setattr(optuna.importance, "FanovaImportanceEvaluator", missing)
    write_study(f"trials = {MIN_TRIALS}\n")
    result = sweep("study.toml")
    assert result.importance is None
    assert "'scikit-learn<" in result.importance_unknown
    assert len(result.tables()) == 1


def test_another_seed_of_the_sampler_tries_other_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_training([0.5, 0.5], monkeypatch)
    searched = []
    for seed in (0, 1):
        write_study(f"trials = 1\nsampler_seed = {seed}\n")
        searched.append(sweep("study.toml").trials[0].searched)
        Path("study").rename(f"study{seed}")
    assert searched[0] != searched[1]


def test_the_mean_over_seeds_decides() -> None:
    write_study("trials = 2\nseeds = 2\nkeep = true\n", settings="seed = 5\n")
    result = sweep("study.toml")
    entries = logs()
    assert list(entries)[:2] == ["study/trials/0000/seed5", "study/trials/0000/seed6"]
    assert (
        entries["study/trials/0000/seed5"][0]["loss"]
        != entries["study/trials/0000/seed6"][0]["loss"]
    )
    scores = [best_epoch(log)["validation_accuracy"] for log in list(entries.values())[:2]]
    assert result.trials[0].score == pytest.approx(np.mean(scores))
    assert result.trials[0].scores == tuple(scores)
    assert trials()[0][3]["scores"] == scores
    files = {path.name for path in Path("study/trials/0001/seed6").iterdir()}
    assert files == {"run.json", "log.jsonl", "log.csv", "network.npz", "checkpoint.npz"}


def test_only_the_logs_of_trials_are_saved() -> None:
    write_study("trials = 1\n")
    sweep("study.toml")
    names = {path.name for path in Path("study/trials/0000/seed0").iterdir()}
    assert names == {"log.jsonl", "log.csv"}
    assert {path.name for path in Path("study").iterdir()} == {"best.toml", "study.db", "trials"}


@pytest.mark.parametrize(("prune", "ended"), [("true", "PRUNED"), ("false", "COMPLETE")])
def test_bad_trials_end_early(
    prune: str, ended: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "nmtool")
    fake_training([0.9, 0.8, 0.7, 0.8, 0.9, 0.1, 0.95], monkeypatch)
    write_study(f"trials = 7\nprune = {prune}\n")
    result = sweep("study.toml")
    assert states() == ["COMPLETE"] * 5 + [ended, "COMPLETE"]
    assert result.counts["pruned"] == (prune == "true")
    assert result.best_trial.number == 6
    assert len(logs()["study/trials/0005/seed0"]) == (2 if prune == "true" else 3)
    messages = [
        r.getMessage() for r in caplog.records if r.getMessage().startswith("trial 5: pruned")
    ]
    assert len(messages) == (prune == "true")


def test_a_gpu_that_fails_ends_the_study(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings are not the cause, and no other trial could run."""
    from nmtool.training.loop import run

    def failed(*arguments: Any, **more: Any) -> Any:
        raise BackendError("the GPU has failed", code="gpu-failed")

    monkeypatch.setattr(run, "run_training", failed)
    write_study("trials = 2\n")
    with refused(BackendError, "gpu-failed"):
        sweep("study.toml")


def test_a_trial_that_fails_does_not_end_the_study(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from nmtool.training.loop import run

    train, done = run.run_training, 0

    def fail_first(*arguments: Any, **more: Any) -> Any:
        nonlocal done
        done += 1
        if done == 1:
            raise MemoryError
        return train(*arguments, **more)

    monkeypatch.setattr(run, "run_training", fail_first)
    write_study("trials = 2\n")
    result = sweep("study.toml")
    (failed,) = result.failed
    assert (failed.number, failed.score) == (0, None)
    assert "memory" in failed.reason
    assert result.as_json()["failed"] == [{"trial": 0, "reason": failed.reason}]
    assert result.best_trial.number == 1
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert failed.reason in warning.getMessage()


def test_progress_counts_samples() -> None:
    counted: dict[str, list[int]] = {}

    @contextmanager
    def progress(label: str, total: int | None = None, remark: str = "") -> Iterator[Advance]:
        counted[label] = [total or 0, 0]

        class Count:
            def __call__(self, n: int, remark: str = "") -> None:
                counted[label][1] += n

            def expect(self, total: int) -> None:
                raise AssertionError("all is known before")

        yield Count()

    write_study("trials = 2\nprune = false\nseeds = 2\n")
    assert isinstance(sweep("study.toml", progress=progress), SweepResult)
    assert counted == {f"trial {number}": [2 * 3 * 8, 2 * 3 * 8] for number in range(2)}


def test_a_trial_that_drops_most_events_fails() -> None:
    write_study("trials = 6\nprune = false\n", search="[search]\ndt_ms = [1.0, 0.001]\n")
    result = sweep("study.toml")
    outcomes = {(trial.searched["dt_ms"], trial.outcome) for trial in result.trials}
    assert outcomes == {(1.0, "finished"), (0.001, "failed")}

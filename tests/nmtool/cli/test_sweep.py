"""`nmtool sweep`: trials, what ends them early, and what it says at the end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nmtool.data import Dataset
from nmtool.errors import UsageError
from nmtool.training.selection import best_epoch
from tests.nmtool.cli.conftest import Nmtool
from tests.nmtool.cli.studies import fake_training, states, trials, write_study

pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("data")]
pytest.importorskip("optuna")


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
    from nmtool.training import trainer

    check, done = trainer.check_loss, 0

    def diverge_first(loss: float, update: int) -> None:
        nonlocal done
        done += 1
        check(float("nan") if done == 4 else loss, update)

    monkeypatch.setattr(trainer, "check_loss", diverge_first)
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

    monkeypatch.setattr("nmtool.training.trainer.check_loss", refuse)
    write_study("trials = 2\n")
    said = nmtool("sweep", "study.toml")
    assert (said.code, said.out) == (2, "")
    assert "error: study.toml: no trial was finished\n  why: it never works\n" in said.err
    assert not Path("study/best.toml").exists()

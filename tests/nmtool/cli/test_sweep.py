"""`nmtool sweep`: its output and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from nmtool.data import Dataset
from nmtool.errors import UsageError
from nmtool.training.loop.selection import best_epoch
from tests.nmtool.cli.conftest import Nmtool
from tests.nmtool.cli.studies import fake_training, logs, write_study

pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("data")]
pytest.importorskip("optuna")


def _refuse_test(self: Dataset) -> None:
    raise AssertionError("the test split was read")


def test_the_best_settings_are_written(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Dataset, "test", property(_refuse_test))
    write_study("trials = 3\nprune = false\n")
    result = nmtool("sweep", "study.toml", "--json")
    assert result.code == 0
    scores = [best_epoch(log)["validation_accuracy"] for log in logs().values()]
    assert len(scores) == 3
    best = result.json["best"]
    assert best["score"] == max(scores)
    assert best["trial"] == int(np.argmax(scores))
    assert result.json["trials"] == {
        **dict.fromkeys(("pruned", "failed", "cut_off", "running", "waiting"), 0),
        "finished": 3,
    }
    assert [trial["score"] for trial in result.json["top"]] == sorted(scores, reverse=True)
    assert result.err.count("validation") == 3
    run = nmtool("train", "two", "-o", "run", "--config", "study/best.toml", "--json")
    assert run.json["best"]["validation_accuracy"] == best["score"]
    options = json.loads(Path("run/run.json").read_text())["options"]
    assert {name: options[name] for name in best["settings"]} == best["settings"]
    assert best["searched"].items() <= best["settings"].items()


def test_entries_of_the_study_are_no_options(nmtool: Nmtool) -> None:
    result = nmtool("sweep", "study.toml", "--trials", 5)
    assert (result.code, result.error) == (2, "option-unknown")
    assert "STUDY.toml" in result.err
    assert "--threads" not in result.err


def test_a_sweep_in_the_terminal(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_training([0.5] * 4, monkeypatch)
    write_study()
    result = nmtool("sweep", "study.toml")
    assert result.code == 0
    lines = result.out.splitlines()
    assert lines[0] == "best trials"
    assert lines[1].split() == ["trial", "validation", "lr", "init_delay_input", "readout"]
    assert lines[-3].startswith("trials: 4 finished")
    assert lines[-2].startswith("study/best.toml: trial ")
    assert lines[-1] == "train with it: nmtool train two -o RUN --config study/best.toml"
    assert any(line.startswith("importance of settings") for line in lines)


def test_all_trials_fail(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise UsageError("it never works", code="some-code")

    monkeypatch.setattr("nmtool.training.loop.trainer.check_loss", refuse)
    write_study("trials = 2\n")
    result = nmtool("sweep", "study.toml")
    assert (result.code, result.out, result.error) == (2, "", "study-without-result")
    assert "some-code trial 0: it never works; " in result.err
    assert not Path("study/best.toml").exists()

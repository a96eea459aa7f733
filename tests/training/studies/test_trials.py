"""Trials of a search: stored ones that are damaged, and errors before the first trial."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from nmtool.errors import FileFormatError, MissingError, StorageError, UsageError
from nmtool.training.loop.run_folder import RunFolder
from tests.refusals import refused
from tests.training.studies.searches import Trials, fake_training, run_search

pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("data")]


def test_trials_are_stored_and_read(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_training([0.5, MemoryError(), 0.6, 0.7, 0.8], monkeypatch)
    result = run_search(2)
    trials = Trials(Path("study"))
    assert (*trials.full, *trials.short) == result.trials
    assert [trial.curve for trial in trials.short] == [[], [0.6]]
    [best] = [trial for trial in trials.full if trial.name == "trial 1"]
    assert best.right is not None
    assert best.right.sum() == 70


@pytest.mark.parametrize("content", ["", "not JSON", "[]", "{}", '{"trials": [{}]}', "[" * 10**5])
def test_damaged_trials_are_refused(content: str) -> None:
    Path("study").mkdir()
    Path("study/trials.json").write_text(content)
    with refused(FileFormatError, "file-damaged") as caught:
        run_search()
    assert "study/trials.json" in caught.value.what
    assert caught.value.why


@pytest.mark.parametrize(
    "change",
    [{"searched": {"lr": 0.1}}, {"searched": {"other": 1}}, {"score": "high"}, {"right": "5:00ff"}],
)
def test_changed_trials_are_refused(
    change: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_training([0.5] * 3, monkeypatch)
    run_search(1)
    content = json.loads(Path("study/trials.json").read_text())
    content["trials"][1] |= change
    Path("study/trials.json").write_text(json.dumps(content))
    with refused(FileFormatError, "file-damaged"):
        run_search(2)


def test_two_searches_in_one_folder_are_refused() -> None:
    Path("study").mkdir()
    with RunFolder(Path("study")).locked(), refused(UsageError, "run-in-use"):
        run_search()


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

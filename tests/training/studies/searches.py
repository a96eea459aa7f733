"""Searches of a few trials that take less than a second each, and searches without training."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import nmtool as nm
from nmtool.training.studies import search as searching
from nmtool.training.studies.results import SearchResult

# Without Optuna, tests that import this module are skipped.
Trials = pytest.importorskip("nmtool.training.studies.trials").Trials

ROOT = Path(__file__).parents[3]
OPTIONS = nm.TrainOptions(hidden=6, steps=30, max_delay=9, epochs=3, batch_size=4, validation=4)


def run_search(
    budget: str | int = 2, options: nm.TrainOptions = OPTIONS, **more: Any
) -> SearchResult:
    """Search in the folder `study` of the working folder, on the data set `two`."""
    keywords = {"folder": "study", "budget": budget, "threads": 1}
    return nm.search("two", options, **{**keywords, **more})


def outcomes() -> list[str]:
    """Outcome of every short trial that has ended."""
    return [trial.outcome for trial in Trials(Path("study")).short]


def fake_training(
    results: Iterable[float | BaseException], monkeypatch: pytest.MonkeyPatch
) -> list[nm.TrainOptions]:
    """Replace training: every run takes the next result, an accuracy or an exception.

    A network with an accuracy of 0.75 classifies 75 of 100 validation samples correctly. Returns
    the settings of all runs, a list that grows.
    """
    left, trained = iter(results), list[nm.TrainOptions]()
    accuracies: dict[Path, float] = {}

    def train(options: nm.TrainOptions, dataset: object, **more: Any) -> Any:
        trained.append(options)
        result = next(left)
        if isinstance(result, BaseException):
            raise result
        entries = [
            {"epoch": epoch, "validation_accuracy": result, "train_accuracy": 1.0}
            for epoch in range(1, options.epochs + 1)
        ]
        for entry in entries:
            more["on_epoch"](entry)
        if more.get("folder") is not None:
            accuracies[more["folder"].path] = result
        return SimpleNamespace(log=entries)

    def answers(network: Path, _: object) -> list[Any]:
        right = np.arange(100) < round(100 * accuracies[network])
        return [(SimpleNamespace(label=np.ones(100)), SimpleNamespace(predictions=right))]

    run_folder = "nmtool.training.loop.run_folder.RunFolder"
    monkeypatch.setattr("nmtool.training.loop.run.run_training", train)
    monkeypatch.setattr(f"{run_folder}.integers", lambda self: None)
    monkeypatch.setattr(f"{run_folder}.network", lambda self: self.path)
    monkeypatch.setattr(searching, "record_portions", answers)
    return trained

"""A search before a run: its trials, its end, and the settings of the run."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import nmtool as nm
from nmtool.data import Dataset, SpikeEvents
from nmtool.errors import DataError, FileFormatError, UsageError
from nmtool.evaluation.accuracy_difference import AccuracyDifference
from nmtool.training.loop.trainer import Trainer
from nmtool.training.studies import search, study, trial
from nmtool.training.studies.plan import read_plan
from nmtool.training.studies.study import open_study
from tests.refusals import refused
from tests.training.small_data import small_dataset, without_seconds

pytestmark = pytest.mark.torch
optuna = pytest.importorskip("optuna")

OPTIONS = nm.TrainOptions(hidden=8, epochs=4, batch_size=16, max_delay=12, stretch=0.1)
QUICK = replace(OPTIONS, epochs=2)
"""Settings of a search in two studies, where the number of epochs does not matter."""
SHORT = replace(OPTIONS, epochs=1)
"""Settings of a search without a second study: no trial can be shorter than the run."""


def _train(folder: Path | None, options: nm.TrainOptions = OPTIONS, **more: Any) -> nm.Run:
    return nm.train(small_dataset(), options, folder=folder, **more)


def _trials(folder: Path, study: str = "") -> list[tuple[str, float | None, dict[str, Any]]]:
    with open_study(read_plan(folder / "search" / study / "study.toml")) as opened:
        return [(trial.state.name, trial.value, trial.params) for trial in opened.trials()]


def _differ(points: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the best trial be `points` percentage points better than the defaults, on 100 samples."""
    right = np.arange(100)[None] < 50 + np.array([[points], [0]])
    difference = AccuracyDifference(right[:1], right[1:])
    monkeypatch.setattr(search, "compare_accuracy", lambda *_: difference)


def test_the_best_trial_gives_the_settings_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _differ(20, monkeypatch)
    run = _train(tmp_path / "run", search=3)
    assert len(_trials(tmp_path / "run")) == 3
    trials = _trials(tmp_path / "run", "full-3")
    assert len(trials) == 3
    scores = [score or 0.0 for _, score, _ in trials]
    best = trials[scores.index(max(scores))][2]
    settings = run.options.as_json()
    assert {name: settings[name] for name in best} == best
    assert (run.options.epochs, len(run.log)) == (4, 4)
    folder = tmp_path / "run" / "search"
    assert read_plan(folder / "study.toml").space.fixed["epochs"] == 2
    assert read_plan(folder / "full-3/study.toml").space.fixed["epochs"] == 4
    assert run.search is not None
    assert run.tables()[1] == run.search == nm.Run.load(tmp_path / "run").search
    assert len(run.search.rows) == sum(state == "COMPLETE" for state, _, _ in trials)


@pytest.mark.parametrize(
    ("points", "effect"), [(20, -1), pytest.param(20, 1, marks=pytest.mark.long), (2, 1)]
)
def test_defaults_stay_unless_a_trial_is_significantly_better_in_full(
    points: int, effect: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dropping events helps in full trials, and helps or does harm in short ones."""

    def score(_: trial.TrialRunner, __: int, options: nm.TrainOptions, *___: Any) -> float:
        return 0.5 + (1 if options.epochs == QUICK.epochs else effect) * options.drop

    compared: list[str] = []

    def folder(path: Path) -> SimpleNamespace:
        compared.append(path.relative_to(tmp_path / "search/full-5/trials").as_posix())
        return SimpleNamespace(integers=lambda: None, network=lambda: None, options=lambda: None)

    monkeypatch.setattr(trial.TrialRunner, "_score", score)
    monkeypatch.setattr(search, "RunFolder", folder)
    _differ(points, monkeypatch)
    run = _train(tmp_path, QUICK, search=5)
    short, full = _trials(tmp_path), [settings for _, _, settings in _trials(tmp_path, "full-5")]
    ranked = sorted(range(5), key=lambda number: (-(short[number][1] or 0), number))
    best, *others = (short[number][2] for number in ranked[:4])
    defaults = short[0][2]
    assert full[0] == best
    assert full[1:] == [
        *([defaults] if defaults != best else []),
        *(settings for settings in others if settings != defaults),
    ]
    dropped = [settings["drop"] for settings in full]
    winner = dropped.index(max(dropped))
    assert [*dict.fromkeys(compared)] == [
        f"{number:04d}/seed0" for number in (winner, full.index(defaults))
    ]
    assert run.options.drop == (max(dropped) if points == 20 else 0.0)
    assert run.search is not None
    assert ("the defaults:" in run.search.title) is (points != 20)


def test_a_trial_that_was_trained_in_full_becomes_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nmtool.training.loop import run as loop

    trainings: list[bool] = []

    def counted(*arguments: Any, resume: bool = False, **more: Any) -> Trainer:
        trainings.append(resume)
        return run_training(*arguments, resume=resume, **more)

    run_training, epochs = loop.run_training, list[dict[str, Any]]()
    monkeypatch.setattr(loop, "run_training", counted)
    run = _train(tmp_path / "run", QUICK, search=2, on_epoch=epochs.append)
    assert trainings == [False] * (2 + len(_trials(tmp_path / "run", "full-2"))) + [True]
    assert epochs == run.log
    again = _train(tmp_path / "again", run.options)
    assert without_seconds(again.log) == without_seconds(run.log)
    for name in ("network.npz", "run.json"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    assert nm.train(small_dataset(), folder=tmp_path / "run", resume=True).log == run.log


def test_given_settings_are_fixed_and_the_first_trial_has_the_defaults(tmp_path: Path) -> None:
    _train(tmp_path, SHORT, search=1)
    [(_, _, first)] = _trials(tmp_path)
    fitted = OPTIONS.fitted_to(small_dataset().train).as_json()
    assert not first.keys() & {"hidden", "stretch", "epochs", "seed", "max_delay"}
    assert first.keys() >= {"lr", "delay_lr", "dt_ms", "tau_mem_ms", "tau_syn_ms", "drop"}
    assert first == {name: fitted[name] for name in first}
    fixed = read_plan(tmp_path / "search/study.toml").space.fixed
    assert (fixed["hidden"], fixed["stretch"], fixed["steps"]) == (8, 0.1, "auto")


def test_the_next_trials_are_augmented(tmp_path: Path) -> None:
    _train(tmp_path, SHORT, search=3)
    default, augmented, dropped = (settings for _, _, settings in _trials(tmp_path))
    changed = {name for name in default if augmented[name] != default[name]}
    assert "onset_ms" in changed
    assert changed <= {"shift", "stretch", "onset_ms"}
    assert {name for name in default if dropped[name] != default[name]} == {"drop"}


@pytest.mark.long
def test_a_number_of_trials_is_reproducible_and_a_stopped_search_continues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = _train(tmp_path / "whole", QUICK, search=3)
    with monkeypatch.context() as patched:
        _stop_in_trial(1, patched)
        with pytest.raises(KeyboardInterrupt):
            _train(tmp_path / "parts", QUICK, search=2)
    parts = _train(tmp_path / "parts", QUICK, search=3)
    ended = [trial for trial in _trials(tmp_path / "parts") if trial[0] != "FAIL"]
    assert ended == _trials(tmp_path / "whole")
    assert parts.network.content_hash == whole.network.content_hash
    assert _train(None, QUICK, search=3).network.content_hash == whole.network.content_hash


def _stop_in_trial(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupt a trial before it trains."""
    train = trial.TrialRunner._score

    def score(self: trial.TrialRunner, at: int, options: nm.TrainOptions, *about: Any) -> float:
        if at == number:
            raise KeyboardInterrupt
        return train(self, at, options, *about)

    monkeypatch.setattr(trial.TrialRunner, "_score", score)


def test_test_samples_are_not_read(tmp_path: Path) -> None:
    def read(split: str) -> SpikeEvents:
        if split == "test":
            raise DataError("it has been looked at", code="split-empty", fix="do not")
        events = small_dataset().filled_split(split)
        assert events.n_samples
        return events

    data = Dataset("small", ("train", "validation", "test"), read)
    assert nm.train(data, SHORT, folder=tmp_path, search=1).search is not None


def test_no_trial_begins_when_the_time_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = property(lambda trial: timedelta(seconds=25))
    monkeypatch.setattr(optuna.trial.FrozenTrial, "duration", taken)
    _train(tmp_path, QUICK, search="1min")
    assert len(_trials(tmp_path)) == 3


def test_a_trial_ends_with_the_epoch_in_which_the_time_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first trial may exceed the time, since there would be no result without it."""
    clock = SimpleNamespace(monotonic=map(float, count(0, 100)).__next__)
    monkeypatch.setattr(study, "time", clock)
    taken = property(lambda trial: timedelta(minutes=trial.number))
    monkeypatch.setattr(optuna.trial.FrozenTrial, "duration", taken)
    _train(tmp_path, search="1min")
    assert [state for state, _, _ in _trials(tmp_path)] == ["COMPLETE", "PRUNED"]


@pytest.mark.parametrize("budget", ["soon", "0", "-3", "30 sec", "1.5h", ""])
def test_invalid_budgets_are_refused(budget: str) -> None:
    with refused(UsageError, "search-budget"):
        _train(None, search=budget)


def test_searches_that_cannot_be_combined_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with refused(UsageError, "search-resumed"):
        nm.train(folder=tmp_path, resume=True, search=2)
    with refused(UsageError, "study-unvalidated"):
        nm.train(small_dataset().train, nm.TrainOptions(validation=0), search=2)
    run = _train(tmp_path / "run", SHORT, search=1)
    assert run.search is not None
    (tmp_path / "run/search/result.json").write_text('{"top": []}')
    with refused(FileFormatError, "file-damaged"):
        nm.Run.load(tmp_path / "run")
    monkeypatch.setattr("nmtool.training.processes.launch.launched", object)
    with refused(UsageError, "search-launched"):
        _train(None, search=2)

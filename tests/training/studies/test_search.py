"""`search`: which trials are run in which time, what is chosen, and that it continues."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import nmtool as nm
from nmtool.errors import BackendError, DataError, StorageError, UsageError
from nmtool.training.studies import results as texts, search as searching
from nmtool.training.studies.results import DEFAULTS, TrialResult
from nmtool.training.studies.search import choose, what_fits
from tests.refusals import codes, refused
from tests.training.small_data import small_dataset, without_seconds
from tests.training.studies.searches import (
    OPTIONS,
    Trials,
    fake_training,
    outcomes,
    run_search,
)

pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("data")]


# Which trials


def test_defaults_and_the_best_short_trials_are_trained_in_full(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trained = fake_training([0.5, 0.3, 0.4, 0.35, 0.7, 0.6, 0.9], monkeypatch)
    result = run_search(3)
    assert [options.epochs for options in trained] == [3, 1, 1, 1, 3, 3, 3]
    assert [options.lr for options in trained[4:]] == [trained[place].lr for place in (2, 3, 1)]
    assert trained[0] == OPTIONS.fitted_to(nm.load_dataset("two").train)
    assert [trial.name for trial in result.full] == ["trial 0", "trial 1", "trial 2", DEFAULTS]
    assert [trial.name for trial in result.short] == ["trial 1", "trial 2", "trial 0"]
    assert result.chosen == "trial 0"
    assert result.options == OPTIONS.with_settings(dict(result.full[0].searched), "test")
    assert result.run == Path("study/full/trial-0")
    assert result.score == 0.9
    assert nm.TrainOptions.from_file(result.best_file) == result.options


def test_at_most_four_others_are_trained_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    trained = fake_training([0.5] * 20, monkeypatch)
    run_search(7)
    assert [options.epochs for options in trained] == [3] + [1] * 7 + [3] * 4


def test_the_defaults_stay_unless_a_trial_is_significantly_better() -> None:
    def trial(name: str, right: int) -> TrialResult:
        answers = np.arange(100) < right
        return TrialResult(name, True, {}, score=right / 100, right=answers)

    defaults = trial(DEFAULTS, 80)
    assert choose([defaults])[0] is defaults
    assert "nothing but the defaults" in choose([defaults])[1]
    for right, is_better in ((78, False), (81, False), (95, True)):
        other = trial("trial 3", right)
        chosen, outcome = choose(sorted([defaults, other], key=lambda one: -(one.score or 0)))
        assert chosen is (other if is_better else defaults)
        assert f"{right - 80:+.1f} points" in outcome
        assert "1 other full trial" in outcome


def test_prepared_settings_come_first_and_given_ones_are_fixed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trained = fake_training([0.5] * 20, monkeypatch)
    result = run_search(3, replace(OPTIONS, stretch=0.1, lr=0.02))
    short = [trial.searched for trial in result.short]
    assert not short[0].keys() & {"lr", "stretch", "hidden", "epochs", "seed", "max_delay"}
    assert short[0].keys() >= {"delay_lr", "tau_mem_ms", "drop", "onset_ms"}
    changed = [
        {name for name, value in searched.items() if value != result.defaults[name]}
        for searched in short
    ]
    assert changed == [{"onset_ms"}, {"drop"}, {"onset_ms", "init_delay_recurrent"}]
    assert {options.stretch for options in trained} == {0.1}


def test_the_second_finalist_is_augmented(monkeypatch: pytest.MonkeyPatch) -> None:
    """Augmentation learns slowly, so that short trials rank it too low."""
    trained = fake_training([0.5] + [0.5] * 6 + [0.5] * 4, monkeypatch)
    run_search(6)
    assert any(options.stretch for options in trained[7:9])


@pytest.mark.parametrize(
    ("minutes", "full_min", "short", "full"),
    [
        (5, 10, 0, 1),  # The defaults take longer than the search.
        (15, 10, 0, 1),  # No other full trial fits.
        (25, 10, 0, 2),  # Too few short trials would fit to choose by.
        (60, 10, 9, 3),
        (120, 10, 21, 5),
    ],
)
def test_what_fits_into_a_time(minutes: int, full_min: int, short: int, full: int) -> None:
    assert what_fits(60 * minutes, 60 * full_min, 3) == (short, full)


class _Clock:
    """A clock in which a full trial takes ten minutes and a short one 200 s."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        place = SimpleNamespace(monotonic=lambda: self.now)
        monkeypatch.setattr("nmtool.training.studies.trials.time", place)
        monkeypatch.setattr(searching, "time", place)
        end = searching._Search._end

        def timed(search: Any, trial: TrialResult, train: Any) -> None:
            def taking(trial: TrialResult) -> TrialResult:
                self.now += 600 if trial.is_full else 200
                return train(trial)

            end(search, trial, taking)

        monkeypatch.setattr(searching._Search, "_end", timed)


@pytest.mark.parametrize(
    ("budget", "n_short", "n_full"), [("15min", 0, 1), ("30min", 0, 3), ("1h", 9, 3)]
)
def test_a_search_ends_within_its_time(
    budget: str, n_short: int, n_full: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained, clock = fake_training([0.5] * 40, monkeypatch), _Clock(monkeypatch)
    result = run_search(budget)
    assert (len(result.short), len(result.full)) == (n_short, n_full)
    assert clock.now <= searching._Budget.of(budget).seconds
    assert ("nothing but the defaults" in result.outcome) is (n_full == 1)
    before = len(trained)
    assert run_search(budget).trials == result.trials
    assert len(trained) == before


def test_what_fits_is_said_after_the_first_measurement(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "nmtool")
    stopwatch = searching._Stopwatch(1000)
    monkeypatch.setattr(
        searching, "time", SimpleNamespace(monotonic=iter([0.0, 5.0, 60.0]).__next__)
    )
    stopwatch.add(32)
    stopwatch.add(100)
    assert stopwatch.whole_s(10) is None
    assert stopwatch.whole_s(60) == 600
    search: Any = SimpleNamespace(
        _prepared=[{}] * 3, _budget=searching._Budget("30min", seconds=1800)
    )
    searching._Search._announce(search, 600.0)
    assert caplog.messages == [
        "a full trial takes about 10 min: 30min fits the defaults and 2 other full trials, too few "
        "to find much; 2h fits the defaults, 21 short trials and 4 other full trials"
    ]


def test_a_trial_ends_when_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """The defaults are trained to their end, since there would be no result without them."""
    fake_training([0.5] * 9, monkeypatch)
    monkeypatch.setattr(Trials, "used_s", 1e6)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(searching._Search, "_is_short_next", lambda self: outcomes() == [])
        result = run_search("1min", replace(OPTIONS, epochs=6))
    assert [trial.outcome for trial in result.trials] == ["finished", "ended early"]


def test_a_trial_is_pruned_against_five_others_in_its_second_half(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake_training([0.5, 0.1, 0.8, 0.9, 0.9, 0.8, 0.2, 0.7] + [0.5] * 4, monkeypatch)
    run_search(7, replace(OPTIONS, epochs=12))
    assert outcomes() == ["finished"] * 5 + ["ended early"] * 2


# Failures


def test_a_trial_that_fails_does_not_end_the_search(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    refusal = UsageError("it never works", code="some-code")
    fake_training([0.5, MemoryError(), refusal, 0.5, 0.5], monkeypatch)
    result = run_search(3)
    assert result.as_json()["failed"] == [
        {"trial": "trial 0", "reason": "there was not enough memory"},
        {"trial": "trial 1", "reason": "it never works"},
    ]
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2


@pytest.mark.parametrize(
    "error",
    [
        BackendError("the GPU has failed", code="gpu-failed"),
        StorageError("the disk is full", code="disk-full"),
    ],
)
def test_failures_of_the_machine_end_the_search(
    error: nm.NmtoolError, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_training([0.5, error], monkeypatch)
    with refused(type(error), error.code):
        run_search()


def test_defaults_that_fail_end_the_search() -> None:
    with refused(DataError, "events-mostly-dropped"):
        run_search(options=replace(OPTIONS, steps=1))
    with refused(UsageError, "search-unvalidated"):
        run_search(options=replace(OPTIONS, validation=0))


# Continuing


def test_a_stopped_search_equals_an_uninterrupted_one(monkeypatch: pytest.MonkeyPatch) -> None:
    accuracies = [0.5, 0.4, 0.6, 0.3, 0.8, 0.7, 0.6]
    fake_training(accuracies, monkeypatch)
    whole = run_search(3)
    Path("study").rename("before")
    for place in (0, 2, 5):
        fake_training([*accuracies[:place], KeyboardInterrupt()], monkeypatch)
        with pytest.raises(KeyboardInterrupt):
            run_search(3)
        fake_training(accuracies[place:], monkeypatch)
        parts = run_search(3)
        assert [replace(trial, seconds=0) for trial in parts.trials] == [
            replace(trial, seconds=0) for trial in whole.trials
        ]
        Path("study").rename(f"stopped{place}")


@pytest.mark.parametrize(
    ("change", "where", "what"),
    [
        ({"options": replace(OPTIONS, hidden=7)}, "hidden", "was 6, is now 7"),
        ({"options": replace(OPTIONS, gain=3.0)}, "gain", "was {low = "),
    ],
)
def test_another_search_in_the_same_folder_is_refused(
    change: dict[str, Any], where: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_training([0.5] * 9, monkeypatch)
    run_search(1)
    with refused(UsageError, "search-differs") as caught:
        run_search(1, **change)
    assert set(codes(caught.value)) == {"setting-differs"}
    [finding] = [finding for finding in caught.value.findings if finding.where == where]
    assert finding.what.startswith(what)
    result = run_search(2)
    assert (len(result.short), len(result.full)) == (2, 3)


# Results


def test_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_training([0.5, *np.linspace(0.5, 0.7, 10), *[0.5] * 4], monkeypatch)
    result = run_search(10)
    full, short = result.tables()
    assert full.header == short.header == ("trial", "validation", "differs from the defaults")
    assert full.rows[0] == (DEFAULTS, "50.0%", "")
    assert short.rows[0][:2] == ("trial 9", "70.0%")
    assert short.rows[0][2] == texts.changes_text(result.short[0].searched, result.defaults)
    assert texts.search_table(Path("study")) == full
    assert "right" not in result.as_json()["full"][0]


# Before a run


def test_a_full_trial_becomes_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nmtool.training.loop import run as loop

    data, trainings, epochs = small_dataset(), list[bool](), list[dict[str, Any]]()
    options = nm.TrainOptions(hidden=8, epochs=2, batch_size=16, max_delay=12)
    run_training = loop.run_training

    def counted(*arguments: Any, resume: bool = False, **more: Any) -> Any:
        trainings.append(resume)
        return run_training(*arguments, resume=resume, **more)

    monkeypatch.setattr(loop, "run_training", counted)
    run = nm.train(data, options, folder=tmp_path / "run", search=1, on_epoch=epochs.append)
    assert trainings == [False] * 3 + [True]
    assert epochs == run.log
    assert run.search is not None
    assert run.tables()[-1] == run.search == nm.Run.load(tmp_path / "run").search
    again = nm.train(data, run.options, folder=tmp_path / "again")
    assert without_seconds(again.log) == without_seconds(run.log)
    for name in ("network.npz", "run.json"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    assert nm.train(data, folder=tmp_path / "run", resume=True).log == run.log
    assert nm.train(data, options, search=1).network.content_hash == run.network.content_hash


def test_test_samples_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_training([0.5] * 3, monkeypatch)

    def test(self: nm.Dataset) -> None:
        raise AssertionError("the test split was read")

    monkeypatch.setattr(nm.Dataset, "test", property(test))
    assert run_search(1).chosen == DEFAULTS


@pytest.mark.parametrize("budget", ["soon", "0", "-3", "30 sec", "1.5h", ""])
def test_invalid_budgets_are_refused(budget: str) -> None:
    with refused(UsageError, "search-budget"):
        run_search(budget)
    with refused(UsageError, "search-budget"):
        nm.train("two", OPTIONS, search=budget)


def test_searches_that_cannot_be_combined_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with refused(UsageError, "search-impossible"):
        nm.train(folder="run", resume=True, search=2)
    monkeypatch.setattr("nmtool.training.learning.launched", object)
    with refused(UsageError, "search-impossible"):
        nm.train("two", OPTIONS, search=2)


def test_a_damaged_result_is_refused(tmp_path: Path) -> None:
    (tmp_path / texts.RESULT).write_text('{"table": []}')
    with refused(nm.FileFormatError, "file-damaged"):
        texts.search_table(tmp_path)

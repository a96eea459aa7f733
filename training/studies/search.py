"""`search_settings`: a hyperparameter search before a run, with a limit on time or trials.

The search consists of two studies, which nmtool generates for the data. Settings that the user gave
are fixed. Settings at their defaults are searched around the default values for these samples. A
time limit is divided equally between the studies.

Trials of the first study have a third of the run's epochs. Its first trial has the defaults. The
next trials add settings that have helped on other data, since a short search may have only ten
trials for ten settings.

The second study trains the best trials in full: short trials favour settings that learn fast, but
augmentation learns slowly and helps at the end. It trains the defaults, too: the best of many
trials is partly the luckiest on these validation samples, so that the defaults are used unless the
best trial is significantly better. `nmtool sweep` accepts both studies, FOLDER/study.toml and
FOLDER/full-N/study.toml, like any other study.
"""

from __future__ import annotations

import json
import logging
import math
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmtool import storage
from nmtool.data import Dataset
from nmtool.data.catalogue import is_name
from nmtool.data.dividing import AUTO
from nmtool.data.grid import last_spike_ms, usual_end_ms
from nmtool.errors import UsageError
from nmtool.evaluation.comparing import compare_accuracy
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork
from nmtool.progress import Progress
from nmtool.tables import Table
from nmtool.toml_files import toml_value
from nmtool.training.loop.run_folder import RunFolder
from nmtool.training.options import TrainOptions
from nmtool.training.studies.plan import read_plan
from nmtool.training.studies.results import (
    RESULT,
    SweepResult,
    TrialResult,
    ranked,
    trial_table,
)
from nmtool.training.studies.series import run_folder
from nmtool.training.studies.sweep import run_study, run_trials
from nmtool.training.studies.trial import RUNS, checked_data, shown_value

if TYPE_CHECKING:
    from nmtool.training.engines.devices import Device

log = logging.getLogger(__name__)

PLAN = "study.toml"
MINUTES, TRIALS = "minutes", "trials"
"""Entries of STUDY.toml that limit a study."""

SHORTER = 3
"""Ratio of a run's epochs to those of a trial of the first study."""
FINALISTS = 4
"""Number of best trials that the second study trains in full; the defaults are added unless they
are among these trials."""

_BUDGET = re.compile(r"([1-9][0-9]{0,5}) ?(min|h|)")
_MOST_STEPS, _FEWEST_STEPS = 4000, 50
"""Range of steps per sample in which other time steps are searched."""

_ORDERED = 32
"""Fewest channels for which neighbours are assumed to be similar, so that `shift` is searched."""


def search_settings(
    data: Dataset,
    options: TrainOptions,
    budget: str | int,
    folder: Path,
    *,
    device: str | Device,
    progress: Progress,
) -> tuple[dict[str, Any], Table, RunFolder | None]:
    """Search the settings that are at their defaults, by validation accuracy.

    The same call continues a search that was stopped. A search with a number of trials is
    reproducible; how many trials a time limit allows depends on the machine.

    Args:
        data: data with a validation split.
        options: options of the following run.
        budget: a time such as `30min` or `2h`, or a number of trials of the first study.
        folder: folder of the first study; the second one is in `full-N`, after N finished trials.
        device, progress: as for `train`.

    Returns:
        The settings to train with, for `TrainOptions.with_settings`: those of the best trial of the
        last study, or the defaults if that trial is not significantly better. Also a table of the
        best trials, whose title names the origin of the settings; and the folder of the trial that
        was trained in full with these settings, if there is one.

    Raises:
        UsageError: the budget is invalid, there are no validation samples, nothing is left to
            search, or the folder has a search of other settings.
        NmtoolError: as for `sweep`.
    """
    kind, number = _study_limit(budget)
    in_time = kind == MINUTES
    fixed, default, space = _settings(data, options)

    def run(
        folder: Path, limit: int, epochs: int, first_trials: Sequence[dict[str, Any]], keep: bool
    ) -> SweepResult:
        storage.make_folder(folder)
        entries = {"data": _data_name(data, folder), "folder": ".", kind: limit, "keep": keep}
        entries |= {"sampler_seed": options.seed}
        text = "".join(_lines(entries, {**fixed, "epochs": epochs}, space, first_trials))
        storage.write_text(folder / PLAN, text)
        plan = read_plan(folder / PLAN)
        checked_data(plan, data)
        result = run_study(plan, lambda study: run_trials(study, data, device, progress))
        _log_best(result)
        return result

    epochs = -(-options.epochs // SHORTER)
    log.info(f"searching {', '.join(space)} in trials of {epochs} epochs")
    short = max(1, number // 2) if in_time else number
    result = run(folder, short, epochs, _first_trials(default, space), keep=False)
    outcome = f"the run has the settings of trial {result.best_trial.number}"
    settings, *others = [result.chosen(trial) for trial in ranked(result.trials)[:FINALISTS]]
    defaults = result.chosen(result.trials[0])
    others = [values for values in others if values != defaults]
    finalists = [settings, *([] if settings == defaults else [defaults]), *others]
    trained = None
    if len(finalists) > 1 and epochs < options.epochs:
        log.info(f"training {len(finalists)} trials in full, for {options.epochs} epochs")
        full = folder / f"full-{result.counts['finished']}"
        limit = number - number // 2 if in_time else len(finalists)
        result = run(full, limit, options.epochs, finalists, keep=True)
        trial, outcome = _better_trial(result, defaults, data)
        settings, trained = result.chosen(trial), _folder_of(result, trial)
    log.info(outcome)
    values = {**result.as_json(), "outcome": outcome}
    storage.write_text(folder / RESULT, json.dumps(values, indent=2) + "\n")
    return settings, trial_table(values), trained


def _better_trial(
    result: SweepResult, defaults: dict[str, Any], data: Dataset
) -> tuple[TrialResult, str]:
    """Choose the best trial if it is significantly better than the trial with the defaults.

    Returns:
        The chosen trial, and a sentence with the reason.
    """
    best = result.best_trial
    outcome = f"the run has the settings of trial {best.number}"
    trials = (trial for trial in ranked(result.trials) if result.chosen(trial) == defaults)
    with_defaults = next(trials, None)
    if with_defaults is None or with_defaults is best:
        return best, outcome

    def network(trial: TrialResult) -> Network | IntegerNetwork:
        folder = _folder_of(result, trial)
        return folder.integers() or folder.network()

    difference = compare_accuracy([network(best)], [network(with_defaults)], data.validation)
    low, high = difference.interval()
    points = f"{difference.points.mean():+.1f} points (95 % interval {low:+.1f} … {high:+.1f})"
    if low > 0:
        return best, f"{outcome}: {points} more than with the defaults on validation samples"
    return with_defaults, (
        f"the run has the defaults: with trial {best.number}'s settings ({result.best_file}), the "
        f"difference of {points} on validation samples is not significant"
    )


def _folder_of(result: SweepResult, trial: TrialResult) -> RunFolder:
    """The folder of a trial's run, in a study that keeps the runs of its trials."""
    seed = result.plan.space.fixed["seed"]
    return RunFolder(run_folder(result.plan.folder / RUNS, trial.number, seed))


def _log_best(result: SweepResult) -> None:
    best = result.best_trial
    values = ", ".join(
        f"`{name}={shown_value(value)}`" for name, value in result.chosen(best).items()
    )
    log.info(
        f"{result.counts['finished']} of {len(result.trials)} trials finished; trial {best.number} "
        f"is best, with validation {best.score:.1%}: {values}"
    )


def check_budget(budget: str | int) -> None:
    """Raise `UsageError` unless a budget is a time or a number of trials."""
    _study_limit(budget)


def _study_limit(budget: str | int) -> tuple[str, int]:
    """Convert a budget to the entry of a study's file that limits it: its name and its value."""
    match = _BUDGET.fullmatch(str(budget).strip())
    if match is None:
        raise UsageError(
            f"'{budget}' is not a valid budget of a search",
            code="search-budget",
            fix="give a time, `search=30min` or `search=2h`, or a number of trials, `search=24`",
        )
    number, unit = int(match[1]), match[2]
    return (MINUTES, 60 * number if unit == "h" else number) if unit else (TRIALS, number)


def _settings(
    data: Dataset, options: TrainOptions
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The fixed settings, the defaults of the searched settings, and the search space.

    Raises:
        UsageError: nothing is left to search.
    """
    defaults = TrainOptions(dt_ms=options.dt_ms, steps=options.steps)
    chosen = {
        name: value for name, value in options.as_json().items() if value != getattr(defaults, name)
    }
    chosen |= {"dt_ms": options.dt_ms, "steps": options.steps, "seed": options.seed}
    space, default = {}, {}
    for name, (value, entry) in _space(data, options.fitted_to(data.undivided)).items():
        if name not in chosen or (options.dt_ms == AUTO and name == "dt_ms"):
            space[name], default[name] = entry, value
    if not space:
        raise UsageError(
            "there is nothing left to search",
            code="search-empty",
            why="all settings that could be searched have been given a value",
            fix="leave out some of them, such as lr and dt_ms",
        )
    return {name: value for name, value in chosen.items() if name not in space}, default, space


def _data_name(data: Dataset, folder: Path) -> str:
    """Name of the data for a study in this folder; a path is relative to the folder."""
    return data.name if is_name(data.name) else os.path.relpath(data.name, folder)


def _lines(
    entries: dict[str, Any],
    fixed: dict[str, Any],
    space: dict[str, Any],
    first_trials: Sequence[dict[str, Any]],
) -> Iterator[str]:
    """Yield the lines of STUDY.toml."""
    yield "# The search before a run, as `nmtool train --search` began it.\n"
    tables = (("", entries), ("[settings]", fixed), ("[search]", space))
    for title, table in (*tables, *(("[[first]]", first) for first in first_trials)):
        yield f"\n{title}\n" if title else ""
        yield from (f"{name} = {toml_value(value)}\n" for name, value in table.items())


def _first_trials(default: dict[str, Any], space: dict[str, Any]) -> list[dict[str, Any]]:
    """Settings of the first trials: the defaults, then settings that have helped on other data.

    Args:
        default, space: for each setting that is searched, its default and its entry in `[search]`.
    """
    augmented: dict[str, Any] = {"stretch": 0.2}
    if "shift" in space:
        augmented["shift"] = space["shift"][-2]
    if "onset_ms" in space:
        augmented["onset_ms"] = _to_two_digits(0.4 * space["onset_ms"]["high"])
    delayed = {"init_delay_recurrent": space.get("init_delay_recurrent", [0])[-1]}
    first_trials: list[dict[str, Any]] = []
    for changes in ({}, augmented, {"drop": 0.3}, augmented | delayed):
        first = default | {name: value for name, value in changes.items() if name in default}
        if first not in first_trials:
            first_trials.append(first)
    return first_trials


def _space(data: Dataset, fitted: TrainOptions) -> dict[str, tuple[Any, Any]]:
    """For each setting: its value in the first trial, and the values to search, as in STUDY.toml.

    Args:
        data: the samples.
        fitted: settings without `auto`.
    """
    length_ms = usual_end_ms(last_spike_ms(data.undivided))
    steps = {factor: length_ms / (factor * fitted.dt_ms) for factor in (0.5, 2)}
    fine = [0.5 * fitted.dt_ms] if steps[0.5] <= _MOST_STEPS else []
    coarse = [2 * fitted.dt_ms] if steps[2] >= _FEWEST_STEPS else []
    units = data.undivided.n_units if data.undivided.n_units >= _ORDERED else 0
    shifts = sorted({0, *(math.ceil(units / share) for share in (150, 50, 30))})
    space: dict[str, tuple[Any, Any]] = {
        "lr": (fitted.lr, _range_around(fitted.lr, 1 / 4, 4)),
        "delay_lr": (fitted.delay_lr, _range_around(fitted.delay_lr, 1 / 8, 4)),
        "dt_ms": (fitted.dt_ms, [*fine, fitted.dt_ms, *coarse]),
        "tau_mem_ms": (
            fitted.tau_mem_ms,
            _range_around(fitted.tau_mem_ms, 1 / 2, max(4, length_ms / 5 / fitted.tau_mem_ms)),
        ),
        "tau_syn_ms": (fitted.tau_syn_ms, _range_around(fitted.tau_syn_ms, 1 / 2, 4)),
        "gain": (fitted.gain, _range_around(fitted.gain, 1 / 4, 4)),
        "hidden": (fitted.hidden, [fitted.hidden, 128, 512]),
        "init_delay_recurrent": (0, sorted({0, fitted.max_delay // 2})),
        "shift": (0, shifts),
        "stretch": (0.0, {"low": 0.0, "high": 0.3}),
        "onset_ms": (0.0, {"low": 0.0, "high": _to_two_digits(min(1000.0, length_ms / 10))}),
        "drop": (0.0, {"low": 0.0, "high": 0.5}),
    }
    return {name: entry for name, entry in space.items() if _has_several(entry[1])}


def _has_several(searched: list[Any] | dict[str, Any]) -> bool:
    """True if a list or range contains more than one value."""
    if isinstance(searched, list):
        return len(searched) > 1
    return bool(searched["low"] < searched["high"])


def _range_around(value: float, low: float, high: float) -> dict[str, Any]:
    """A logarithmic range around a value, from `low` times to `high` times the value."""
    return {"low": _to_two_digits(low * value), "high": _to_two_digits(high * value), "log": True}


def _to_two_digits(value: float) -> float:
    """Round a value to two significant digits."""
    return float(f"{value:.2g}")

"""`search`: search training settings by validation accuracy, within a time or a number of trials.

Settings that are given are fixed; the most important others are searched around their defaults.
The first trial has the defaults and is trained in full, since its duration tells what
else fits into the time. Short trials, with a third of the epochs, then choose the settings of
further full trials, because short trials favour settings that learn fast. If few short trials fit,
settings that have helped on other data are trained in full instead.

The best of many trials is partly the luckiest on these validation samples. Its settings are
therefore only chosen if they are significantly better than the defaults.
"""

from __future__ import annotations

import json
import logging
import math
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nmtool import storage
from nmtool.arguments import Count, checked
from nmtool.data import Dataset, SpikeEvents
from nmtool.data.catalogue import as_dataset, is_name
from nmtool.data.dividing import AUTO
from nmtool.data.grid import last_spike_ms, usual_end_ms
from nmtool.errors import BackendError, NmtoolError, StorageError, UsageError, check_type
from nmtool.evaluation.accuracy_difference import AccuracyDifference
from nmtool.interrupts import STOPS, CheckStop, signals_noted
from nmtool.libraries import libraries_needed
from nmtool.progress import Progress, silent
from nmtool.running import record_portions
from nmtool.tables import counted
from nmtool.toml_files import toml_value
from nmtool.training.loop.remarks import check_events_in_time
from nmtool.training.loop.run_folder import RunFolder
from nmtool.training.loop.selection import final_score
from nmtool.training.options import Augmentation, TrainOptions
from nmtool.training.processes.threads import threads_used
from nmtool.training.studies.results import (
    DEFAULTS,
    RESULT,
    SearchResult,
    TrialResult,
    changes_text,
    full_folder,
    ranked,
    trial_name,
)
from nmtool.training.studies.series import changes

if TYPE_CHECKING:
    from nmtool.training.engines.devices import Device
    from nmtool.training.loop.trainer import BatchReport
    from nmtool.training.studies.trials import Trials

log = logging.getLogger(__name__)

SHORTER = 3
"""Ratio of the epochs of a full trial to those of a short one."""

FINALISTS = 4
"""Number of full trials besides the defaults; with much time, as many as fit after the others."""

OVERTIME = 1.1
"""A full trial may exceed the time by this factor, since all its epochs would be lost."""

_MEASURED_S = 60
_FEWEST_S = 10
"""The time of an epoch is known after a minute, or after an epoch that ends ten seconds or later
after the first update."""

_FEWEST_SHORT = 10
"""Number of short trials with which a search may find something."""

_BUDGET = re.compile(r"([1-9][0-9]{0,5}) ?(min|h|)")
_LONGER = ("10min", "20min", "30min", "1h", "2h", "4h", "8h", "16h", "24h", "48h", "96h")
"""Times that are suggested in place of one that is too short."""


@checked
def search(
    data: Dataset | SpikeEvents | str | Path,
    options: TrainOptions | None = None,
    *,
    folder: str | Path,
    budget: str | int = "30min",
    threads: Count | None = None,
    device: str | Device = "auto",
    progress: Progress = silent,
) -> SearchResult:
    """Search training settings by validation accuracy (hyperparameter search).

        >>> result = search("digits", folder="study", budget="12min")  # doctest: +SKIP
        >>> result.outcome  # doctest: +SKIP
        'the defaults are chosen: trial 7, the best of 4 other full trials, has +0.7 points (95 % …'

    The defaults are always trained in full, and so are the most promising other settings, as many
    as the time allows. After about a minute, the search logs what fits into its time. The same call
    continues a search that was stopped.

    While trials run, Ctrl-C and SIGTERM stop them after the current batch; a second signal stops
    them at once.

    Args:
        data: as for `train`.
        options: settings of all trials; those at their defaults are searched.
        folder: folder of the search. It gets the runs of the full trials and the chosen settings,
            `best.toml`.
        budget: a time such as 30min or 2h, or a number of short trials. Of a number of short
            trials, the best four are trained in full.
        threads: cores to use; by default all.
        device: where to train: `cpu`, `cuda` or `auto`.
        progress: shows progress in samples, by trial.

    Returns:
        The chosen settings, their run and all trials, including those of earlier calls.

    Raises:
        UsageError: the budget is invalid, there are no validation samples, nothing is
            left to search, or the folder has another search or is in use; or the defaults cannot
            be trained.
        DataError: the data are damaged.
        MissingError: Optuna or a requirement of the device is missing.
        StorageError, FileFormatError: the folder cannot be written, or its trials are damaged.
        KeyboardInterrupt: the search was stopped; finished trials are kept.
    """
    given = TrainOptions() if options is None else options
    check_type(given, TrainOptions, "settings", "pass nmtool.TrainOptions(…)")
    check_budget(budget)
    with libraries_needed("search"):
        from nmtool.training.engines.devices import find_device
        from nmtool.training.studies.trials import Trials

    place = find_device(device) if isinstance(device, str) else device
    dataset = _with_validation(as_dataset(data), given)
    ranges, prepared = _default_ranges(dataset, given)
    if not ranges:
        raise UsageError(
            "there is nothing to search",
            code="search-empty",
            why="all settings that a search would try are given",
            fix="leave settings out, such as `lr=`",
        )
    fitted = given.fitted_to(dataset.undivided)
    path = Path(folder)
    trials = Trials(path)
    with threads_used(threads), RunFolder(path).locked():
        _check_same(trials, dataset, given, ranges, path)
        defaults = {name: getattr(fitted, name) for name in ranges}
        whole = _Search(
            path, dataset, given, ranges, defaults, prepared, _Budget.of(budget), trials, place
        )
        try:
            with signals_noted(*STOPS) as check_stop:
                whole.run(check_stop, progress)
        finally:
            trials.save()
        return whole.result()


def check_budget(budget: str | int) -> None:
    """Raise `UsageError` unless a budget is a time or a number of trials."""
    _Budget.of(budget)


@dataclass(frozen=True)
class _Budget:
    """Limit of a search: a time, or a number of short trials; the other one is infinite.

    Attributes:
        text: the limit as the user wrote it.
        seconds: time of the search.
        trials: number of short trials.
    """

    text: str
    seconds: float = math.inf
    trials: float = math.inf

    @classmethod
    def of(cls, budget: str | int) -> _Budget:
        """Read a budget such as `30min`, `2h` or `24`; raises `UsageError`."""
        match = _BUDGET.fullmatch(str(budget).strip())
        if match is None:
            raise UsageError(
                f"'{budget}' is not a valid budget of a search",
                code="search-budget",
                fix="give a time, 30min or 2h, or a number of short trials, 24",
            )
        number, unit = int(match[1]), match[2]
        if not unit:
            return cls(match[0], trials=number)
        return cls(match[0], seconds=number * (3600 if unit == "h" else 60))


class _Fit(NamedTuple):
    """Numbers of trials that fit into a time.

    Attributes:
        short: short trials.
        full: full trials, including the defaults.
    """

    short: int
    full: int

    def __str__(self) -> str:
        if self.full == 1:
            return "the defaults and no other full trial"
        short = f", {counted(self.short, 'short trial')}" if self.short else ""
        return f"the defaults{short} and {counted(self.full - 1, 'other full trial')}"


def what_fits(seconds: float, full_s: float, n_prepared: int) -> _Fit:
    """Divide a time between short and full trials.

    Half of the time after the defaults is for other full trials, at least one. If fewer short
    trials fit than settings are prepared, short trials would find nothing: full trials have the
    prepared settings.

    >>> what_fits(2 * 3600, 600, 3), what_fits(30 * 60, 600, 3), what_fits(15 * 60, 600, 3)
    (_Fit(short=21, full=5), _Fit(short=0, full=3), _Fit(short=0, full=1))

    Args:
        seconds: time of the search.
        full_s: duration of a full trial.
        n_prepared: number of settings that have helped on other data.
    """
    left = seconds - full_s
    if left < full_s:
        return _Fit(0, 1)
    others = min(FINALISTS, max(1, int(left / 2 / full_s)))
    short = int((left - others * full_s) * SHORTER / full_s)
    if short <= n_prepared:
        return _Fit(0, 1 + min(n_prepared, int(left / full_s)))
    return _Fit(short, 1 + others)


class _Search:
    """A search in a folder."""

    def __init__(
        self,
        folder: Path,
        data: Dataset,
        options: TrainOptions,
        ranges: Ranges,
        defaults: dict[str, Any],
        prepared: list[dict[str, Any]],
        budget: _Budget,
        trials: Trials,
        device: Device,
    ) -> None:
        self._folder, self._data, self._options = folder, data, options
        self._ranges, self._defaults, self._prepared = ranges, defaults, prepared
        self._budget, self._trials, self._device = budget, trials, device

    def run(self, check_stop: CheckStop, progress: Progress) -> None:
        """Run trials until no other fits."""
        while True:
            check_stop()
            if (full := self._next_full()) is not None:
                self._end(full, lambda trial: self._run_full(trial, check_stop, progress))
            elif self._is_short_next():
                self._run_short(check_stop, progress)
            else:
                return

    # Which trial is next

    def _next_full(self) -> TrialResult | None:
        """The full trial that is next; None if a short one is next, or none fits."""
        ended = {trial.name for trial in self._trials.full}
        if DEFAULTS not in ended:
            return TrialResult(DEFAULTS, True, {})
        most = FINALISTS if self._budget.seconds == math.inf else math.inf
        if self._is_short_next() or len(ended) > most:
            return None
        left_s = self._budget.seconds - self._trials.used_s
        for name, searched, expected_s in self._candidates():
            was_cut_off = full_folder(self._folder, name).exists() and left_s > 0
            if name not in ended and (was_cut_off or expected_s <= left_s):
                return TrialResult(name, True, searched)
        return None

    def _candidates(self) -> Iterator[tuple[str, dict[str, Any], float]]:
        """Settings of full trials, the most promising first, each with the expected seconds.

        These are the best short trials. Augmentation learns slowly, so that the second one is the
        best augmented trial, if the best trial is not augmented.
        """
        short = self._trials.short
        if not short:
            for number, changed in enumerate(self._prepared):
                yield trial_name(number), self._defaults | changed, self._full_s() or 0.0
            return
        best = ranked(short)
        augmented = [trial for trial in best if self._is_augmented(trial.searched)]
        ratio = self._options.epochs / _short_epochs(self._options)
        order = {trial.name: trial for trial in [*best[:1], *augmented[:1], *best]}
        for trial in order.values():
            yield trial.name, trial.searched, ratio * trial.seconds

    def _is_augmented(self, searched: Mapping[str, Any]) -> bool:
        """True if searched settings augment the samples."""
        return any(searched.get(option.name) for option in fields(Augmentation))

    def _is_short_next(self) -> bool:
        """True if another short trial fits, and leaves time for full ones."""
        seconds, short = self._budget.seconds, self._trials.short
        if len(short) >= self._budget.trials:
            return False
        full_s = self._full_s()
        if seconds == math.inf or full_s is None:
            return True
        fit = what_fits(seconds, full_s, len(self._prepared))
        short_s = float(np.mean([t.seconds for t in short])) if short else full_s / SHORTER
        reserved = [expected_s for _, _, expected_s in self._candidates()] if short else []
        reserved = (reserved + [full_s] * fit.full)[: fit.full - 1]
        return fit.short > 0 and self._trials.used_s + short_s + sum(reserved) <= seconds

    def _full_s(self) -> float | None:
        """Duration of the full trial with the defaults; None before its end."""
        return next((t.seconds for t in self._trials.full if t.name == DEFAULTS), None)

    # Trials

    def _run_short(self, check_stop: CheckStop, progress: Progress) -> None:
        """Train a short trial, for a third of the epochs."""
        from nmtool.training.loop.run import run_training

        epochs = _short_epochs(self._options)
        prepared = [self._defaults | changed for changed in self._prepared]
        drawn = self._trials.draw(self._ranges, prepared, self._options.seed, epochs)
        curve: list[float] = []

        def on_epoch(entry: dict[str, Any]) -> None:
            curve.append(float(entry["validation_accuracy"]))
            drawn.report(curve[-1], entry["epoch"])
            is_over = self._trials.used_s > self._budget.seconds
            if entry["epoch"] < epochs and (is_over or drawn.should_prune()):
                raise _EndedError("the time is over" if is_over else "pruned")

        def train(trial: TrialResult) -> TrialResult:
            options = self._trial_options(trial.searched, epochs)
            with self._watched(trial.name, options, check_stop, progress) as on_batch:
                trainer = run_training(
                    options, self._data, on_batch=on_batch, on_epoch=on_epoch, device=self._device
                )
            return replace(trial, score=final_score(trainer.log, options.judge_epochs))

        name = trial_name(len(self._trials.short))
        self._end(TrialResult(name, False, drawn.params, curve=curve), train)

    def _run_full(
        self, trial: TrialResult, check_stop: CheckStop, progress: Progress
    ) -> TrialResult:
        """Train a trial for all epochs, save the run, and return the trial with its accuracy."""
        from nmtool.training.loop.run import run_training

        is_default = trial.name == DEFAULTS
        options = self._trial_options(trial.searched, self._options.epochs)
        folder = RunFolder(full_folder(self._folder, trial.name))
        stopwatch = _Stopwatch(options.epochs * self._data.train.n_samples)
        is_announced = not is_default or self._budget.seconds == math.inf

        def on_time(full_s: float | None) -> None:
            nonlocal is_announced
            if full_s is not None and not is_announced:
                is_announced = True
                self._announce(full_s)

        def on_epoch(entry: dict[str, Any]) -> None:
            on_time(stopwatch.whole_s(_FEWEST_S))
            is_over = self._trials.used_s > OVERTIME * self._budget.seconds
            if is_over and not is_default and entry["epoch"] < options.epochs:
                raise _EndedError("the time is over")

        with self._watched(_label(trial), options, check_stop, progress) as on_batch:

            def timed(batch: BatchReport) -> None:
                on_batch(batch)
                stopwatch.add(batch.samples)
                on_time(stopwatch.whole_s(_MEASURED_S))

            # A run that was cut off continues; its result equals that of an uninterrupted run.
            trainer = run_training(
                options, self._data, folder=folder, resume=folder.manifest_file.exists(),
                on_batch=timed, on_epoch=on_epoch, device=self._device,
            )  # fmt: skip
        on_time(stopwatch.whole_s(0))
        assert self._data.validation is not None
        portions = record_portions(folder.integers() or folder.network(), self._data.validation)
        right = np.concatenate([answer.predictions == part.label for part, answer in portions])
        return replace(trial, score=final_score(trainer.log, options.judge_epochs), right=right)

    def _trial_options(self, searched: Mapping[str, Any], epochs: int) -> TrainOptions:
        """The settings of a trial, without `auto`; raises `NmtoolError` if they are impossible."""
        options = self._with_searched(searched, epochs).fitted_to(self._data.undivided)
        check_events_in_time(self._data, options)
        return options

    def _with_searched(self, searched: Mapping[str, Any], epochs: int) -> TrainOptions:
        """The settings of a trial, in which some may be `auto`."""
        return self._options.with_settings({**searched, "epochs": epochs}, "the search")

    @contextmanager
    def _watched(
        self, label: str, options: TrainOptions, check_stop: CheckStop, progress: Progress
    ) -> Iterator[Callable[[BatchReport], None]]:
        """Show the progress of a trial; yield the function to call after every batch."""
        with progress(label, options.epochs * self._data.train.n_samples) as advance:

            def on_batch(batch: BatchReport) -> None:
                check_stop()
                advance(batch.samples, f"epoch {batch.epoch}")

            yield on_batch

    def _end(self, trial: TrialResult, train: Callable[[TrialResult], TrialResult]) -> None:
        """Train a trial, and store and log how it ended.

        Errors of the defaults, of the disk and of the GPU end the search, since every other trial
        would have them, too.
        """
        began, level = time.monotonic(), logging.INFO
        try:
            trial = train(trial)
            end = f"validation {trial.score:.1%}"
        except _EndedError as ended:
            trial, end = replace(trial, outcome="ended early"), f"ended early, {ended}"
        except (StorageError, BackendError):
            raise
        except (NmtoolError, MemoryError) as error:
            if trial.name == DEFAULTS:
                raise
            why = error.what if isinstance(error, NmtoolError) else "there was not enough memory"
            trial, level = replace(trial, outcome="failed", reason=why), logging.WARNING
            end = f"failed, {why}"
        differs = changes_text(trial.searched, self._defaults)
        log.log(level, "%s", f"{_label(trial)}: {end}  {differs}".strip())
        self._trials.add(replace(trial, seconds=time.monotonic() - began))

    def _announce(self, full_s: float) -> None:
        """Log what fits into the time, and which time would be enough."""
        n_prepared = len(self._prepared)
        fit = what_fits(self._budget.seconds, full_s, n_prepared)
        text = f"a full trial takes about {_duration(full_s)}: {self._budget.text} fits {fit}"
        if fit.short < _FEWEST_SHORT:
            longer = (
                f"; {more} fits {fitting}"
                for more in _LONGER
                if (fitting := what_fits(_Budget.of(more).seconds, full_s, n_prepared)).short
                >= _FEWEST_SHORT
            )
            text += ", too few to find much" + next(longer, "")
        log.info(text)

    # The end

    def result(self) -> SearchResult:
        """Choose the settings, and write the result and the settings into the folder."""
        results = (*self._trials.full, *self._trials.short)
        chosen, outcome = choose(ranked(self._trials.full))
        options = self._with_searched(chosen.searched, self._options.epochs)
        result = SearchResult(self._folder, chosen.name, options, outcome, results, self._defaults)
        log.info(outcome)
        storage.write_text(self._folder / RESULT, json.dumps(result.as_json(), indent=2) + "\n")
        usual = TrainOptions().as_json()
        settings = {k: v for k, v in options.as_json().items() if v != usual[k]}
        lines = [f"# {outcome}", *(f"{k} = {toml_value(v)}" for k, v in settings.items())]
        storage.write_text(result.best_file, "\n".join(lines) + "\n")
        return result


def choose(full: list[TrialResult]) -> tuple[TrialResult, str]:
    """Choose the best full trial if it is significantly better than the defaults.

    Args:
        full: finished full trials, best first; one of them has the defaults.

    Returns:
        The chosen trial, and a sentence with the reason.
    """
    [defaults] = [trial for trial in full if trial.name == DEFAULTS]
    others = [trial for trial in full if trial is not defaults]
    if not others:
        return defaults, "the defaults are chosen: nothing but the defaults was tried in full"
    best = others[0]
    assert best.right is not None
    assert defaults.right is not None
    difference = AccuracyDifference(best.right[None], defaults.right[None])
    low, high = difference.interval()
    points = f"{difference.points.mean():+.1f} points (95 % interval {low:+.1f} … {high:+.1f})"
    rank = f"the best of {counted(len(others), 'other full trial')}"
    points += " against the defaults on validation samples"
    if low > 0:
        return best, f"{best.name} is chosen: {rank} has {points}"
    text = f"the defaults are chosen: {best.name}, {rank}, has {points}, which is not significant"
    return defaults, text


# Ranges around the defaults

_MOST_STEPS, _FEWEST_STEPS = 4000, 50
"""Range of steps per sample in which other time steps are searched."""

_ORDERED = 32
"""Fewest channels for which neighbours are assumed to be similar, so that `shift` is searched."""

Ranges = dict[str, Any]
"""By setting, a list of choices, or a table of `low`, `high` and perhaps `log`."""


def _default_ranges(
    data: Dataset, options: TrainOptions
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Ranges around the defaults for these samples, of all settings that are not given.

    Args:
        data: the samples.
        options: the settings of all trials; a setting that differs from its default is given.

    Returns:
        The table of ranges, and changes of the defaults that have helped on other data, which are
        tried first: augmentation, dropped events, and recurrent delays.
    """
    usual = TrainOptions(dt_ms=options.dt_ms, steps=options.steps)
    fitted = options.fitted_to(data.undivided)
    table = {
        name: entry
        for name, entry in _around(data, fitted).items()
        if getattr(options, name) == getattr(usual, name)
        and _has_several(entry)
        and (name != "dt_ms" or options.dt_ms == AUTO)
    }
    augmented: dict[str, Any] = {"stretch": 0.2}
    if "shift" in table:
        augmented["shift"] = table["shift"][-2]
    if "onset_ms" in table:
        augmented["onset_ms"] = _to_two_digits(0.4 * table["onset_ms"]["high"])
    delayed = {"init_delay_recurrent": table.get("init_delay_recurrent", [0])[-1]}
    prepared: list[dict[str, Any]] = []
    for changed in (augmented, {"drop": 0.3}, augmented | delayed):
        searched = {name: value for name, value in changed.items() if name in table}
        if searched and searched not in prepared:
            prepared.append(searched)
    return table, prepared


def _around(data: Dataset, fitted: TrainOptions) -> dict[str, Any]:
    """The ranges around the default of each setting; `fitted` has no `auto`."""
    length_ms = usual_end_ms(last_spike_ms(data.undivided))
    steps = {factor: length_ms / (factor * fitted.dt_ms) for factor in (0.5, 2)}
    fine = [0.5 * fitted.dt_ms] if steps[0.5] <= _MOST_STEPS else []
    coarse = [2 * fitted.dt_ms] if steps[2] >= _FEWEST_STEPS else []
    units = data.undivided.n_units if data.undivided.n_units >= _ORDERED else 0
    longest = max(4, length_ms / 5 / fitted.tau_mem_ms)
    return {
        "lr": _factors(fitted.lr, 1 / 4, 4),
        "delay_lr": _factors(fitted.delay_lr, 1 / 8, 4),
        "dt_ms": [*fine, fitted.dt_ms, *coarse],
        "tau_mem_ms": _factors(fitted.tau_mem_ms, 1 / 2, longest),
        "tau_syn_ms": _factors(fitted.tau_syn_ms, 1 / 2, 4),
        "gain": _factors(fitted.gain, 1 / 4, 4),
        "hidden": sorted({fitted.hidden, 128, 512}) if isinstance(fitted.hidden, int) else [],
        "init_delay_recurrent": sorted({0, fitted.max_delay // 2}),
        "shift": sorted({0, *(math.ceil(units / share) for share in (150, 50, 30))}),
        "stretch": {"low": 0.0, "high": 0.3},
        "onset_ms": {"low": 0.0, "high": _to_two_digits(min(1000.0, length_ms / 10))},
        "drop": {"low": 0.0, "high": 0.5},
    }


def _has_several(searched: list[Any] | dict[str, Any]) -> bool:
    """True if a list or range contains more than one value."""
    if isinstance(searched, list):
        return len(searched) > 1
    return bool(searched["low"] < searched["high"])


def _factors(value: float, low: float, high: float) -> dict[str, Any]:
    """A logarithmic range around a value, from `low` times to `high` times the value."""
    return {"low": _to_two_digits(low * value), "high": _to_two_digits(high * value), "log": True}


def _to_two_digits(value: float) -> float:
    """Round a value to two significant digits."""
    return float(f"{value:.2g}")


class _EndedError(Exception):
    """Raised in a trial that is pruned, or whose time is over."""


class _Stopwatch:
    """Estimates the duration of a training from its first batches.

    The first batch is not measured, since it compiles kernels.
    """

    def __init__(self, n_samples: int) -> None:
        self._n_samples = n_samples
        self._began: float | None = None
        self._counted = 0

    def add(self, samples: int) -> None:
        """Count the samples of a batch."""
        if self._began is None:
            self._began = time.monotonic()
        else:
            self._counted += samples

    def whole_s(self, least_s: float) -> float | None:
        """Seconds of the whole training; None before `least_s` have been measured."""
        took_s = 0.0 if self._began is None else time.monotonic() - self._began
        if took_s < least_s or not self._counted:
            return None
        return took_s * self._n_samples / self._counted


def _label(trial: TrialResult) -> str:
    """Name of a trial in messages."""
    return f"{trial.name} in full" if trial.is_full else trial.name


def _short_epochs(options: TrainOptions) -> int:
    """Epochs of a short trial."""
    return -(-options.epochs // SHORTER)


def _duration(seconds: float) -> str:
    """A duration in the unit that suits it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _with_validation(data: Dataset, options: TrainOptions) -> Dataset:
    """The data with a validation split; raises `UsageError` if there is none."""
    dataset = data.with_validation(options.validation_rule)
    if dataset.validation is None:
        raise UsageError(
            "there are no validation samples to compare settings by",
            code="search-unvalidated",
            fix="use a fifth of the training samples: `validation=0.2`",
        )
    return dataset


def _check_same(
    trials: Trials, data: Dataset, options: TrainOptions, ranges: Ranges, folder: Path
) -> None:
    """Compare the conditions of the search with those that it began with."""
    relative = f"folder {Path(os.path.relpath(data.name, folder)).as_posix()}"
    conditions = {
        **options.as_json(),
        **ranges,
        "data": data.name if data.in_memory or is_name(data.name) else relative,
    }
    before = trials.conditions or conditions
    if findings := changes(before, conditions):
        raise UsageError(
            f"{folder} has another search",
            code="search-differs",
            findings=findings,
            fix="undo the changes, or search in another folder; only the budget may change",
        )
    trials.conditions = before

"""`search`: search training settings by validation accuracy, within a time or a number of trials.

Settings that are given are fixed; the others are searched around their defaults, or in ranges of
the user's. The first trial has the defaults and is trained in full, since its duration tells what
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
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nmtool import storage as files
from nmtool.arguments import Count, checked
from nmtool.data import Dataset, SpikeEvents
from nmtool.data.catalogue import as_dataset, is_name
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
from nmtool.training.processes.threads import most_threads, threads_used
from nmtool.training.studies.copies import call_as_sent, copies_running
from nmtool.training.studies.results import (
    DEFAULTS,
    NAME,
    REASON,
    RESULT,
    RIGHT,
    SEARCHED,
    SearchResult,
    TrialResult,
    changes_text,
    full_folder,
    ranked,
    trial_name,
)
from nmtool.training.studies.series import changes
from nmtool.values import packed_bits

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution

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

_MIN_IMPORTANT = 10
"""With fewer short trials, the trees of the analysis of importance explain noise."""

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
    ranges: str | Path | Mapping[str, Any] | None = None,
    storage: str | None = None,
    processes: Count = 1,
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
    continues a search that was stopped. Several calls may search in one folder at the same time, or
    on several machines with one `storage`; each returns when all trials have ended, and takes over
    trials whose process died.

    While trials run, Ctrl-C and SIGTERM stop them after the current batch; a second signal stops
    them at once.

    Args:
        data: as for `train`.
        options: settings of all trials; those at their defaults are searched.
        folder: folder of the search. It gets the runs of the full trials and the chosen settings,
            `best.toml`.
        budget: a time such as 30min or 2h, or a number of short trials. Of a number of short
            trials, the best four are trained in full.
        ranges: file of ranges to search, or its table: by setting, a list of choices, or
            `{low =, high =}`, perhaps with `log = true` or `step =`. By default, ranges around the
            defaults of the most important settings.
        storage: URL of the database that stores the trials, as for Optuna, such as
            `postgresql://USER:PASSWORD@HOST/DATABASE`. In the database, the search is named after
            its folder. By default, trials are stored in a SQLite file in this folder.
        processes: number of trials at a time, each in its own process, which share the cores.
        threads: cores to use; by default all.
        device: where to train: `cpu`, `cuda` or `auto`.
        progress: shows progress in samples, by trial.

    Returns:
        The chosen settings, their run and all trials, including those of earlier calls.

    Raises:
        UsageError: the budget or a range is invalid, there are no validation samples, nothing is
            left to search, or the folder has another search; or the defaults cannot be trained.
        DataError: the data are damaged.
        MissingError: Optuna, the database or a requirement of the device is missing.
        StorageError, FileFormatError: the folder or the storage cannot be written or read.
        KeyboardInterrupt: the search was stopped; finished trials are kept.
    """
    given = TrainOptions() if options is None else options
    check_type(given, TrainOptions, "settings", "pass nmtool.TrainOptions(…)")
    check_budget(budget)
    with libraries_needed("search"):
        from nmtool.training.engines.devices import find_device
        from nmtool.training.studies.ranges import default_ranges, distributions, read_ranges
        from nmtool.training.studies.trials import open_trials

    if processes > 1:
        threads = max(1, (threads or most_threads()) // processes)
    call = {
        "data": data, "options": options, "folder": folder, "budget": budget, "ranges": ranges,
        "storage": storage, "threads": threads, "device": device,
    }  # fmt: skip
    place = find_device(device) if isinstance(device, str) else device
    origin, prepared = "the search", list[dict[str, Any]]()
    if ranges is not None:
        table = read_ranges(ranges)
        origin = origin if isinstance(ranges, Mapping) else str(ranges)
        given = given.with_settings(
            {name: getattr(TrainOptions(), name) for name in table if hasattr(given, name)}, origin
        )
        searched = distributions(table, given, origin)
    dataset = _with_validation(as_dataset(data), given)
    if ranges is None:
        table, prepared = default_ranges(dataset, given)
        searched = distributions(table, given, origin)
    fitted = given.fitted_to(dataset.undivided)
    path = Path(folder)
    with threads_used(threads), open_trials(path, storage, _short_epochs(given)) as trials:
        _check_same(trials, dataset, given, table, path)
        lines = (f"{name} = {toml_value(entry)}\n" for name, entry in table.items())
        files.write_text(path / "ranges.toml", "".join(lines))
        defaults = {name: getattr(fitted, name) for name in table}
        whole = _Search(
            path, dataset, given, searched, defaults, prepared, _Budget.of(budget), trials, place
        )
        with (
            copies_running([sys.executable, "-m", __name__], processes - 1, call),
            signals_noted(*STOPS) as check_stop,
        ):
            whole.run(check_stop, progress)
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
    """A search in an open storage."""

    def __init__(
        self,
        folder: Path,
        data: Dataset,
        options: TrainOptions,
        ranges: Mapping[str, BaseDistribution],
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
        """Run trials until no other fits, and those of other processes have ended."""
        trials = self._trials
        while True:
            check_stop()
            if self._next_full():
                trials.run_next(
                    trials.full, {}, self._options.seed,
                    lambda trial: self._run_full(trial, check_stop, progress),
                )  # fmt: skip
            elif self._is_short_next():
                self._queue_prepared()
                trials.run_next(
                    trials.short, self._ranges, self._options.seed,
                    lambda trial: self._run_short(trial, check_stop, progress),
                )  # fmt: skip
            elif not trials.wait_for_others():
                return

    # Which trial is next

    def _next_full(self) -> bool:
        """True if a full trial is next; it waits in the queue."""
        trials = self._trials
        left_s = self._budget.seconds - trials.used_s()
        if trials.is_waiting(trials.full) and (left_s > 0 or self._full_s() is None):
            return True
        # A trial without a name was taken out of the queue by another process.
        begun = {trial.user_attrs.get(NAME) for trial in trials.begun(trials.full)} - {None}
        if DEFAULTS not in begun:
            self._queue_full(DEFAULTS, {})
            return True
        if self._is_short_next() or (
            self._budget.trials < math.inf and trials.is_running(trials.short)
        ):
            return False
        most = FINALISTS if self._budget.seconds == math.inf else math.inf
        if len(begun) > most:
            return False
        for name, searched, expected_s in self._candidates():
            if name not in begun and expected_s <= left_s:
                self._queue_full(name, searched)
                return True
        return False

    def _candidates(self) -> Iterator[tuple[str, dict[str, Any], float]]:
        """Settings of full trials, the most promising first, each with the expected seconds.

        These are the best short trials. Augmentation learns slowly, so that the second one is the
        best augmented trial, if the best trial is not augmented.
        """
        full_s, trials = self._full_s() or 0.0, self._trials
        if not trials.begun(trials.short):
            for number, changed in enumerate(self._prepared):
                yield trial_name(number), self._defaults | changed, full_s
            return
        durations = {
            trial_name(trial.number): trial.duration.total_seconds()
            for trial in trials.begun(trials.short)
            if trial.duration is not None
        }
        best = ranked(trial for trial in trials.results() if not trial.is_full)
        augmented = [trial for trial in best if self._is_augmented(trial.searched)]
        ratio = self._options.epochs / _short_epochs(self._options)
        for name in dict.fromkeys(t.name for t in [*best[:1], *augmented[:1], *best]):
            [trial] = [trial for trial in best if trial.name == name]
            yield name, trial.searched, ratio * durations[name]

    def _is_augmented(self, searched: Mapping[str, Any]) -> bool:
        """True if searched settings augment the samples."""
        return any(searched.get(option.name) for option in fields(Augmentation))

    def _is_short_next(self) -> bool:
        """True if another short trial fits, and leaves time for full ones."""
        trials, seconds = self._trials, self._budget.seconds
        begun = trials.begun(trials.short)
        if len(begun) >= self._budget.trials:
            return False
        full_s = self._full_s()
        if seconds == math.inf or full_s is None:
            return True
        fit = what_fits(seconds, full_s, len(self._prepared))
        ended = [trial.duration.total_seconds() for trial in begun if trial.duration is not None]
        short_s = float(np.mean(ended)) if ended else full_s / SHORTER
        reserved = [expected_s for _, _, expected_s in self._candidates()] if ended else []
        reserved = (reserved + [full_s] * fit.full)[: fit.full - 1]
        return fit.short > 0 and trials.used_s() + short_s + sum(reserved) <= seconds

    def _full_s(self) -> float | None:
        """Duration of the full trial with the defaults; None before its end."""
        for trial in self._trials.begun(self._trials.full):
            if trial.user_attrs.get(NAME) == DEFAULTS and trial.duration is not None:
                return trial.duration.total_seconds()
        return None

    def _queue_full(self, name: str, searched: Mapping[str, Any]) -> None:
        attributes = {NAME: name, SEARCHED: dict(searched)}
        self._trials.full.enqueue_trial({}, user_attrs=attributes)

    def _queue_prepared(self) -> None:
        """The first short trials have the prepared settings."""
        study, number = self._trials.short, len(self._trials.begun(self._trials.short))
        for changed in self._prepared[number : number + 1]:
            if not self._trials.is_waiting(study):
                study.enqueue_trial(self._defaults | changed, skip_if_exists=True)

    # Trials

    def _run_short(
        self, trial: optuna.Trial, check_stop: CheckStop, progress: Progress
    ) -> tuple[float | None, dict[str, Any]]:
        """Train for a third of the epochs; return the validation accuracy and attributes."""
        from nmtool.training.loop.run import run_training

        name, searched = trial_name(trial.number), trial.params
        with self._failures_noted(name, searched) as failure:
            options = self._trial_options(searched, _short_epochs(self._options))
            with self._watched(name, options, check_stop, progress) as on_batch:

                def on_epoch(entry: dict[str, Any]) -> None:
                    trial.report(float(entry["validation_accuracy"]), entry["epoch"])
                    is_over = self._trials.used_s() > self._budget.seconds
                    if entry["epoch"] < options.epochs and (is_over or trial.should_prune()):
                        raise _EndedError("the time is over" if is_over else "pruned")

                trainer = run_training(
                    options, self._data, on_batch=on_batch, on_epoch=on_epoch, device=self._device
                )
            score = final_score(trainer.log, options.judge_epochs)
            self._log(name, f"validation {score:.1%}", searched)
            return score, {}
        return None, failure

    def _run_full(
        self, trial: optuna.Trial, check_stop: CheckStop, progress: Progress
    ) -> tuple[float | None, dict[str, Any]]:
        """Train for all epochs, and save the run; return its accuracy and attributes."""
        from nmtool.training.loop.run import run_training

        if NAME not in trial.user_attrs:  # Another process took the trial out of the queue.
            return None, {}
        name, searched = trial.user_attrs[NAME], trial.user_attrs[SEARCHED]
        is_default = name == DEFAULTS
        with self._failures_noted(f"{name} in full", searched, raises=is_default) as failure:
            options = self._trial_options(searched, self._options.epochs)
            folder = RunFolder(full_folder(self._folder, name))
            stopwatch = _Stopwatch(options.epochs * self._data.train.n_samples)
            is_announced = not is_default or self._budget.seconds == math.inf

            def on_time(full_s: float | None) -> None:
                nonlocal is_announced
                if full_s is not None and not is_announced:
                    is_announced = True
                    self._announce(full_s)

            def on_epoch(entry: dict[str, Any]) -> None:
                on_time(stopwatch.whole_s(_FEWEST_S))
                is_over = self._trials.used_s() > OVERTIME * self._budget.seconds
                if is_over and not is_default and entry["epoch"] < options.epochs:
                    raise _EndedError("the time is over")

            with self._watched(f"{name} in full", options, check_stop, progress) as on_batch:

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
            score = final_score(trainer.log, options.judge_epochs)
            self._log(f"{name} in full", f"validation {score:.1%}", searched)
            assert self._data.validation is not None
            portions = record_portions(folder.integers() or folder.network(), self._data.validation)
            right = [answer.predictions == part.label for part, answer in portions]
            return score, {RIGHT: packed_bits(np.concatenate(right))}
        return None, failure

    def _trial_options(self, searched: Mapping[str, Any], epochs: int) -> TrainOptions:
        """The settings of a trial, without `auto`; raises `NmtoolError` if they are impossible."""
        options = self._with_searched(searched, epochs).fitted_to(self._data.undivided)
        check_events_in_time(self._data, options)
        return options

    def _with_searched(self, searched: Mapping[str, Any], epochs: int) -> TrainOptions:
        """The settings of a trial, in which some may be `auto`."""
        from nmtool.training.studies.ranges import unpacked

        settings = {name: unpacked(name, value) for name, value in searched.items()}
        return self._options.with_settings(settings | {"epochs": epochs}, "the search")

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

    @contextmanager
    def _failures_noted(
        self, name: str, searched: Mapping[str, Any], *, raises: bool = False
    ) -> Iterator[dict[str, Any]]:
        """Log why a trial ends early in the block, or note its error in the yielded attributes.

        Errors of the defaults (`raises`), of the disk and of the GPU end the search, since every
        other trial would have them, too.
        """
        attributes: dict[str, Any] = {}
        try:
            yield attributes
        except _EndedError as end:
            self._log(name, f"ended early, {end}", searched)
        except (StorageError, BackendError):
            raise
        except (NmtoolError, MemoryError) as error:
            if raises:
                raise
            memory = "there was not enough memory"
            attributes[REASON] = memory if isinstance(error, MemoryError) else error.what
            self._log(name, f"failed, {attributes[REASON]}", searched, level=logging.WARNING)

    def _log(
        self, name: str, end: str, searched: Mapping[str, Any], level: int = logging.INFO
    ) -> None:
        differs = changes_text(searched, self._defaults)
        log.log(level, "%s", f"{name}: {end}  {differs}".strip())

    def _announce(self, full_s: float) -> None:
        """Log what fits into the time, and which time would be enough."""
        n_prepared = len(self._prepared)
        fit = what_fits(self._budget.seconds, full_s, n_prepared)
        text = f"a full trial takes about {_duration(full_s)}: {self._budget.text} fits {fit}"
        if fit.short < _MIN_IMPORTANT:
            longer = (
                f"; {more} fits {fitting}"
                for more in _LONGER
                if (fitting := what_fits(_Budget.of(more).seconds, full_s, n_prepared)).short
                >= _MIN_IMPORTANT
            )
            text += ", too few to find much" + next(longer, "")
        log.info(text)

    # The end

    def result(self) -> SearchResult:
        """Choose the settings, and write the result and the settings into the folder."""
        results = self._trials.results()
        chosen, outcome = choose(ranked(trial for trial in results if trial.is_full))
        options = self._with_searched(chosen.searched, self._options.epochs)
        result = SearchResult(
            self._folder, chosen.name, options, outcome, results, self._defaults, self._importance()
        )
        log.info(outcome)
        files.write_text(self._folder / RESULT, json.dumps(result.as_json(), indent=2) + "\n")
        usual = TrainOptions().as_json()
        settings = {k: v for k, v in options.as_json().items() if v != usual[k]}
        lines = [f"# {outcome}", *(f"{k} = {toml_value(v)}" for k, v in settings.items())]
        files.write_text(result.best_file, "\n".join(lines) + "\n")
        return result

    def _importance(self) -> dict[str, float] | None:
        """Importance of settings by functional ANOVA (Hutter, Hoos & Leyton-Brown 2014)."""
        from optuna.importance import FanovaImportanceEvaluator, get_param_importances

        scores = [trial.value for trial in self._trials.begun(self._trials.short)]
        if sum(score is not None for score in scores) < _MIN_IMPORTANT or len({*scores}) < 2:
            return None
        evaluator = FanovaImportanceEvaluator(seed=0)
        shares = get_param_importances(self._trials.short, evaluator=evaluator)
        return {name: float(share) for name, share in shares.items()}


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
    trials: Trials, data: Dataset, options: TrainOptions, table: Mapping[str, Any], folder: Path
) -> None:
    """Compare the conditions of the search with those that it began with."""
    relative = f"folder {Path(os.path.relpath(data.name, folder)).as_posix()}"
    conditions = {
        **options.as_json(),
        **table,
        "data": data.name if data.in_memory or is_name(data.name) else relative,
    }
    if findings := changes(trials.check_conditions(conditions), conditions):
        raise UsageError(
            f"{folder} has another search",
            code="search-differs",
            findings=findings,
            fix="undo the changes, or search in another folder; only the budget may change",
        )


if __name__ == "__main__":
    sys.exit(call_as_sent(search))

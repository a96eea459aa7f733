"""The trials of a search: stored in the file `trials.json` of its folder, and drawn by Optuna.

Only trials that have ended are stored. A trial that was cut off is drawn again, with the same
settings.
"""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.pruners import MedianPruner
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from nmtool import storage
from nmtool.errors import FileFormatError, reason
from nmtool.training.studies.results import TrialResult

STORE = "trials.json"
"""File in the folder of a search."""

FEWEST_COMPARED = 5
"""Smallest number of other trials whose median decides whether a trial is pruned."""

_MAX_BYTES = 64 << 20


class Trials:
    """The trials of a search that have ended, and the conditions under which it began.

    Args:
        folder: folder of the search; it is made if it is missing.

    Attributes:
        ended: the trials, in the order in which they ended.
        conditions: settings, ranges and data of the search; {} if it is new.

    Raises:
        StorageError: the folder cannot be made.
        FileFormatError: the file is damaged.
    """

    def __init__(self, folder: Path) -> None:
        storage.make_folder(folder)
        self._file = folder / STORE
        self.ended: list[TrialResult] = []
        self.conditions: dict[str, Any] = {}
        self._before_s, self._began = 0.0, time.monotonic()
        if not self._file.exists():
            return
        try:
            stored = storage.parse_json(storage.read_small(self._file, _MAX_BYTES).decode())
            self.ended = [TrialResult.from_json(trial) for trial in stored["trials"]]
            self.conditions = dict(stored["conditions"])
            self._before_s = float(stored["used_s"])
        except (OSError, *storage.DAMAGE) as error:
            raise self._damage(error) from error

    @property
    def used_s(self) -> float:
        """Seconds that the search has taken, including earlier calls."""
        return self._before_s + time.monotonic() - self._began

    @property
    def short(self) -> list[TrialResult]:
        """Short trials that have ended, in their order."""
        return [trial for trial in self.ended if not trial.is_full]

    @property
    def full(self) -> list[TrialResult]:
        """Full trials that have ended, in their order."""
        return [trial for trial in self.ended if trial.is_full]

    def add(self, trial: TrialResult) -> None:
        """Add a trial that has ended, and store it."""
        self.ended.append(trial)
        self.save()

    def save(self) -> None:
        """Write the file; raises `StorageError` if that fails."""
        content = {
            "conditions": self.conditions,
            "used_s": self.used_s,
            "trials": [trial.stored() for trial in self.ended],
        }
        storage.write_text(self._file, json.dumps(content, indent=1) + "\n")

    def draw(
        self,
        ranges: Mapping[str, Any],
        prepared: Sequence[Mapping[str, Any]],
        seed: int,
        epochs: int,
    ) -> optuna.Trial:
        """Draw the settings of the next short trial.

        The sampler's seed depends on the number of short trials, so that a search that was stopped
        draws the same settings as an uninterrupted one.

        Args:
            ranges: by setting, a list of choices, or a table of `low`, `high` and perhaps `log`.
            prepared: settings of the first short trials; further ones are drawn by the sampler.
            seed: seed of the search.
            epochs: epochs of a short trial. It is pruned in their second half only, if it is worse
                than the median of at least `FEWEST_COMPARED` other trials.
        """
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        number = len(self.short)
        distributions = {name: _distribution(entry) for name, entry in ranges.items()}
        seeds = np.random.SeedSequence([seed, number]).generate_state(1)
        study = optuna.create_study(
            direction="maximize",
            sampler=TPESampler(n_startup_trials=FEWEST_COMPARED, seed=int(seeds[0])),
            pruner=MedianPruner(
                n_startup_trials=FEWEST_COMPARED,
                n_warmup_steps=-(-epochs // 2),
                n_min_trials=FEWEST_COMPARED,
            ),
        )
        try:
            study.add_trials([_frozen(trial, distributions) for trial in self.short])
        except storage.DAMAGE as error:
            raise self._damage(error) from error
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            for settings in prepared[number : number + 1]:
                study.enqueue_trial(dict(settings), skip_if_exists=True)
        return study.ask(distributions)

    def _damage(self, error: Exception) -> FileFormatError:
        return FileFormatError(
            f"{self._file} does not contain the trials of this search, or is damaged",
            code="file-damaged",
            why=reason(error),
            fix="restore it from a backup, or search in another folder",
        )


def _distribution(entry: Any) -> BaseDistribution:
    """Optuna's distribution of the values of a setting."""
    if isinstance(entry, list):
        return CategoricalDistribution(entry)
    return FloatDistribution(entry["low"], entry["high"], log=entry.get("log", False))


def _frozen(trial: TrialResult, distributions: dict[str, BaseDistribution]) -> FrozenTrial:
    """A short trial as Optuna's samplers and pruners know it."""
    return create_trial(
        state=TrialState.COMPLETE if trial.score is not None else TrialState.PRUNED,
        value=trial.curve[-1] if trial.score is None and trial.curve else trial.score,
        params=trial.searched,
        distributions=distributions,
        intermediate_values=dict(enumerate(trial.curve, 1)),
    )

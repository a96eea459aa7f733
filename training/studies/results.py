"""`SearchResult`: the trials of a search, the chosen settings, and where their run is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool import storage
from nmtool.errors import FileFormatError, reason
from nmtool.tables import Plain, Table, Tabular, plain
from nmtool.training.options import TrainOptions
from nmtool.values import packed_bits, unpacked_bits
from nmtool.version import __version__

N_BEST = 10
"""Number of short trials in the table."""

RESULT = "result.json"
"""Name of the file with the result of a search."""

DEFAULTS = "the defaults"
"""Name of the full trial with the settings that were given and no others."""

_MAX_BYTES = 1 << 20


@dataclass(frozen=True)
class TrialResult(Plain):
    """A trial that has ended.

    Attributes:
        name: `trial 3`, or `the defaults`; a full trial has the name of the short one.
        is_full: True if it was trained in full, as a run.
        searched: values of the searched settings, by name; {} for the defaults.
        outcome: `finished`, `ended early` or `failed`.
        score: validation accuracy, 0 … 1; None if the trial did not finish.
        reason: reason of a failure; '' without one.
        seconds: duration.
        curve: of a short trial, validation accuracy by epoch.
        right: of a full trial, [samples] bool: True for validation samples that were classified
            correctly.
    """

    name: str
    is_full: bool
    searched: dict[str, Any]
    outcome: str = "finished"
    score: float | None = None
    reason: str = ""
    seconds: float = 0.0
    curve: list[float] = field(default_factory=list, repr=False, compare=False)
    right: NDArray[np.bool_] | None = field(default=None, repr=False, compare=False)

    def as_json(self) -> dict[str, Any]:
        """Plain values, for scripts."""
        return plain({"trial": self.name, "score": self.score, "searched": self.searched})

    def stored(self) -> dict[str, Any]:
        """Plain values for the file of trials, which `from_json` reads."""
        return vars(self) | {"right": None if self.right is None else packed_bits(self.right)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> TrialResult:
        """Read a trial; raises an error of `storage.DAMAGE` for other values."""
        right, score = stored["right"], stored["score"]
        return cls(
            name=str(stored["name"]),
            is_full=bool(stored["is_full"]),
            searched=dict(stored["searched"]),
            outcome=str(stored["outcome"]),
            score=None if score is None else float(score),
            reason=str(stored["reason"]),
            seconds=float(stored["seconds"]),
            curve=[float(accuracy) for accuracy in stored["curve"]],
            right=None if right is None else unpacked_bits(right),
        )


def trial_name(number: int) -> str:
    """Name of a short trial, and of the full trial with its settings."""
    return f"trial {number}"


@dataclass(frozen=True, repr=False)
class SearchResult(Tabular):
    """Result of a search: a run that was trained in full, and all trials.

    >>> import nmtool as nm
    >>> result = nm.search("digits", folder="study", budget="12min")  # doctest: +SKIP
    >>> result  # doctest: +SKIP
    <SearchResult: 5 full and 21 short trials, the defaults chosen>
    >>> nm.Run.load(result.run)  # doctest: +SKIP
    <Run: epoch 26 of 30, loss 0.011  train 99.8%  validation 98.3%  spikes/neuron 7.1  silent 2>

    Attributes:
        folder: folder of the search.
        chosen: name of the chosen trial.
        options: its settings.
        outcome: the reason, in a sentence.
        trials: all trials that have ended: the full ones, then the short ones.
        defaults: the values of the searched settings without a search, by name.
    """

    folder: Path
    chosen: str
    options: TrainOptions
    outcome: str
    trials: tuple[TrialResult, ...]
    defaults: dict[str, Any]

    def _line(self) -> str:
        full, short = len(self.full), len(self.short)
        return f"{full} full and {short} short trials, {self.chosen} chosen"

    @property
    def full(self) -> list[TrialResult]:
        """The finished full trials, best first."""
        return ranked(trial for trial in self.trials if trial.is_full)

    @property
    def short(self) -> list[TrialResult]:
        """The finished short trials, best first."""
        return ranked(trial for trial in self.trials if not trial.is_full)

    @property
    def score(self) -> float:
        """Validation accuracy of the chosen run, 0 … 1."""
        return next(trial.score or 0.0 for trial in self.full if trial.name == self.chosen)

    @property
    def run(self) -> Path:
        """Folder of the run that was trained with the chosen settings."""
        return full_folder(self.folder, self.chosen)

    @property
    def best_file(self) -> Path:
        """The file with the chosen settings, for `nmtool train --config`."""
        return self.folder / "best.toml"

    def tables(self) -> list[Table]:
        """The full trials, and the best short trials."""
        tables = [self._table(f"full trials; {self.outcome}", self.full)]
        if self.short:
            tables.append(self._table("best short trials", self.short[:N_BEST]))
        return tables

    def _table(self, title: str, trials: Iterable[TrialResult]) -> Table:
        """A table of trials, each with what differs from the defaults."""
        rows = [
            (trial.name, f"{trial.score:.1%}", changes_text(trial.searched, self.defaults))
            for trial in trials
        ]
        return Table(title, ("trial", "validation", "differs from the defaults"), rows)

    def as_json(self) -> dict[str, Any]:
        """Plain values, for scripts."""
        table = self.tables()[0]
        return {
            "nmtool": __version__,
            "study": str(self.folder),
            "chosen": self.chosen,
            "outcome": self.outcome,
            "run": str(self.run),
            "config": str(self.best_file),
            "full": [trial.as_json() for trial in self.full],
            "short": [trial.as_json() for trial in self.short],
            "failed": [
                {"trial": trial.name, "reason": trial.reason}
                for trial in self.trials
                if trial.reason
            ],
            "table": {"title": table.title, "header": table.header, "rows": table.rows},
        }


def ranked(trials: Iterable[TrialResult]) -> list[TrialResult]:
    """The finished trials, best first; of equal scores, in their order."""
    finished = [trial for trial in trials if trial.score is not None]
    return sorted(finished, key=lambda trial: -(trial.score or 0.0))


def full_folder(folder: Path, name: str) -> Path:
    """Folder of the run of a full trial.

    >>> full_folder(Path("study"), "trial 3").as_posix()
    'study/full/trial-3'
    """
    return folder / "full" / name.replace(" ", "-").removeprefix("the-")


def changes_text(searched: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """The values that differ from the defaults, as in Python and in a file of settings.

    >>> changes_text({"lr": 0.00512345, "drop": 0.3, "gain": 50.0}, {"lr": 0.003, "gain": 50.0})
    'lr=0.005123 drop=0.3'
    """
    return " ".join(
        f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in searched.items()
        if name not in defaults or value != defaults[name]
    )


def search_table(folder: Path) -> Table | None:
    """The full trials of the search in a folder; None without a finished search.

    Raises:
        FileFormatError: the file of the result is damaged.
    """
    file = folder / RESULT
    if not file.is_file():
        return None
    try:
        table = json.loads(storage.read_small(file, _MAX_BYTES))["table"]
        rows = [tuple(map(str, row)) for row in table["rows"]]
        return Table(str(table["title"]), tuple(map(str, table["header"])), rows)
    except (OSError, *storage.DAMAGE) as error:
        raise FileFormatError(
            f"{file} is not the result of a search",
            code="file-damaged",
            why=reason(error),
            fix="restore it from a backup, or delete it",
        ) from error

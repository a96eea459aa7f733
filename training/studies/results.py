"""Results of a study: its trials, the importance of the settings, and the best settings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmtool import storage
from nmtool.errors import FileFormatError, Finding, reason
from nmtool.setup.installation import install_command
from nmtool.tables import Plain, Table, Tabular, counted, plain
from nmtool.toml_files import toml_value
from nmtool.training.studies.plan import StudyPlan
from nmtool.training.studies.study import (
    FAILURE,
    MOST_ATTEMPTS,
    OUTCOMES,
    REASON,
    SCORES,
    Study,
    is_given_up,
    outcome,
)
from nmtool.training.studies.trial import shown_value
from nmtool.version import __version__

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

N_BEST = 10
"""Number of trials in the table."""

RESULT = "result.json"
"""Name of the file with the result of a search before a run."""

_MAX_BYTES = 1 << 20


@dataclass(frozen=True)
class TrialResult(Plain):
    """A trial of a study.

    Attributes:
        number: number of the trial in the study, from 0.
        outcome: one of `OUTCOMES`.
        searched: values of the searched options, by name; pairs of numbers are JSON text.
        score: validation accuracy, 0 … 1, mean over all seeds; None if the trial did not finish.
        scores: validation accuracy of each seed.
        reason: reason of a failure; '' without one.
        failure: code, why and fix of the error behind a failure, if known.
    """

    number: int
    outcome: str
    searched: dict[str, Any]
    score: float | None = None
    scores: tuple[float, ...] = ()
    reason: str = ""
    failure: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain values, for scripts."""
        values = {"trial": self.number, "score": self.score, "scores": self.scores}
        return plain({**values, "searched": self.searched})

    @property
    def finding(self) -> Finding:
        """The failure as a finding."""
        general = Finding(
            "trial-failed", f"trial {self.number}", self.reason, "search other values"
        )
        return replace(general, **self.failure)


@dataclass(frozen=True, repr=False)
class SweepResult(Tabular):
    """Results of a study, with at least one finished trial.

    >>> import nmtool as nm
    >>> study = nm.sweep("study.toml")  # doctest: +SKIP
    >>> study  # doctest: +SKIP
    <SweepResult of study.toml: 3 trials, the best is trial 0 with validation 95.5%>
    >>> study.best  # doctest: +SKIP
    {'steps': 100, 'hidden': 20, 'epochs': 2, 'lr': 0.008127691813917176, 'readout': 'weighted'}

    Attributes:
        plan: the study.
        trials: all trials, by number.
        importance: share of the scores' variance that each searched option explains, 0 … 1, largest
            first; None if it cannot be computed.
        importance_unknown: reason why the importance cannot be computed; '' if it can.
    """

    plan: StudyPlan
    trials: tuple[TrialResult, ...]
    importance: dict[str, float] | None = None
    importance_unknown: str = ""

    def _line(self) -> str:
        trials, best = counted(len(self.trials), "trial"), self.best_trial
        return (
            f" of {self.plan.file}: {trials}, the best is trial {best.number} with validation "
            f"{best.score:.1%}"
        )

    @property
    def top(self) -> list[TrialResult]:
        """The best trials, best first, at most `N_BEST`."""
        return ranked(self.trials)[:N_BEST]

    @property
    def best_trial(self) -> TrialResult:
        """The trial with the best score; of equal scores, the first."""
        return self.top[0]

    @property
    def best(self) -> dict[str, Any]:
        """Settings of the best trial, without those that the study leaves at their defaults."""
        return self.plan.space.settings(self.best_trial.searched)

    def chosen(self, trial: TrialResult) -> dict[str, Any]:
        """The searched settings of a trial, for `TrainOptions.with_settings`."""
        settings = self.plan.space.settings(trial.searched)
        return {name: settings[name] for name in self.plan.space.searched}

    @property
    def best_file(self) -> Path:
        """The file with the settings of the best trial, for `nmtool train --config`."""
        return self.plan.best_file

    @property
    def failed(self) -> list[TrialResult]:
        """Trials that ended with an error."""
        return [trial for trial in self.trials if trial.outcome == "failed"]

    @property
    def counts(self) -> dict[str, int]:
        """Number of trials by outcome or state, see `OUTCOMES`."""
        counts = dict.fromkeys(OUTCOMES, 0)
        for trial in self.trials:
            counts[trial.outcome] += 1
        return counts

    def tables(self) -> list[Table]:
        """The best trials, and the importance of settings if known."""
        tables = [trial_table(self.as_json())]
        if self.importance is not None:
            shares = [(name, f"{share:.0%}") for name, share in self.importance.items()]
            tables.append(Table("importance of settings", ("setting", "share"), shares))
        return tables

    def as_json(self) -> dict[str, Any]:
        """Plain values, for scripts."""
        best = {"settings": self.best, "config": str(self.best_file)}
        return {
            "nmtool": __version__,
            "study": str(self.plan.folder),
            "trials": self.counts,
            "best": {**self.best_trial.as_json(), **best},
            "top": [trial.as_json() for trial in self.top],
            "failed": [{"trial": trial.number, "reason": trial.reason} for trial in self.failed],
            "importance": self.importance,
            "importance_unknown": self.importance_unknown or None,
        }


def trial_table(result: Mapping[str, Any]) -> Table:
    """The best trials, best first, each with its validation accuracy and its settings.

    Args:
        result: values from `SweepResult.as_json`; for a search before a run, also `outcome`, a
            sentence on the origin of the run's settings.
    """
    top = result["top"]
    names = list(top[0]["searched"])
    rows = [
        (
            trial["trial"],
            f"{trial['score']:.1%}",
            *(shown_value(trial["searched"][name]) for name in names),
        )
        for trial in top
    ]
    outcome = result.get("outcome")
    title = f"best trials; {outcome}" if outcome else "best trials"
    return Table(title, ("trial", "validation", *names), rows)


def search_table(folder: Path) -> Table | None:
    """The best trials of the search in a folder; None without a finished search.

    Raises:
        FileFormatError: the file of the result is damaged.
    """
    file = folder / RESULT
    if not file.is_file():
        return None
    try:
        return trial_table(json.loads(storage.read_small(file, _MAX_BYTES)))
    except (OSError, *storage.DAMAGE) as error:
        raise FileFormatError(
            f"{file} is not the result of a search",
            code="file-damaged",
            why=reason(error),
            fix="restore it from a backup, or delete it",
        ) from error


def ranked(trials: Sequence[TrialResult]) -> list[TrialResult]:
    """The finished trials, best first."""
    finished = [(-trial.score, trial.number, trial) for trial in trials if trial.score is not None]
    return [trial for _, _, trial in sorted(finished)]


def read_trials(study: Study) -> tuple[TrialResult, ...]:
    """The current state of all trials, by number."""
    return tuple(_trial_result(trial) for trial in study.trials())


def _trial_result(trial: FrozenTrial) -> TrialResult:
    attributes, end = trial.user_attrs, outcome(trial)
    reason = attributes.get(REASON, "") if end == "failed" else ""
    if is_given_up(trial):
        reason = f"its process died {MOST_ATTEMPTS} times"
    return TrialResult(
        number=trial.number,
        outcome=end,
        searched=dict(trial.params),
        score=trial.value if trial.state.name == "COMPLETE" else None,
        scores=tuple(attributes.get(SCORES, ())),
        reason=reason,
        failure=dict(attributes.get(FAILURE, {})),
    )


MIN_TRIALS = 10
"""With fewer finished trials, the trees of the analysis explain noise."""


def importance(study: Study) -> tuple[dict[str, float] | None, str]:
    """Importance of settings by functional ANOVA (Hutter, Hoos & Leyton-Brown 2014).

    Returns:
        Shares of variance by option, largest first, and ''; or None, and the reason.
    """
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    scores = [trial.value for trial in study.trials() if trial.state.name == "COMPLETE"]
    if len(scores) < MIN_TRIALS:
        return None, f"fewer than {MIN_TRIALS} trials have finished"
    if len({*scores}) < 2:
        return None, "there are fewer than two different scores"
    try:
        evaluator = FanovaImportanceEvaluator(seed=0)
    except ImportError:
        return None, f"the computation needs scikit-learn: {install_command('train')}"
    shares = get_param_importances(study.optuna_study, evaluator=evaluator)
    return {name: float(share) for name, share in shares.items()}, ""


def write_best(plan: StudyPlan, best: TrialResult) -> None:
    """Write the best trial's settings as a file for `nmtool train --config`.

    Raises:
        StorageError: the file cannot be written.
    """
    score = f"validation accuracy {best.score:.4f}"
    score += f", mean of {plan.seeds} seeds" if plan.seeds > 1 else ""
    settings = plan.space.settings(best.searched)
    lines = [
        f"# Trial {best.number} of {plan.file.name}: {score}.",
        f"# {plan.training}",
        *(f"{name} = {toml_value(value)}" for name, value in settings.items()),
    ]
    storage.write_text(plan.best_file, "\n".join(lines) + "\n")

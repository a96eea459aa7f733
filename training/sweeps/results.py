"""What a study found: its best trials, what mattered, and settings to train with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nmtool import storage
from nmtool.cli import console
from nmtool.cli.sweep_plan import StudyPlan
from nmtool.cli.sweep_store import REASON, Store
from nmtool.cli.sweep_trial import shown_value
from nmtool.version import __version__

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

N_BEST = 10
"""Trials of the table."""


@dataclass(frozen=True)
class Findings:
    """What the trials of a study say.

    Attributes:
        plan: the study.
        counts: trials by what became of them.
        best: the best trials, best first, at most `N_BEST`.
        failed: number and reason of those that failed.
    """

    plan: StudyPlan
    counts: dict[str, int]
    best: list[FrozenTrial]
    failed: list[tuple[int, str]]

    def settings(self) -> dict[str, Any]:
        """Of the best trial, those that the study names."""
        return self.plan.space.settings(self.best[0].params)


@dataclass(frozen=True)
class Importance:
    """What mattered.

    Attributes:
        shares: of the scores' variance, by option, largest first; None where nobody knows.
        unknown: why nobody does.
    """

    shares: dict[str, float] | None
    unknown: str = ""


def findings(plan: StudyPlan, store: Store) -> Findings:
    """Look at all trials as they stand."""
    trials = store.trials()
    ranked = sorted(_complete(trials), key=lambda trial: (-_score(trial), trial.number))
    failed = [
        (trial.number, trial.user_attrs[REASON]) for trial in trials if REASON in trial.user_attrs
    ]
    return Findings(plan, _counts(trials), ranked[:N_BEST], failed)


def _complete(trials: list[FrozenTrial]) -> list[FrozenTrial]:
    return [trial for trial in trials if trial.state.name == "COMPLETE"]


def _score(trial: FrozenTrial) -> float:
    assert trial.value is not None
    return trial.value


def _counts(trials: list[FrozenTrial]) -> dict[str, int]:
    fates = ("finished", "pruned", "failed", "cut_off", "running", "waiting")
    counts = dict.fromkeys(fates, 0)
    for trial in trials:
        counts[_fate(trial)] += 1
    return counts


def _fate(trial: FrozenTrial) -> str:
    if REASON in trial.user_attrs:
        return "failed"
    states = {"COMPLETE": "finished", "FAIL": "cut_off"}
    return states.get(trial.state.name, trial.state.name.lower())


def importance(store: Store) -> Importance:
    """The shares of functional ANOVA (Hutter, Hoos & Leyton-Brown 2014) over finished trials."""
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    if len({trial.value for trial in _complete(store.trials())}) < 2:
        return Importance(None, "there are not two different scores")
    try:
        evaluator = FanovaImportanceEvaluator(seed=0)
    except ImportError:
        return Importance(None, "that needs scikit-learn: pip install 'nmtool[train]'")
    shares = get_param_importances(store.study, evaluator=evaluator)
    return Importance({name: float(share) for name, share in shares.items()})


def write_best(found: Findings) -> None:
    """Write the best trial's settings as a file for `nmtool train --config`."""
    plan, best = found.plan, found.best[0]
    score = f"validation accuracy {_score(best):.4f}"
    score += f", mean of {plan.seeds} seeds" if plan.seeds > 1 else ""
    lines = [
        f"# Trial {best.number} of {plan.file.name}: {score}.",
        f"# {_training(plan)}",
        *(f"{name} = {_toml(value)}" for name, value in found.settings().items()),
    ]
    storage.write_text(plan.best_file, "\n".join(lines) + "\n")


def _training(plan: StudyPlan) -> str:
    return f"nmtool train {plan.data} -o RUN --config {plan.best_file}"


def _toml(value: Any) -> str:
    """A setting in TOML, which writes bools, texts and lists as JSON does."""
    return repr(value) if isinstance(value, float) else json.dumps(value)


def as_json(found: Findings, mattered: Importance) -> dict[str, Any]:
    """Everything, for scripts."""
    best = [
        {
            "trial": trial.number,
            "score": _score(trial),
            "scores": trial.user_attrs["scores"],
            "searched": trial.params,
        }
        for trial in found.best
    ]
    return {
        "nmtool": __version__,
        "study": str(found.plan.folder),
        "trials": found.counts,
        "best": {**best[0], "settings": found.settings(), "config": str(found.plan.best_file)},
        "top": best,
        "failed": [{"trial": number, "reason": reason} for number, reason in found.failed],
        "importance": mattered.shares,
        "importance_unknown": mattered.unknown or None,
    }


def tell(found: Findings, mattered: Importance) -> None:
    """The tables, for people."""
    names = list(found.plan.space.searched)
    rows = [
        [trial.number, f"{_score(trial):.1%}", *(shown_value(trial.params[name]) for name in names)]
        for trial in found.best
    ]
    console.print_table("best trials", ["trial", "validation", *names], rows)
    if mattered.shares is None:
        console.tell(f"importance of settings: unknown, {mattered.unknown}")
    else:
        shares = [(name, f"{share:.0%}") for name, share in mattered.shares.items()]
        console.print_table("importance of settings", ["setting", "share"], shares)
    console.tell(f"trials: {', '.join(_counted(found.counts))}")
    console.tell(f"{found.plan.best_file}: trial {rows[0][0]}  validation {rows[0][1]}")
    console.tell(f"train with it: {_training(found.plan)}")


def _counted(counts: dict[str, int]) -> list[str]:
    return [f"{number} {fate.replace('_', ' ')}" for fate, number in counts.items() if number]

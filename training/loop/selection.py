"""Selection of a run's best epoch, whose network is saved.

One epoch's accuracy on a few hundred samples is noisy. The score of an epoch is therefore the
mean accuracy over the last `judge_epochs` epochs up to it. A log has one entry per epoch, see
`nmtool.training.loop.trainer`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any

Entry = Mapping[str, Any]


def candidates(log: Sequence[Entry]) -> list[Entry]:
    """The epochs that may be the best: not those during pruning, which lack the sparsity."""
    return [entry for entry in log if entry.get("pruned", True)]


def scores(log: Sequence[Entry], judge_epochs: int = 1) -> list[float]:
    """A score for each candidate, 0 … 1; the first scores average fewer candidates.

    An accuracy is that on the validation samples, or on the training samples if there are none.
    """
    accuracies = []
    for entry in candidates(log):
        validation = entry["validation_accuracy"]
        accuracies.append(float(entry["train_accuracy"] if validation is None else validation))
    windows = [
        accuracies[max(0, last - judge_epochs) : last] for last in range(1, len(accuracies) + 1)
    ]
    return [sum(window) / len(window) for window in windows]


def best_epoch(log: Sequence[Entry], judge_epochs: int = 1) -> Entry:
    """The entry of the candidate with the best score; of equal scores, the last."""
    scored = zip(scores(log, judge_epochs), candidates(log), strict=True)
    return max(reversed(list(scored)), key=lambda pair: pair[0])[1]


def is_best(log: Sequence[Entry], judge_epochs: int = 1) -> bool:
    """True if the last epoch of the log is the best so far, or as good as the best."""
    return bool(candidates(log)) and best_epoch(log, judge_epochs) is log[-1]


def final_score(log: Sequence[Entry], judge_epochs: int = 1) -> float:
    """Score of a run's best epoch; if the integers' scales were changed, with the new scales."""
    settled = best_epoch(log, judge_epochs).get("settled_accuracy")
    return max(scores(log, judge_epochs)) if settled is None else float(settled)


def out_of_patience(scores: Sequence[float], patience: int) -> bool:
    """Early stopping: True if none of the last `patience` scores is better than the best before."""
    return bool(scores) and len(scores) - 1 - scores.index(max(scores)) >= patience


def stopped_early(log: Sequence[Entry]) -> bool:
    """True if early stopping ended the run before its last epoch."""
    return bool(log) and bool(log[-1].get("stopped_early"))


def standard_error(accuracy: float, n_samples: int | None) -> float:
    """Binomial standard error of an accuracy, 0 … 1; 0 if the number of samples is unknown."""
    return sqrt(accuracy * (1 - accuracy) / n_samples) if n_samples else 0.0

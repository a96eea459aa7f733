"""Select a run's best epoch, whose network is kept.

One epoch's accuracy on a few hundred samples is noisy. The score of an epoch is therefore the
mean accuracy over the last `judge_epochs` epochs up to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Entry = Mapping[str, Any]
"""An epoch's entry of the log, see `nmtool.training.loop.trainer`."""


def candidates(log: Sequence[Entry]) -> list[Entry]:
    """The epochs that may be the best.

    Not those that ended while synapses were still being removed: that network is not what was
    asked for.
    """
    return [entry for entry in log if entry.get("pruned", True)]


def scores(log: Sequence[Entry], judge_epochs: int = 1) -> list[float]:
    """A score for each of the candidates, larger is better, 0 … 1.

    Args:
        log: one entry per epoch.
        judge_epochs: candidates whose accuracies a score is the mean of, fewer at the beginning.
    """
    own = [_accuracy(entry) for entry in candidates(log)]
    judged = [own[max(0, last - judge_epochs) : last] for last in range(1, len(own) + 1)]
    return [sum(accuracies) / len(accuracies) for accuracies in judged]


def best_epoch(log: Sequence[Entry], judge_epochs: int = 1) -> Entry:
    """The entry of the candidate with the best score, the last one among equals."""
    ranked = zip(scores(log, judge_epochs), candidates(log), strict=True)
    return max(reversed(list(ranked)), key=lambda pair: pair[0])[1]


def is_best(log: Sequence[Entry], judge_epochs: int = 1) -> bool:
    """True where the last epoch of the log is the best one so far, or as good."""
    return bool(candidates(log)) and best_epoch(log, judge_epochs) is log[-1]


def final_score(log: Sequence[Entry], judge_epochs: int = 1) -> float:
    """Score of the network that a run keeps, 0 … 1: that of its best epoch.

    Where the network's integers got other scales at the end, their accuracy is the score.
    """
    settled = best_epoch(log, judge_epochs).get("settled_accuracy")
    return max(scores(log, judge_epochs)) if settled is None else float(settled)


def out_of_patience(scores: Sequence[float], patience: int) -> bool:
    """True where none of the last `patience` scores is better than the best before them.

    Args:
        scores: one per epoch, larger is better; a score that is only reached again is no better.
        patience: epochs to wait, 1 or more.
    """
    return bool(scores) and len(scores) - 1 - scores.index(max(scores)) >= patience


def _accuracy(entry: Entry) -> float:
    """On the validation samples; without any, on those of training."""
    validation = entry["validation_accuracy"]
    return float(entry["train_accuracy"] if validation is None else validation)

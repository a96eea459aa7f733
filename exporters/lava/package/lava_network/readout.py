"""Turn the activity of the output population in a sample into a class; README.md has the rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .arrays import NetworkArrays
    from .traces import Trace

FIRST_SPIKE, WEIGHTED, MAX = "first_spike", "weighted", "max"
MEMBRANE_RULES = ("mean", WEIGHTED, MAX, "window")


@dataclass(frozen=True)
class Answer:
    """The scores of one sample; the class with the largest score is the prediction.

    Attributes:
        names: names of all classes.
        scores: [classes] float64; of several equal scores, the first counts as the largest.
    """

    names: list[str]
    scores: NDArray[np.float64]

    @property
    def order(self) -> list[int]:
        """Indices of all classes, sorted by descending score."""
        return np.argsort(-self.scores, kind="stable").tolist()

    def __str__(self) -> str:
        best, *others = self.order
        words = f"class {self._named(best)}, score {self.scores[best]:.6g}"
        return f"{words}; next {self._named(others[0])}" if others else words

    def _named(self, index: int) -> str:
        name = self.names[index]
        shown = str(index) if name == str(index) else f"{index} {name!r}"
        return shown if index == self.order[0] else f"{shown}, {self.scores[index]:.6g}"


def answer(arrays: NetworkArrays, traces: dict[str, Trace]) -> Answer | None:
    """Compute the scores of a sample; None if this package does not know the rule of the readout.

    Args:
        arrays: the network.
        traces: activity of the whole sample, by population.
    """
    trace = traces[arrays.readout["population"]]
    scores = _scores(trace, arrays.readout["rule"], arrays.readout.get("window"))
    return None if scores is None else Answer(arrays.class_names, scores)


def _scores(trace: Trace, rule: str, window: int | None) -> NDArray[np.float64] | None:
    """Scores of a sample by the rule, [classes] float64; None if the rule is not known.

    Args:
        trace: activity of the output population.
        rule: name of the rule of the readout.
        window: number of last steps that count; None: all steps.
    """
    if rule == FIRST_SPIKE:
        assert trace.spikes is not None
        spikes = trace.spikes
        first = np.where(spikes.any(axis=0), spikes.argmax(axis=0), len(spikes))
        return -first.astype(np.float64)
    if trace.v is None or rule not in MEMBRANE_RULES:
        return None
    v = trace.v
    if rule == MAX:
        return v.max(axis=0).astype(np.float64)
    if rule == WEIGHTED:
        weights = np.exp(-np.arange(len(v)) / len(v)) / len(v)
        return np.einsum("tc,t->c", v.astype(np.float64), weights)
    counted = v if window is None else v[-window:]
    return counted.sum(axis=0, dtype=np.float64) / len(counted)

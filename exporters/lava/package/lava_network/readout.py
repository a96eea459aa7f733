"""From what the output population did in a sample to a class; README.md has the formula."""

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
    """The answer to one sample.

    Attributes:
        names: of all classes.
        scores: [classes] float64; the largest is the answer's, the first of equals.
    """

    names: list[str]
    scores: NDArray[np.float64]

    @property
    def order(self) -> list[int]:
        """The classes by score, the answer first."""
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
    """The class of a sample; None where the network answers by a rule that is not known here.

    Args:
        arrays: the network.
        traces: of all populations, after a whole sample.
    """
    trace = traces[arrays.readout["population"]]
    scores = _scores(trace, arrays.readout["rule"], arrays.readout.get("window"))
    return None if scores is None else Answer(arrays.class_names, scores)


def _scores(trace: Trace, rule: str, window: int | None) -> NDArray[np.float64] | None:
    """[classes] float64."""
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

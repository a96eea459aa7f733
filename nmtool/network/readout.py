"""From what the output population did to a class: one function for every backend.

Rules (T steps, class c):

    mean         1/T Σ_n v_c[n]
    weighted     1/T Σ_n v_c[n]·exp(−n/T)      (Nowotny et al. 2022)
    max          max_n v_c[n]
    window       mean of v_c over the last W steps, or over all where there are fewer
    first_spike  −(step of the first spike of c), silence counting as T

The class is the one with the largest score, the lowest index where scores are equal.

Only `window` forgets, so that it is the rule for streams without an end. Sums of integer
membranes are exact: but for `weighted`, every backend finds the same order of classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral

import numpy as np
from numpy.typing import NDArray

from nmtool.errors import NetworkError, UsageError
from nmtool.network.graph import LI, LIF, MAX_STEPS
from nmtool.raster import Raster
from nmtool.tables import Plain

RULES = ("mean", "weighted", "max", "window", "first_spike")
MEAN, WEIGHTED, MAX, WINDOW, FIRST_SPIKE = RULES
MEMBRANE_RULES = (MEAN, WEIGHTED, MAX, WINDOW)

FORMULAS = {
    "mean": "1/T * sum over n of v[n][c]",
    "weighted": "1/T * sum over n of v[n][c] * exp(-n/T)",
    "max": "max over n of v[n][c]",
    WINDOW: "1/min({window}, T) * sum of the last {window} of v[n][c], or of all where T is less",
    FIRST_SPIKE: "-(step of the first spike of c), silence counting as T",
}
"""Scores by rule in plain text, for those who are handed a network; n counts from 0 to T - 1."""


@dataclass(frozen=True)
class Readout(Plain):
    """The population that answers, and the rule that turns its activity into scores.

    >>> Readout("output", "window", 50).words
    'window of 50 steps'

    Attributes:
        population: name of the output population, one neuron per class.
        rule: one of `RULES`.
        window: W of the rule `window`, in steps; None for all others.

    Raises:
        NetworkError: the rule is unknown, or the window is missing, out of range or for no use.
    """

    _left_out = (None,)

    population: str
    rule: str
    window: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.rule, str) or self.rule not in RULES:
            raise NetworkError(
                f"unknown readout '{self.rule}'",
                code="readout-unknown",
                fix=f"use one of {', '.join(RULES)}",
            )
        if self.window is None:
            if self.rule == WINDOW:
                raise NetworkError(
                    f"the readout '{WINDOW}' needs to know its length",
                    code="readout-window-missing",
                    fix="give its steps: `window=50`",
                )
            return
        if self.rule != WINDOW:
            raise NetworkError(
                f"the readout '{self.rule}' has no window",
                code="readout-window-unused",
                fix=f"leave it out, or choose the readout {WINDOW}",
            )
        whole = isinstance(self.window, Integral) and not isinstance(self.window, bool)
        if not whole or not 1 <= self.window <= MAX_STEPS:
            raise NetworkError(
                f"a window of {self.window!r} steps is not within 1 … {MAX_STEPS}",
                code="readout-window-range",
                fix="give a whole number of steps, e.g. window=50",
            )
        object.__setattr__(self, "window", int(self.window))

    @property
    def formula(self) -> str:
        """The score of class c after T steps, in plain text.

        >>> Readout("out", "max").formula
        'max over n of v[n][c]'
        """
        return FORMULAS[self.rule].format(window=self.window)

    @property
    def kind(self) -> str:
        """The kind of population the rule needs: `li` or `lif`."""
        return LIF if self.rule == FIRST_SPIKE else LI

    @property
    def words(self) -> str:
        """The rule as people read it."""
        return self.rule if self.window is None else f"{self.rule} of {self.window} steps"


def time_weights(readout: Readout, n_steps: int) -> NDArray[np.float64]:
    """[steps] float64: weight of each step in the rules `mean`, `weighted` and `window`."""
    step = np.arange(n_steps)
    if readout.window is not None:
        counted = min(readout.window, n_steps)
        return (step >= n_steps - counted) / max(counted, 1)
    profile = np.exp(-step / n_steps) if readout.rule == WEIGHTED else np.ones(n_steps)
    return profile / n_steps


def membrane_scores(membrane: NDArray, readout: Readout) -> NDArray[np.float64]:
    """Scores from output membranes.

    Args:
        membrane: [samples, steps, classes], float or integer.
        readout: by one of `MEMBRANE_RULES`.

    Returns:
        [samples, classes] float64.
    """
    if readout.rule == "max":
        lowest = -np.inf if membrane.shape[1] else 0.0  # which is v before the first step
        return membrane.astype(np.float64).max(axis=1, initial=lowest)
    if readout.rule == WEIGHTED:
        weights = time_weights(readout, membrane.shape[1])
        return np.einsum("stc,t->sc", membrane.astype(np.float64), weights)
    counted = membrane if readout.window is None else membrane[:, -readout.window :]
    return counted.sum(axis=1, dtype=np.float64) / max(counted.shape[1], 1)


def spike_scores(spikes: Raster) -> NDArray[np.float64]:
    """[samples, classes] float64 scores from the first spike of every output neuron."""
    return -spikes.first_step().astype(np.float64)


def predict(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """[samples] int64 classes from [samples, classes] scores."""
    return scores.argmax(axis=1).astype(np.int64)


_LEAST = -(1 << 31)
"""Below every membrane."""


class StreamScores:
    """Scores after any step of a stream of integers: those of a sample that ends there.

    The sum over a window fits into 64 bits; that of `mean` is in Python's integers, which no stream
    overflows. Memory is that of the window, for
    `weighted` that of `n_steps` steps, for all other rules a number per class. A step of `weighted`
    weighs exp(−n/T), which changes with the length T: its scores end after `n_steps` steps.

    >>> scores = StreamScores(Readout("output", "window", 2), n_classes=1, n_steps=10)
    >>> for v in (3, 5, 8):
    ...     scores.add(np.array([[v]], np.int32))
    >>> scores.now()
    array([6.5])

    Args:
        readout: the rule.
        n_classes: number of output neurons.
        n_steps: steps of the network's samples.
    """

    def __init__(self, readout: Readout, n_classes: int, n_steps: int) -> None:
        self.readout = readout
        self.n_classes = n_classes
        self.n_steps = n_steps
        self.seen = 0
        self._total = [0] * n_classes
        self._in_window = np.zeros(n_classes, np.int64)
        self._largest = np.full(n_classes, _LEAST, np.int32)
        self._first: list[int | None] = [None] * n_classes
        self._kept = np.zeros((readout.window or 0, n_classes), np.int32)
        self._oldest = 0

    def add(self, trace: NDArray) -> None:
        """Take the next steps.

        Args:
            trace: [steps, classes], membranes (int32) of the output, or for `first_spike` its
                spikes (bool).
        """
        rule, window = self.readout.rule, self.readout.window
        if rule == FIRST_SPIKE:
            for neuron in np.flatnonzero(trace.any(axis=0)).tolist():
                if self._first[neuron] is None:
                    self._first[neuron] = self.seen + int(trace[:, neuron].argmax())
        elif rule == "max":
            self._largest = np.maximum(self._largest, trace.max(axis=0, initial=_LEAST))
        elif rule == WEIGHTED:
            self._append(trace)
        elif window is None:
            sums = trace.sum(axis=0, dtype=np.int64).tolist()
            self._total = [total + one for total, one in zip(self._total, sums, strict=True)]
        else:
            newest = trace[-window:]
            self._in_window += newest.sum(axis=0, dtype=np.int64)
            self._in_window -= self._replaced(newest).sum(axis=0, dtype=np.int64)
        self.seen += len(trace)

    def now(self) -> NDArray[np.float64]:
        """[classes] float64: the scores of a sample that ends after the last step.

        Raises:
            UsageError: there was no step yet, or there were too many for the rule `weighted`.
        """
        rule = self.readout.rule
        if not self.seen:
            raise UsageError(
                "there is no decision before the first step",
                code="decision-before-steps",
                fix="run a step first",
            )
        if rule == FIRST_SPIKE:
            return -np.array([self.seen if n is None else n for n in self._first], np.float64)
        if rule == "max":
            return self._largest.astype(np.float64)
        if rule == WEIGHTED:
            return self._weighted()
        if rule == WINDOW:
            return self._in_window / min(self.seen, len(self._kept))
        return np.array([total / self.seen for total in self._total])

    def _weighted(self) -> NDArray[np.float64]:
        if self.seen > self.n_steps:
            raise UsageError(
                f"the readout '{WEIGHTED}' has no decision after {self.seen} steps",
                code="decision-beyond-sample",
                why=f"it weighs steps by their place in a sample, of {self.n_steps} steps here",
                fix=f"begin another sample (reset), or read the stream by a {WINDOW}",
            )
        return membrane_scores(self._kept[None, : self.seen], self.readout)[0]

    def _replaced(self, trace: NDArray[np.int32]) -> NDArray[np.int32]:
        """Put the newest steps in the places of the oldest ones, and return those."""
        window, first = len(self._kept), self._oldest
        end = first + len(trace)
        self._oldest = end % window
        places = slice(first, end) if end <= window else np.arange(first, end) % window
        old = self._kept[places].copy()
        self._kept[places] = trace
        return old

    def _append(self, trace: NDArray[np.int32]) -> None:
        """Keep all steps up to the length of a sample."""
        end = min(self.seen + len(trace), self.n_steps)
        if end > len(self._kept):
            longer = min(max(end, 2 * len(self._kept)), self.n_steps)
            more = np.zeros((longer - len(self._kept), self.n_classes), np.int32)
            self._kept = np.concatenate([self._kept, more])
        if end > self.seen:
            self._kept[self.seen : end] = trace[: end - self.seen]

"""The readout: from the activity of the output population to a class, for every backend.

Rules (T steps, class c):

    mean         1/T Σ_n v_c[n]
    weighted     1/T Σ_n v_c[n]·exp(−n/T)      (Nowotny et al. 2022)
    max          max_n v_c[n]
    window       mean of v_c over the last W steps, or over all steps if T < W
    first_spike  −(step of the first spike of c), or −T without a spike

The prediction is the class with the largest score; of several such classes, the first.

For endless streams use `window`, the only rule that forgets. Sums of integer membranes are exact,
so every backend ranks the classes in the same order, with all rules except `weighted`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral

import numpy as np
from numpy.typing import NDArray

from nmtool.errors import NetworkError, UsageError
from nmtool.network.graph import LI, LIF, MAX_STEPS
from nmtool.raster import Raster
from nmtool.tables import Plain


@dataclass(frozen=True)
class Rule:
    """A rule of the readout, which turns output activity into scores.

    Attributes:
        kind: kind of the output population: `li` for rules on membranes, `lif` for rules on spikes.
        formula: the scores in plain text, for files that describe a network; n is 0 … T - 1.
        is_mean: True if a score is a mean of membranes over all steps, or over those of a window.
        weight: for a mean over all steps, function from n/T to the weight of step n, 0 … 1, both
            [steps] float64; None: equal weights.
    """

    kind: str
    formula: str
    is_mean: bool = False
    weight: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None = None


RULES = {
    "mean": Rule(LI, "1/T * sum over n of v[n][c]", is_mean=True),
    "weighted": Rule(
        LI, "1/T * sum over n of v[n][c] * exp(-n/T)", is_mean=True, weight=lambda x: np.exp(-x)
    ),
    "max": Rule(LI, "max over n of v[n][c]"),
    "window": Rule(
        LI,
        "1/min({window}, T) * sum of the last {window} of v[n][c], or of all where T is less",
        is_mean=True,
    ),
    "first_spike": Rule(LIF, "-(step of the first spike of c), silence counting as T"),
}
MEAN, WEIGHTED, MAX, WINDOW, FIRST_SPIKE = RULES


def rules_of(kind: str) -> tuple[str, ...]:
    """The rules for output populations of a kind, `li` or `lif`."""
    return tuple(name for name, rule in RULES.items() if rule.kind == kind)


@dataclass(frozen=True)
class Readout(Plain):
    """The output population, and the rule that turns its activity into scores.

    >>> Readout("output", "window", 50).words
    'window of 50 steps'

    Attributes:
        population: name of the output population, one neuron per class.
        rule: one of `RULES`.
        window: W of the rule `window`, in steps; None for all other rules.

    Raises:
        NetworkError: the rule is unknown, or the window is missing, out of range or unused.
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
                    f"the readout '{WINDOW}' needs the length of its window",
                    code="readout-window-missing",
                    fix="give the number of steps: `window=50`",
                )
            return
        if self.rule != WINDOW:
            raise NetworkError(
                f"the readout '{self.rule}' has no window",
                code="readout-window-unused",
                fix=f"leave out `window=`, or choose the readout {WINDOW}",
            )
        is_whole = isinstance(self.window, Integral) and not isinstance(self.window, bool)
        if not is_whole or not 1 <= self.window <= MAX_STEPS:
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
        return RULES[self.rule].formula.format(window=self.window)

    @property
    def kind(self) -> str:
        """Kind of population that the rule needs: `li` or `lif`."""
        return RULES[self.rule].kind

    @property
    def weights_steps(self) -> bool:
        """True if a step's weight depends on its place in a sample, as with `weighted`."""
        return RULES[self.rule].weight is not None

    @property
    def words(self) -> str:
        """The rule as text, such as `window of 50 steps`."""
        return self.rule if self.window is None else f"{self.rule} of {self.window} steps"


def _unhandled(readout: Readout) -> ValueError:
    """The error for a rule whose scores the calling function does not compute."""
    return ValueError(f"scores by the rule '{readout.rule}' are not computed here")


def time_weights(readout: Readout, n_steps: int) -> NDArray[np.float64]:
    """[steps] float64: weight of each step, for rules that average membranes over steps.

    >>> time_weights(Readout("output", "window", 2), n_steps=4)
    array([0. , 0. , 0.5, 0.5])

    Raises:
        ValueError: the rule does not average membranes.
    """
    rule, step = RULES[readout.rule], np.arange(n_steps)
    if not rule.is_mean:
        raise _unhandled(readout)
    if rule.weight is not None:
        return rule.weight(step / n_steps) / n_steps
    counted = min(readout.window or n_steps, n_steps)
    return (step >= n_steps - counted) / max(counted, 1)


def membrane_scores(membrane: NDArray, readout: Readout) -> NDArray[np.float64]:
    """Scores from output membranes.

    Args:
        membrane: [samples, steps, classes], float or integer.
        readout: a readout whose kind is `li`.

    Returns:
        [samples, classes] float64 scores.

    Raises:
        ValueError: the rule needs spikes.
    """
    if readout.rule == MAX:
        # If there are no steps, v is 0.
        lowest = -np.inf if membrane.shape[1] else 0.0
        return membrane.astype(np.float64).max(axis=1, initial=lowest)
    if readout.weights_steps:
        weights = time_weights(readout, membrane.shape[1])
        return np.einsum("stc,t->sc", membrane.astype(np.float64), weights)
    if RULES[readout.rule].is_mean:
        # Sums of integers are exact, which sums of weighted integers are not.
        counted = membrane if readout.window is None else membrane[:, -readout.window :]
        return counted.sum(axis=1, dtype=np.float64) / max(counted.shape[1], 1)
    raise _unhandled(readout)


def spike_scores(spikes: Raster, readout: Readout) -> NDArray[np.float64]:
    """[samples, classes] float64: scores from output spikes; `ValueError` for other rules."""
    if readout.rule == FIRST_SPIKE:
        return -spikes.first_step().astype(np.float64)
    raise _unhandled(readout)


def predict(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """[samples] int64: the class with the largest score, from scores [samples, classes]."""
    return scores.argmax(axis=1).astype(np.int64)


_LEAST = -(1 << 31)
"""An integer below every membrane."""


class StreamScores:
    """Scores of an integer stream after any step, as if a sample ended with that step.

    The sum over a window fits into 64 bits; the sum of `mean` is a Python integer, which cannot
    overflow. The object stores the last W steps for `window`, `n_steps` steps for `weighted`, and
    one number per class for all other rules. The weights exp(−n/T) of `weighted` depend on the
    length T, so its scores are defined for up to `n_steps` steps only.

    >>> scores = StreamScores(Readout("output", "window", 2), n_classes=1, n_steps=10)
    >>> for v in (3, 5, 8):
    ...     scores.add(np.array([[v]], np.int32))
    >>> scores.now()
    array([6.5])

    Args:
        readout: the rule.
        n_classes: number of output neurons.
        n_steps: number of steps of the network's samples.
    """

    def __init__(self, readout: Readout, n_classes: int, n_steps: int) -> None:
        self.readout = readout
        self.n_steps = n_steps
        self.seen = 0
        self._total = [0] * n_classes
        self._largest = np.full(n_classes, _LEAST, np.int32)
        self._first: list[int | None] = [None] * n_classes
        size = n_steps if readout.weights_steps else readout.window or 0
        # This array is a ring buffer, which contains the last steps.
        self._last = np.zeros((size, n_classes), np.int32)
        self._in_ring = np.zeros(n_classes, np.int64)

    def add(self, trace: NDArray) -> None:
        """Add the outputs of the next steps.

        Args:
            trace: [steps, classes] int32 membranes of the output; for rules on spikes, bool spikes.

        Raises:
            ValueError: the rule is unknown.
        """
        rule = self.readout.rule
        if rule == FIRST_SPIKE:
            for neuron in np.flatnonzero(trace.any(axis=0)).tolist():
                if self._first[neuron] is None:
                    self._first[neuron] = self.seen + int(trace[:, neuron].argmax())
        elif rule == MAX:
            self._largest = np.maximum(self._largest, trace.max(axis=0, initial=_LEAST))
        elif size := len(self._last):
            newest = trace[-size:]
            first = (self.seen + len(trace) - len(newest)) % size
            end = first + len(newest)
            places = slice(first, end) if end <= size else np.arange(first, end) % size
            replaced = self._last[places].sum(axis=0, dtype=np.int64)
            self._in_ring += newest.sum(axis=0, dtype=np.int64) - replaced
            self._last[places] = newest
        elif RULES[rule].is_mean:
            sums = trace.sum(axis=0, dtype=np.int64).tolist()
            self._total = [total + addend for total, addend in zip(self._total, sums, strict=True)]
        else:
            raise _unhandled(self.readout)
        self.seen += len(trace)

    def now(self) -> NDArray[np.float64]:
        """[classes] float64: scores of a sample that ends with the last step.

        Raises:
            UsageError: there was no step yet, or there were more than `n_steps` for a rule that
                weights steps, such as `weighted`.
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
        if rule == MAX:
            return self._largest.astype(np.float64)
        if not len(self._last):
            return np.array([total / self.seen for total in self._total])
        if self.readout.window is not None:
            return self._in_ring / min(self.seen, len(self._last))
        if self.seen > self.n_steps:
            raise UsageError(
                f"the readout '{rule}' has no decision after {self.seen} steps",
                code="decision-beyond-sample",
                why=f"its weights are only defined for samples of {self.n_steps} steps",
                fix=f"start a new sample (reset), or use the readout {WINDOW} for streams",
            )
        return membrane_scores(self._last[None, : self.seen], self.readout)[0]

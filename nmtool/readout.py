"""From what the output population did to a class: one function for every backend.

Rules (T steps, class c):

    mean         1/T Σ_n v_c[n]
    weighted     1/T Σ_n v_c[n]·exp(−n/T)      (Nowotny et al. 2022)
    max          max_n v_c[n]
    first_spike  −(step of the first spike of c), silence counting as T

The class is the one with the largest score, the lowest index where scores are equal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmtool.errors import NetworkError
from nmtool.graph import LI, LIF
from nmtool.raster import Raster

MEMBRANE_RULES = ("mean", "weighted", "max")
FIRST_SPIKE = "first_spike"
RULES = (*MEMBRANE_RULES, FIRST_SPIKE)


FORMULAS = {
    "mean": "1/T * sum over n of v[n][c]",
    "weighted": "1/T * sum over n of v[n][c] * exp(-n/T)",
    "max": "max over n of v[n][c]",
    FIRST_SPIKE: "-(step of the first spike of c), silence counting as T",
}
"""Scores by rule in plain text, for those who are handed a network; n counts from 0 to T - 1."""


@dataclass(frozen=True)
class Readout:
    """The population that answers, and the rule that turns its activity into scores.

    Attributes:
        population: name of the output population, one neuron per class.
        rule: one of `RULES`.
    """

    population: str
    rule: str

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise NetworkError(
                f"unknown readout '{self.rule}'",
                code="readout-unknown",
                fix=f"use one of {', '.join(RULES)}",
            )

    @property
    def formula(self) -> str:
        """The score of class c after T steps, in plain text.

        >>> Readout("out", "max").formula
        'max over n of v[n][c]'
        """
        return FORMULAS[self.rule]

    @property
    def kind(self) -> str:
        """The kind of population the rule needs: `li` or `lif`."""
        return LIF if self.rule == FIRST_SPIKE else LI


def time_weights(rule: str, n_steps: int) -> NDArray[np.float64]:
    """[steps] float64: weight of each step in the averaging rules `mean` and `weighted`."""
    step = np.arange(n_steps)
    profile = np.exp(-step / n_steps) if rule == "weighted" else np.ones(n_steps)
    return profile / n_steps


def membrane_scores(membrane: NDArray, rule: str) -> NDArray[np.float64]:
    """Scores from output membranes.

    Args:
        membrane: [samples, steps, classes], float or integer.
        rule: one of `MEMBRANE_RULES`.

    Returns:
        [samples, classes] float64.
    """
    if rule == "max":
        return membrane.max(axis=1).astype(np.float64)
    weights = time_weights(rule, membrane.shape[1])
    return np.einsum("stc,t->sc", membrane.astype(np.float64), weights)


def spike_scores(spikes: Raster) -> NDArray[np.float64]:
    """[samples, classes] float64 scores from the first spike of every output neuron."""
    return -spikes.first_step().astype(np.float64)


def predict(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """[samples] int64 classes from [samples, classes] scores."""
    return scores.argmax(axis=1).astype(np.int64)

"""The readout of the C program, in integers: its rules in words, and its weights of steps.

`network.c` has the code. Weights of steps, such as exp(−n/T) of the rule `weighted`, are rounded to
15 bits. Classes whose scores differ by less than this rounding may be ranked differently than in
nmtool.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmtool.network.readout import (
    FIRST_SPIKE,
    MAX,
    MEAN,
    WEIGHTED,
    WINDOW,
    Readout,
    time_weights,
)
from nmtool.rounding import round_half_away

IMPORTANCE_ONE = 1 << 15


@dataclass(frozen=True)
class Words:
    """A readout rule in words.

    Attributes:
        answer: the score that decides the class.
        scale: how the program's scores differ from nmtool's.
        weight: if the rule weights steps, the weight of step n of T, such as `exp(-n/T)`.
        rounded: the function in the weights.
    """

    answer: str
    scale: str
    weight: str = ""
    rounded: str = ""


def _weighted(emphasis: str, weight: str, rounded: str) -> Words:
    """A mean whose steps have weights; `emphasis` says which of them count more."""
    return Words(
        f"the largest mean of the membranes of '{{output}}', of which {emphasis}",
        f"times {IMPORTANCE_ONE} * T, with {weight} rounded to that",
        weight,
        rounded,
    )


_RULES = {
    MEAN: Words("the largest mean of the membranes of '{output}'", "times T"),
    WEIGHTED: _weighted("early steps count more", "exp(-n/T)", "exp"),
    MAX: Words("the largest membrane of '{output}'", "but INT64_MIN before the first step"),
    WINDOW: Words(
        "the largest mean of the membranes of '{output}' over the last {window} steps, or\n"
        "over all since nmtool_reset where there were fewer",
        "times min({window}, T)",
    ),
    FIRST_SPIKE: Words("the first spike of '{output}'", "but INT64_MIN as long as c is silent"),
}
"""Rules of readouts. A `KeyError` means that a rule in `Format.rules` is missing here."""


def words(readout: Readout) -> Words:
    """The rule of a readout in words."""
    rule, names = _RULES[readout.rule], {"output": readout.population, "window": readout.window}
    return Words(rule.answer.format(**names), rule.scale.format(**names), rule.weight, rule.rounded)


def importance(readout: Readout, n_steps: int) -> NDArray[np.int64]:
    """[steps] int64: weight of each step, for rules that weight steps, in units of 1/2^15."""
    share = time_weights(readout, n_steps) * n_steps
    return round_half_away(share * IMPORTANCE_ONE).astype(np.int64)

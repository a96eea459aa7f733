"""The readout in C: scores of `nmtool_answer`, in integers.

Weights of steps, such as exp(−n/T) of the rule `weighted`, are rounded to 15 bits. Classes
whose scores differ by less than this rounding may be ranked differently than in nmtool.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from string import Template
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.exporters.c.text import array
from nmtool.network.integer_network import IntegerNetwork
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
class Scoring:
    """C code that computes the scores of a readout rule.

    Attributes:
        described: the score that decides the class, in words.
        differs: difference between these scores and nmtool's, in words.
        keep: body of `keep_score`, which is called after every step.
        no_score: score of a class before the first step.
        variables: declarations of further variables that `keep` uses.
        forget: statements that reset `variables`, for `nmtool_reset`.
        rounded: if the rule weights steps, the function in the weights, in words.
    """

    described: str
    differs: str
    keep: str
    no_score: str = "0"
    variables: str = ""
    forget: str = ""
    rounded: str = ""


_EACH_CLASS = """\
    for (int i = 0; i < $n_classes; i++) {
        %s
    }
"""


def _weighted(emphasis: str, weight: str, rounded: str) -> Scoring:
    """C code for a mean whose weights per step come from a table.

    Args:
        emphasis: which steps count more, in words.
        weight: weight of step n of T, such as `exp(-n/T)`.
        rounded: the function in `weight`, in words.
    """
    return Scoring(
        f"the largest mean of the membranes of '$name', of which {emphasis}",
        f"times {IMPORTANCE_ONE} * T, with {weight} rounded to that",
        _EACH_CLASS % "score[i] += (int64_t)nmtool_membrane_$name[i] * importance();",
        variables=f"""\
/* {weight.replace("/T", " / $n_steps")} in units of 1 / $one, for every step n of a sample. */
$importance

static int32_t importance(void)
{{
    return step < $n_steps ? importance_of_step[step] : 0;
}}

""",
        rounded=rounded,
    )


_RULES = {
    MEAN: Scoring(
        "the largest mean of the membranes of '$name'",
        "times T",
        _EACH_CLASS % "score[i] += nmtool_membrane_$name[i];",
    ),
    WEIGHTED: _weighted("early steps count more", "exp(-n/T)", "exp"),
    MAX: Scoring(
        "the largest membrane of '$name'",
        "but INT64_MIN before the first step",
        _EACH_CLASS
        % "score[i] = score[i] < nmtool_membrane_$name[i] ? nmtool_membrane_$name[i] : score[i];",
        no_score="INT64_MIN",
    ),
    WINDOW: Scoring(
        "the largest mean of the membranes of '$name' over the last $window steps, or\n"
        "over all since nmtool_reset where there were fewer",
        "times min($window, T)",
        _EACH_CLASS
        % """score[i] += nmtool_membrane_$name[i] - recent[oldest][i];
        recent[oldest][i] = nmtool_membrane_$name[i];"""
        + "    oldest = oldest + 1 < $window ? oldest + 1 : 0;\n",
        variables="""\
/* Membranes of the last $window steps, a ring; 0 before the first step. */
static int32_t recent[$window][$n_classes];
static uint32_t oldest;

""",
        forget="""\
    for (uint32_t n = 0; n < $window; n++) {
        for (int i = 0; i < $n_classes; i++) {
            recent[n][i] = 0;
        }
    }
    oldest = 0;
""",
    ),
    FIRST_SPIKE: Scoring(
        "the first spike of '$name'",
        "but INT64_MIN as long as c is silent",
        """\
    for (int k = 0; k < nmtool_n_spikes_$name; k++) {
        int64_t *mine = &score[nmtool_spikes_$name[k]];
        *mine = *mine == INT64_MIN ? -(int64_t)step : *mine;
    }
""",
        no_score="INT64_MIN",
    ),
}
"""Templates by readout rule. A `KeyError` means that a rule in `Format.rules` has no template."""


def scoring(network: IntegerNetwork) -> Scoring:
    """The C code that computes the scores of a network."""
    readout, template = network.readout, _RULES[network.readout.rule]
    values = {
        "name": readout.population,
        "n_classes": len(network.class_names),
        "n_steps": network.n_steps,
        "window": readout.window,
        "one": IMPORTANCE_ONE,
        "importance": array("uint16_t", "importance_of_step", importance(readout, network.n_steps))
        if readout.weights_steps
        else "",
    }
    texts: dict[str, Any] = {
        key: Template(text).substitute(values)
        for key, text in vars(template).items()
        if isinstance(text, str)
    }
    return replace(template, **texts)


def answer_memory(network: IntegerNetwork) -> tuple[int, int]:
    """Number of bytes of the readout's constants, and of its variables."""
    readout, size = network.readout, len(network.class_names)
    table = 2 * network.n_steps * readout.weights_steps
    recent = 0 if readout.window is None else 4 * readout.window * size + 4
    return table, 8 * size + 4 + recent


def importance(readout: Readout, n_steps: int) -> NDArray[np.int64]:
    """[steps] int64: weight of each step, for rules that weight steps, in units of 1/2^15."""
    share = time_weights(readout, n_steps) * n_steps
    return round_half_away(share * IMPORTANCE_ONE).astype(np.int64)

"""The readout in C: scores of `nmtool_answer`, in integers.

For the rule `weighted`, exp(−n/T) is rounded to 15 bits. Classes whose scores differ by less than
this rounding may be ranked differently than in nmtool.
"""

from __future__ import annotations

from dataclasses import dataclass
from string import Template

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
class _Rule:
    """A rule in C; texts are templates, in which `$name` is the output population.

    Attributes:
        described: the score that decides the class, in words.
        differs: how scores in C differ from nmtool's, in words.
        keep: body of `keep_score`, which is called after every step.
        no_score: score of a class before the first step.
        variables: declarations of what `keep` needs besides `score`.
        forget: statements of `nmtool_reset` that reset them.
        weights_steps: steps count by `importance()`, which reads a table.
    """

    described: str
    differs: str
    keep: str
    no_score: str = "0"
    variables: str = ""
    forget: str = ""
    weights_steps: bool = False


_EACH_CLASS = """\
    for (int i = 0; i < $n_classes; i++) {
        %s
    }
"""

_RULES = {
    MEAN: _Rule(
        "the largest mean of the membranes of '$name'",
        "times T",
        _EACH_CLASS % "score[i] += nmtool_membrane_$name[i];",
    ),
    WEIGHTED: _Rule(
        "the largest mean of the membranes of '$name', of which early steps count more",
        f"times {IMPORTANCE_ONE} * T, with exp(-n/T) rounded to that",
        _EACH_CLASS % "score[i] += (int64_t)nmtool_membrane_$name[i] * importance();",
        weights_steps=True,
    ),
    MAX: _Rule(
        "the largest membrane of '$name'",
        "but INT64_MIN before the first step",
        _EACH_CLASS
        % "score[i] = score[i] < nmtool_membrane_$name[i] ? nmtool_membrane_$name[i] : score[i];",
        no_score="INT64_MIN",
    ),
    WINDOW: _Rule(
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
    FIRST_SPIKE: _Rule(
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
"""The rules in C; a `KeyError` here means that `Format.rules` names one that is missing."""

_IMPORTANCE = Template("""\
/* exp(-n / $n_steps) in units of 1 / $one, for every step n of a sample. */
$table

static int32_t importance(void)
{
    return step < $n_steps ? importance_of_step[step] : 0;
}

""")


def described_answer(network: IntegerNetwork) -> str:
    """The score that decides the class, in words."""
    return _filled(_RULES[network.readout.rule].described, network)


def scores_in_words(network: IntegerNetwork) -> str:
    """The formula of the scores in C."""
    differs = _filled(_RULES[network.readout.rule].differs, network)
    return f"{network.readout.formula},\n   {differs}"


def no_score(network: IntegerNetwork) -> str:
    """The score of a class before the first step."""
    return _RULES[network.readout.rule].no_score


def keep_score(network: IntegerNetwork) -> str:
    """The function `keep_score`, which is called after every step, with its variables."""
    rule = _RULES[network.readout.rule]
    before = _importance(network.n_steps) if rule.weights_steps else ""
    function = f"static void keep_score(void)\n{{\n{rule.keep}}}"
    return before + _filled(rule.variables + function, network)


def forget(network: IntegerNetwork) -> str:
    """The statements of `nmtool_reset` that reset the variables of `keep_score`."""
    return _filled(_RULES[network.readout.rule].forget, network)


def products_per_score(network: IntegerNetwork) -> int:
    """Products that the scores of a step take per class."""
    return int(_RULES[network.readout.rule].weights_steps)


def answer_memory(network: IntegerNetwork) -> tuple[int, int]:
    """Bytes of constants and of variables of the readout."""
    readout, size = network.readout, len(network.class_names)
    table = 2 * network.n_steps if _RULES[readout.rule].weights_steps else 0
    recent = 0 if readout.window is None else 4 * readout.window * size + 4
    return table, 8 * size + 4 + recent


def importance(n_steps: int) -> NDArray[np.int64]:
    """[steps] int64: weight of each step in units of 1/2^15."""
    share = time_weights(Readout("", WEIGHTED), n_steps) * n_steps
    return round_half_away(share * IMPORTANCE_ONE).astype(np.int64)


def _importance(n_steps: int) -> str:
    table = array("uint16_t", "importance_of_step", importance(n_steps))
    return _IMPORTANCE.substitute(n_steps=n_steps, one=IMPORTANCE_ONE, table=table)


def _filled(text: str, network: IntegerNetwork) -> str:
    readout = network.readout
    return Template(text).substitute(
        name=readout.population, n_classes=len(network.class_names), window=readout.window
    )

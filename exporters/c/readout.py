"""The readout in C: scores of `nmtool_answer`, in integers.

For the rule `weighted`, exp(−n/T) is rounded to 15 bits. Classes whose scores differ by less than
this rounding may be ranked differently than in nmtool.
"""

from __future__ import annotations

from dataclasses import asdict
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

_ON_MEMBRANES = Template("""\
static void keep_score(void)
{
    for (int i = 0; i < $n_classes; i++) {
        $keep
    }
$after}""")

_KEEP = {
    MEAN: Template("score[i] += nmtool_membrane_$name[i];"),
    WEIGHTED: Template("score[i] += (int64_t)nmtool_membrane_$name[i] * importance();"),
    WINDOW: Template(
        "score[i] += nmtool_membrane_$name[i] - recent[oldest][i];\n"
        "        recent[oldest][i] = nmtool_membrane_$name[i];"
    ),
    MAX: Template(
        "score[i] = score[i] < nmtool_membrane_$name[i] ? nmtool_membrane_$name[i] : score[i];"
    ),
}

_IMPORTANCE = Template("""\
/* exp(-n / $n_steps) in units of 1 / $one, for every step n of a sample. */
$table

static int32_t importance(void)
{
    return step < $n_steps ? importance_of_step[step] : 0;
}

""")

_RECENT = Template("""\
/* Membranes of the last $window steps, a ring; 0 before the first step. */
static int32_t recent[$window][$n_classes];
static uint32_t oldest;

""")

_NEXT = Template("    oldest = oldest + 1 < $window ? oldest + 1 : 0;\n")

_FORGET = Template("""\
    for (uint32_t n = 0; n < $window; n++) {
        for (int i = 0; i < $n_classes; i++) {
            recent[n][i] = 0;
        }
    }
    oldest = 0;
""")

_ON_FIRST_SPIKES = Template("""\
static void keep_score(void)
{
    for (int k = 0; k < nmtool_n_spikes_$name; k++) {
        int64_t *mine = &score[nmtool_spikes_$name[k]];
        *mine = *mine == $no_score ? -(int64_t)step : *mine;
    }
}""")

_NO_SCORE = dict.fromkeys((MEAN, WEIGHTED, WINDOW), "0") | {
    MAX: "INT64_MIN",
    FIRST_SPIKE: "INT64_MIN",
}

_DESCRIPTIONS = {
    MEAN: "the largest mean of the membranes of '{population}'",
    WEIGHTED: "the largest mean of the membranes of '{population}', of which early steps count "
    "more",
    MAX: "the largest membrane of '{population}'",
    WINDOW: "the largest mean of the membranes of '{population}' over the last {window} steps, or\n"
    "over all since nmtool_reset where there were fewer",
    FIRST_SPIKE: "the first spike of '{population}'",
}


def described_answer(readout: Readout) -> str:
    """The score that decides the class, in words."""
    return _DESCRIPTIONS[readout.rule].format(**asdict(readout))


_IN_INTEGERS = {
    MEAN: "times T",
    WEIGHTED: f"times {IMPORTANCE_ONE} * T, with exp(-n/T) rounded to that",
    MAX: "but INT64_MIN before the first step",
    WINDOW: "times min({window}, T)",
    FIRST_SPIKE: "but INT64_MIN as long as c is silent",
}
"""How scores in C differ from nmtool's, by readout rule."""


def scores_in_words(network: IntegerNetwork) -> str:
    """The formula of the scores in C."""
    readout = network.readout
    differs = _IN_INTEGERS[readout.rule].format(window=readout.window)
    return f"{readout.formula},\n   {differs}"


def no_score(network: IntegerNetwork) -> str:
    """The score of a class before the first step."""
    return _NO_SCORE[network.readout.rule]


def keep_score(network: IntegerNetwork) -> str:
    """The function `keep_score`, which is called after every step, with its variables."""
    readout = network.readout
    name = readout.population
    if readout.rule == FIRST_SPIKE:
        return _ON_FIRST_SPIKES.substitute(name=name, no_score=no_score(network))
    keep = _KEEP[readout.rule].substitute(name=name)
    size = network.population(name).size
    before = after = ""
    if readout.rule == WEIGHTED:
        before = _importance(network.n_steps)
    elif readout.rule == WINDOW:
        before = _RECENT.substitute(window=readout.window, n_classes=size)
        after = _NEXT.substitute(window=readout.window)
    return before + _ON_MEMBRANES.substitute(n_classes=size, keep=keep, after=after)


def forget(network: IntegerNetwork) -> str:
    """The statements of `nmtool_reset` that reset the variables of `keep_score`."""
    if network.readout.rule != WINDOW:
        return ""
    size = network.population(network.readout.population).size
    return _FORGET.substitute(window=network.readout.window, n_classes=size)


def answer_memory(network: IntegerNetwork) -> tuple[int, int]:
    """Bytes of constants and of variables of the readout."""
    readout = network.readout
    size = network.population(readout.population).size
    table = 2 * network.n_steps if readout.rule == WEIGHTED else 0
    recent = 0 if readout.window is None else 4 * readout.window * size + 4
    return table, 8 * size + 4 + recent


def importance(n_steps: int) -> NDArray[np.int64]:
    """[steps] int64: weight of each step in units of 1/2^15."""
    share = time_weights(Readout("", WEIGHTED), n_steps) * n_steps
    return round_half_away(share * IMPORTANCE_ONE).astype(np.int64)


def _importance(n_steps: int) -> str:
    table = array("uint16_t", "importance_of_step", importance(n_steps))
    return _IMPORTANCE.substitute(n_steps=n_steps, one=IMPORTANCE_ONE, table=table)

"""The readout block of the core: its parameters, and the memory of the rule `weighted`.

For `weighted`, exp(−n/T) is rounded to 15 bits, as in C. Classes whose scores differ by less than
this rounding may be ranked differently than in nmtool.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nmtool.exporters.c.readout import importance
from nmtool.exporters.verilog.layout import Memory, bits_for, field
from nmtool.network.integer_network import IntegerNetwork
from nmtool.network.readout import FIRST_SPIKE, MAX, MEAN, WEIGHTED, WINDOW

_STATE_BITS, _IMPORTANCE_BITS = 24, 16

RULES = {MEAN: 0, WEIGHTED: 1, MAX: 2, WINDOW: 3, FIRST_SPIKE: 4}
"""Numbers of readout rules in `rtl/nmtool_answer.v`."""


@dataclass(frozen=True)
class AnswerBlock:
    """Parameters of the Verilog module `nmtool_answer` for a network.

    Attributes:
        parameters: parameters by name, without `MEM`.
        importance: for the rule `weighted`, memory with the weight of every step in units of
            1/2^15; else None.
    """

    parameters: dict[str, int]
    importance: Memory | None


def answer_block(network: IntegerNetwork) -> AnswerBlock:
    """The block that computes the readout of a network."""
    readout = network.readout
    index = [p.name for p in network.populations].index(readout.population)
    added_bits = {
        MEAN: network.n_steps.bit_length(),
        WEIGHTED: network.n_steps.bit_length() + _IMPORTANCE_BITS,
        MAX: 1,
        WINDOW: (readout.window or 1).bit_length(),
        FIRST_SPIKE: 1,
    }
    parameters = {
        "RULE": RULES[readout.rule],
        "POPULATION": index,
        "CLASS_BITS": bits_for(network.population(readout.population).size - 1),
        "SCORE_BITS": _STATE_BITS + added_bits[readout.rule],
    }
    steps = max(network.n_steps, 2)
    if readout.rule == WEIGHTED:
        parameters |= {"STEPS": steps, "STEP_BITS": bits_for(steps - 1)}
        weights = np.zeros(steps, np.int64)
        weights[: network.n_steps] = importance(network.n_steps)
        return AnswerBlock(parameters, Memory(field(weights, _IMPORTANCE_BITS)))
    if readout.window is not None:
        window = max(readout.window, 2)
        parameters |= {"WINDOW": readout.window, "WINDOW_BITS": bits_for(window - 1)}
    return AnswerBlock(parameters, None)

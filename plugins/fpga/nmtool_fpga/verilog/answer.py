"""The readout block of the core: its parameters, and its memory of weights per step.

Weights of steps, such as exp(−n/T) of the rule `weighted`, are rounded to 15 bits, as in C.
Classes whose scores differ by less than this rounding may be ranked differently than in nmtool.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nmtool.exporters.c.readout import importance
from nmtool.network.integer_network import IntegerNetwork
from nmtool.network.readout import FIRST_SPIKE, MAX, MEAN, WEIGHTED, WINDOW
from nmtool_fpga.verilog.layout import Memory, bits_for, field

_STATE_BITS, _IMPORTANCE_BITS = 24, 16

RULES = {MEAN: 0, WEIGHTED: 1, MAX: 2, WINDOW: 3, FIRST_SPIKE: 4}
"""Numbers of readout rules in `rtl/nmtool_answer.v`."""


@dataclass(frozen=True)
class AnswerBlock:
    """Parameters of the Verilog module `nmtool_answer` for a network.

    Attributes:
        parameters: parameters by name, without `MEM`.
        importance: for a rule that weights steps, memory with the weight of every step in units of
            1/2^15; else None.
    """

    parameters: dict[str, int]
    importance: Memory | None


def answer_block(network: IntegerNetwork) -> AnswerBlock:
    """The block that computes the readout of a network.

    A mean with any weights per step is the block's `weighted`, with these weights in its memory.
    """
    readout, n_steps = network.readout, network.n_steps
    index = [p.name for p in network.populations].index(readout.population)
    more: dict[str, int] = {}
    memory = None
    if readout.weights_steps:
        rule, added_bits = WEIGHTED, n_steps.bit_length() + _IMPORTANCE_BITS
        steps = max(n_steps, 2)
        more = {"STEPS": steps, "STEP_BITS": bits_for(steps - 1)}
        weights = np.zeros(steps, np.int64)
        weights[:n_steps] = importance(readout, n_steps)
        memory = Memory(field(weights, _IMPORTANCE_BITS))
    elif readout.window is not None:
        rule, added_bits = WINDOW, readout.window.bit_length()
        more = {"WINDOW": readout.window, "WINDOW_BITS": bits_for(max(readout.window, 2) - 1)}
    else:
        rule = readout.rule
        added_bits = {MEAN: n_steps.bit_length(), MAX: 1, FIRST_SPIKE: 1}[rule]
    parameters = {
        "RULE": RULES[rule],
        "POPULATION": index,
        "CLASS_BITS": bits_for(network.population(readout.population).size - 1),
        "SCORE_BITS": _STATE_BITS + added_bits,
    }
    return AnswerBlock(parameters | more, memory)

"""A time step in ONNX: `neuron_step` and `hardware_sim/resets.py`, operator by operator.

u and v are int32, so that they wrap as in the chip's models. Products with decay factors need
int64. ONNX rounds quotients of integers towards zero, as decays require.
"""

from __future__ import annotations

import numpy as np

from nmtool.arithmetic import (
    DECAY_ONE,
    STATE_LIMIT,
    STATE_ONE,
    STATE_SHIFT,
)
from nmtool.exporters.onnx.nodes import Nodes
from nmtool.network.graph import LATE, LIF, TO_ZERO
from nmtool.network.integer_network import IntegerPopulation


def add_current(nodes: Nodes, population: IntegerPopulation, arriving: str, before: str) -> str:
    """Add the nodes that compute u from `arriving` (a, int32) and `before` (u of the last step)."""
    name = population.name
    decayed_u = _decayed(nodes, before, population.keep_u, f"{name}.u_kept")
    wide = nodes.cast(arriving, np.int64, f"{name}.a64")
    shifted = nodes.add("Mul", [wide, nodes.number(STATE_ONE, np.int64)], f"{name}.a_shifted")
    total = nodes.add("Add", [decayed_u, shifted], f"{name}.u_sum")
    low = nodes.cast(total, np.int32, f"{name}.u_low", "the low 32 bits")
    return _wrapped(nodes, low, name)


def _wrapped(nodes: Nodes, u: str, name: str) -> str:
    """Wrap u once: u > M becomes u − 2M, and u ≤ −M becomes u + 2M; M = 2^23."""
    bounds = [nodes.number(1 - STATE_LIMIT, np.int32), nodes.number(STATE_LIMIT, np.int32)]
    inside = nodes.add("Clip", [u, *bounds], f"{name}.u_inside")
    beyond = nodes.add("Sub", [u, inside], f"{name}.u_beyond", "0 where u fits in 24 bits")
    side = nodes.add("Sign", [beyond], f"{name}.u_side")
    turn = nodes.add("Mul", [side, nodes.number(2 * STATE_LIMIT, np.int32)], f"{name}.u_turn")
    return nodes.add("Sub", [u, turn], f"{name}.u", "synaptic current, wrapped around once")


def add_membrane(nodes: Nodes, population: IntegerPopulation, current: str, before: str) -> str:
    """Add the nodes that compute v before a reset, from u of this step and v of the last step."""
    name = population.name
    decayed_v = _decayed(nodes, before, population.keep_v, f"{name}.v_kept")
    bias = nodes.constant(f"{name}.bias", population.bias, np.int64, "added to v each step")
    driven = nodes.add(
        "Add", [decayed_v, nodes.cast(current, np.int64, f"{name}.u64")], f"{name}.v_u"
    )
    total = nodes.add("Add", [driven, bias], f"{name}.v_sum")
    if population.reset == LATE:
        owed = _owed(nodes, population, before)
        total = nodes.add("Add", [total, owed], f"{name}.v_less")
    low = nodes.cast(total, np.int32, f"{name}.v_low", "the low 32 bits")
    bounds = [nodes.number(side * (STATE_LIMIT - 1), np.int32) for side in (-1, 1)]
    changes = population.kind == LIF and population.reset != LATE
    stem = f"{name}.v_peak" if changes else f"{name}.v"
    return nodes.add("Clip", [low, *bounds], stem, "membrane, saturated at 24 bits")


def add_spikes(nodes: Nodes, population: IntegerPopulation, membrane: str) -> tuple[str, str]:
    """Add the nodes that compare v with the threshold, and reset the neurons that spike.

    A late reset belongs to `add_membrane` of the next step.

    Args:
        nodes: nodes of the graph.
        population: the population.
        membrane: name of v before a reset.

    Returns:
        Names of the spikes (bool, or uint8 numbers of spikes), and of v after a reset.
    """
    name = population.name
    if population.most_spikes > 1:
        return _counted_spikes(nodes, population, membrane)
    spiked = nodes.add("Greater", [membrane, _threshold(nodes, population)], f"{name}.spikes")
    if population.reset == LATE:
        return spiked, membrane
    if population.reset == TO_ZERO:
        reset, text = nodes.number(0, np.int32), "0 after a spike"
    else:
        drop = _drop(nodes, population)
        reset, text = nodes.add("Sub", [membrane, drop], f"{name}.v_less"), "less after a spike"
    return spiked, nodes.add("Where", [spiked, reset, membrane], f"{name}.v", text)


def _counted_spikes(nodes: Nodes, population: IntegerPopulation, membrane: str) -> tuple[str, str]:
    """Add the nodes for neurons that spike as often as v is above the threshold, up to a limit."""
    name, drop = population.name, _drop(nodes, population)
    # As many drops as fit between v and this level, rounded down, leave v at the threshold or less.
    level = (population.vth << STATE_SHIFT) + 1 - population.drop
    above = nodes.add(
        "Sub", [membrane, nodes.constant(f"{name}.level", level, np.int32)], f"{name}.v_above"
    )
    positive = nodes.add("Clip", [above, nodes.number(0, np.int32)], f"{name}.v_over")
    fitting = nodes.add("Div", [positive, drop], f"{name}.n_fitting")
    most = nodes.number(population.most_spikes, np.int32)
    number = nodes.add("Clip", [fitting, "", most], f"{name}.n_spikes", "at most so many per step")
    taken = nodes.add("Mul", [number, drop], f"{name}.v_taken")
    reset = nodes.add("Sub", [membrane, taken], f"{name}.v", "less after every spike")
    return nodes.cast(number, np.uint8, f"{name}.spikes"), reset


def _drop(nodes: Nodes, population: IntegerPopulation) -> str:
    """int32: what a spike subtracts from v at once."""
    text = "a spike takes it from v"
    return nodes.constant(f"{population.name}.drop", population.drop, np.int32, text)


def _owed(nodes: Nodes, population: IntegerPopulation, before: str) -> str:
    """int64: what a late reset adds to v in this step; `before` is v of the last step.

    Above the threshold, v was not reset yet, so that the neuron spiked in the last step.
    """
    name = population.name
    above = nodes.add("Greater", [before, _threshold(nodes, population)], f"{name}.spiked_before")
    drop = nodes.constant(f"{name}.drop", population.drop, np.int64, "added a step after a spike")
    return nodes.add("Where", [above, drop, nodes.number(0, np.int64)], f"{name}.owed")


def _threshold(nodes: Nodes, population: IntegerPopulation) -> str:
    return nodes.constant(
        f"{population.name}.threshold",
        population.vth << STATE_SHIFT,
        np.int32,
        "a spike when v is above",
    )


def _decayed(nodes: Nodes, state: str, keep: int, stem: str) -> str:
    """int64: state·keep/4096, rounded towards zero."""
    wide = nodes.cast(state, np.int64, f"{stem}_64")
    factor = nodes.constant(f"{stem}_of_{DECAY_ONE}", keep, np.int64, f"of {DECAY_ONE}, each step")
    product = nodes.add("Mul", [wide, factor], f"{stem}_product")
    return nodes.add("Div", [product, nodes.number(DECAY_ONE, np.int64)], stem, "towards zero")

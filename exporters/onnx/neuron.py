"""A time step in ONNX: `nmtool.hardware_sim.step.neuron_step`, operator by operator.

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
from nmtool.network.graph import LIF
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
    low = nodes.cast(total, np.int32, f"{name}.v_low", "the low 32 bits")
    bounds = [nodes.number(side * (STATE_LIMIT - 1), np.int32) for side in (-1, 1)]
    stem = f"{name}.v_peak" if population.kind == LIF else f"{name}.v"
    return nodes.add("Clip", [low, *bounds], stem, "membrane, saturated at 24 bits")


def add_spikes(nodes: Nodes, population: IntegerPopulation, membrane: str) -> tuple[str, str]:
    """Add the nodes that compare v with the threshold, and reset the neurons that spike.

    Args:
        nodes: nodes of the graph.
        population: the population.
        membrane: name of v before a reset.

    Returns:
        Names of the spikes (bool), and of v after a reset.
    """
    name = population.name
    threshold = nodes.constant(
        f"{name}.threshold", population.vth << STATE_SHIFT, np.int32, "a spike when v is above"
    )
    spiked = nodes.add("Greater", [membrane, threshold], f"{name}.spikes")
    zero = nodes.number(0, np.int32)
    after = nodes.add("Where", [spiked, zero, membrane], f"{name}.v", "0 after a spike")
    return spiked, after


def _decayed(nodes: Nodes, state: str, keep: int, stem: str) -> str:
    """int64: state·keep/4096, rounded towards zero."""
    wide = nodes.cast(state, np.int64, f"{stem}_64")
    factor = nodes.constant(f"{stem}_of_{DECAY_ONE}", keep, np.int64, f"of {DECAY_ONE}, each step")
    product = nodes.add("Mul", [wide, factor], f"{stem}_product")
    return nodes.add("Div", [product, nodes.number(DECAY_ONE, np.int64)], stem, "towards zero")

"""Footprint and connection sparsity of a network, as NeuroBench defines them.

The footprint is the size in bytes of a model's parameters and buffers; connection sparsity is the
share of weights that are 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nmtool.dynamics import HOP_LATENCY
from nmtool.network.any_network import AnyNetwork
from nmtool.network.integer_network import IntegerNetwork
from nmtool.tables import Plain
from nmtool.targets.resources import longest_delay

_ARRIVAL_BITS = 16

_FLOAT32 = 4
_NEURON_CONSTANTS = 4
"""Constants per neuron in a torch copy: decay factors of u and v, threshold and bias."""


@dataclass(frozen=True)
class Footprint(Plain):
    """Memory of a network in bytes.

    Attributes:
        parameters: bytes that are constant while the network runs.
        state: bytes that change while the network runs.
    """

    parameters: int
    state: int

    @property
    def total(self) -> int:
        """Sum of parameters and state, in bytes."""
        return self.parameters + self.state

    def as_json(self) -> dict[str, Any]:
        """The bytes by kind, and their sum, for scripts."""
        return {**super().as_json(), "total": self.total}


def integer_footprint(network: IntegerNetwork) -> Footprint:
    """Footprint of a network in a chip's integers, packed without gaps, with weights of 0.

    A synapse takes the bits of its projection's weights and of its projection's longest delay. A
    neuron takes 13 bits of bias, 24 bits each for u and v, and 16 bits for the sum of arrivals in
    each future step, up to the longest delay to its population. A population takes 44 bits of
    constants, a projection 4 bits of exponent. These numbers of bits are those of `loihi2`; all but
    the 16 bits of a sum depend on the arithmetic. Delays of synapses with weight 0 do not count.
    """
    runs_in = network.runs_in
    # The constants of a population are du, dv, vth and the exponent of its biases.
    constant_bits = 2 * (runs_in.decay_one - 1).bit_length() + runs_in.max_threshold.bit_length()
    constant_bits += runs_in.max_bias_exponent.bit_length()
    state_bits = 2 * (runs_in.neuron.state_bits or 0)
    exponents = runs_in.weight_exponents(runs_in.weight_bits[0])
    exponent_bits, bias_bits = (len(exponents) - 1).bit_length(), runs_in.bias_limit.bit_length()
    parameters = sum(
        p.weight.size * (p.weight_bits + longest_delay(p).bit_length()) + exponent_bits
        for p in network.projections
    )
    parameters += sum(p.size * bias_bits + constant_bits for p in network.populations)
    reach = {p.name: 0 for p in network.populations}
    for projection in network.projections:
        reach[projection.target] = max(reach[projection.target], longest_delay(projection))
    state = sum(
        p.size * (state_bits + _ARRIVAL_BITS * (reach[p.name] + HOP_LATENCY))
        for p in network.populations
    )
    return Footprint(-(-parameters // 8), -(-state // 8))


def torch_footprint(network: AnyNetwork) -> Footprint:
    """Footprint of a copy of the network in torch, in float32, as NeuroBench counts it.

    Per projection, the copy has a matrix of weights and a matrix of delays. Per neuron, it has
    decay factors of u and v, threshold, bias, u, v, and the sums that arrive in future steps.
    """
    parameters = sum(2 * p.weight.size for p in network.projections)
    parameters += sum(_NEURON_CONSTANTS * p.size for p in network.populations)
    state = 0
    for population in network.populations:
        incoming = [p for p in network.projections if p.target == population.name]
        longest = max((int(p.delay.max(initial=0)) for p in incoming), default=0)
        state += population.size * (2 + longest + HOP_LATENCY)
    return Footprint(_FLOAT32 * parameters, _FLOAT32 * state)


def connection_sparsity(network: AnyNetwork) -> float | None:
    """Share of the network's weights that are 0; None without synapses."""
    size = sum(p.weight.size for p in network.projections)
    nonzero = sum(int(np.count_nonzero(p.weight)) for p in network.projections)
    return (size - nonzero) / size if size else None

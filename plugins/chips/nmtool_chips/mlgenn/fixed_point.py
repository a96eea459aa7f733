"""Round checkpoints to the integers of PyFeNN's examples, as networks in `fenn16`.

`pyfenn.utils.quantise` clips the weights of a connection at the larger of the 99th percentiles of
positive and of negative weights, and rounds them to multiples of 2^-bits. nmtool's integers
are the same. The neurons of `fenn16` differ from the examples' neurons in two ways: the threshold
is divided by the scale of currents, instead of multiplying currents by it; and products are rounded
to nearest, not stochastically.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.dynamics import decay, drive_scale
from nmtool.network.float_network import Network
from nmtool.network.float_parts import Population, Projection
from nmtool.network.graph import LIF
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool_chips.fenn.fenn16 import FENN16
from nmtool_chips.mlgenn.checkpoint import Connection
from nmtool_chips.mlgenn.options import MlgennOptions

_log = logging.getLogger("nmtool.chips.mlgenn")

_PERCENTILE = 99.0
_LARGEST = FENN16.weight_limit - 1


def in_fixed_point(
    network: Network, connections: Sequence[Connection], options: MlgennOptions
) -> IntegerNetwork:
    """The integer network of a checkpoint.

    Args:
        network: the float network of the checkpoint.
        connections: connections of the checkpoint, in the order of the projections.
        options: reading options with `fixed_point`.

    Raises:
        NetworkError: a threshold exceeds 16 bits.
    """
    clipped = [_clipped(connection.weight) for connection in connections]
    pairs = [*zip(network.projections, clipped, strict=True)]
    bits = {
        name: _fraction_bits(
            name, [w for p, w in pairs if p.target == name], int(options.fixed_point or 0)
        )
        for name in [population.name for population in network.populations]
    }
    return IntegerNetwork(
        network.channels,
        [_population(p, bits[p.name], network.dt_ms, options) for p in network.populations],
        [_projection(p, weight, bits[p.target]) for p, weight in pairs],
        network.readout,
        network.dt_ms,
        network.n_steps,
        network.class_names,
        network.content_hash,
        FENN16.name,
    )


def _projection(
    projection: Projection, weight: NDArray[np.float64], bits: int
) -> IntegerProjection:
    rounded = np.round(weight * 2.0**bits)  # PyFeNN also rounds halves to even numbers.
    delay: Any = projection.delay
    return IntegerProjection(
        projection.source,
        projection.target,
        rounded.astype(np.int16).reshape(projection.weight.shape),
        delay,
        weight_bits=FENN16.weight_bits[-1],
        arithmetic=FENN16.name,
    )


def _clipped(weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Clip the few weights with the largest magnitudes to −limit … limit.

    The limit is the larger of two 99th percentiles: of the positive weights, and of the magnitudes
    of all other weights.
    """
    limit = max(
        (
            float(np.percentile(values, _PERCENTILE))
            for values in _magnitudes(weight)
            if values.size
        ),
        default=0.0,
    )
    return np.clip(weight, -limit, limit)


def _magnitudes(weight: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    yield weight[weight > 0]
    yield -weight[weight <= 0]


def _fraction_bits(name: str, weights: Sequence[NDArray[np.float64]], wanted: int) -> int:
    """Number of fraction bits of the weights into a population.

    This is `wanted`, or a smaller number if the weights would not fit into 9 bits.
    """
    bits = wanted
    while any(np.abs(np.round(weight * 2.0**bits)).max(initial=0) > _LARGEST for weight in weights):
        bits -= 1
    if bits < wanted:
        _log.warning(
            f"weights to '{name}' get {bits} bits after the point instead of {wanted}, since "
            f"weights with delays must lie in −{_LARGEST} … {_LARGEST}"
        )
    return bits


def _population(
    population: Population, bits: int, dt_ms: float, options: MlgennOptions
) -> IntegerPopulation:
    tau_mem_ms = population.values("tau_mem_ms")[0]
    tau_syn_ms = population.values("tau_syn_ms")[0]
    gain = float(drive_scale(tau_mem_ms, tau_syn_ms, dt_ms)) if options.scaled else 1.0
    scale = 2.0**bits / gain
    is_lif = population.kind == LIF
    threshold = options.value("threshold", population.name) if is_lif else 0.0
    return IntegerPopulation(
        population.name,
        population.size,
        population.kind,
        du=_decay(tau_syn_ms, dt_ms),
        dv=_decay(tau_mem_ms, dt_ms),
        vth=round(threshold * scale) if is_lif else FENN16.silent_threshold,
        scale=scale,
        arithmetic=FENN16.name,
    )


def _decay(tau_ms: float, dt_ms: float) -> int:
    """du or dv of a time constant; the decay factor is rounded to nearest, as in PyFeNN."""
    largest = FENN16.keep_u(0)
    return largest - min(round(FENN16.decay_one * float(decay(tau_ms, dt_ms))), largest)

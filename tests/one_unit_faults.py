"""Networks that differ from a network in one stored number, by one step of its grid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from nmtool.graph import LIF
from nmtool.integer_network import (
    MIXED,
    IntegerNetwork,
    IntegerPopulation,
    IntegerProjection,
    sign_mode,
)
from nmtool.targets import (
    BIAS_MANTISSA_LIMIT,
    MAX_DELAY,
    MAX_DU,
    MAX_DV,
    MAX_THRESHOLD,
    MAX_WEIGHT,
    weight_step,
)

KINDS = ("weight", "delay", "du", "dv", "vth", "bias")
_LIMITS = {"du": MAX_DU, "dv": MAX_DV, "vth": MAX_THRESHOLD}


@dataclass(frozen=True)
class Fault:
    """A wrong network.

    Attributes:
        kind: of `KINDS`.
        where: the projection or population, and which of its numbers, in the order of its array.
        by: what was added: one step of the grid, up or down.
        network: with the fault.
    """

    kind: str
    where: str
    by: int
    network: IntegerNetwork


def one_unit_faults(
    network: IntegerNetwork, count: int, seed: int, *, by_number: bool = False
) -> list[Fault]:
    """Draw faults; delays of synapses whose weight is 0 do nothing and are not among them.

    Args:
        network: the right one.
        count: how many.
        seed: of the draw.
        by_number: every stored number is as likely as any other, so that nearly all are weights
            and delays; by default every kind is as likely as any other.
    """
    return [fault for fault, _ in zip(_drawn(network, seed, by_number), range(count), strict=False)]


def _drawn(network: IntegerNetwork, seed: int, by_number: bool) -> Iterator[Fault]:
    random = np.random.default_rng(seed)
    synapses = sum(p.weight.size for p in network.projections)
    neurons = sum(p.size for p in network.populations)
    counts = [synapses, synapses, *[len(network.populations)] * 3, neurons]
    share = np.array(counts if by_number else np.minimum(counts, 1), float)
    while True:
        kind = str(random.choice(KINDS, p=share / share.sum()))
        by = int(random.choice([-1, 1]))
        if kind in ("weight", "delay"):
            fault = _in_projection(network, kind, int(random.integers(synapses)), by)
        else:
            fault = _in_population(network, kind, int(random.integers(neurons)), by)
        if fault is not None:
            yield fault


def _in_projection(network: IntegerNetwork, kind: str, number: int, by: int) -> Fault | None:
    projections = list(network.projections)
    index = 0
    while number >= projections[index].weight.size:
        number -= projections[index].weight.size
        index += 1
    right = projections[index]
    wrong = _weight(right, number, by) if kind == "weight" else _delay(right, number, by)
    if wrong is None:
        return None
    projections[index] = wrong
    where = f"{right.source} → {right.target} [{number}]"
    return Fault(kind, where, by, replace(network, projections=projections))


def _weight(right: IntegerProjection, number: int, by: int) -> IntegerProjection | None:
    weight = right.weight.astype(int)
    weight.flat[number] += by * weight_step(right.weight_bits, right.sign_mode == MIXED)
    # Another sign mode has another grid: what was one step is none there.
    if abs(weight.flat[number]) >= MAX_WEIGHT or sign_mode(weight) != right.sign_mode:
        return None
    return replace(right, weight=weight)


def _delay(right: IntegerProjection, number: int, by: int) -> IntegerProjection | None:
    delay = right.delay.astype(int)
    delay.flat[number] += by
    if not 0 <= delay.flat[number] <= MAX_DELAY or right.weight.flat[number] == 0:
        return None
    return replace(right, delay=delay)


def _in_population(network: IntegerNetwork, kind: str, number: int, by: int) -> Fault | None:
    populations = list(network.populations)
    index = 0
    while number >= populations[index].size:
        number -= populations[index].size
        index += 1
    right = populations[index]
    wrong = _bias(right, number, by) if kind == "bias" else _constant(right, kind, by)
    if wrong is None:
        return None
    populations[index] = wrong
    where = f"{right.name} [{number}]" if kind == "bias" else right.name
    return Fault(kind, where, by, replace(network, populations=populations))


def _bias(right: IntegerPopulation, number: int, by: int) -> IntegerPopulation | None:
    bias = np.array(right.bias_mantissa, int)
    bias[number] += by
    if not -BIAS_MANTISSA_LIMIT <= bias[number] < BIAS_MANTISSA_LIMIT:
        return None
    return replace(right, bias_mantissa=bias)


def _constant(right: IntegerPopulation, kind: str, by: int) -> IntegerPopulation | None:
    value = getattr(right, kind) + by
    if not 0 <= value <= _LIMITS[kind] or (kind == "vth" and right.kind != LIF):
        return None
    return replace(right, **{kind: value})

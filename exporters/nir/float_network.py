"""What NIR can hold of a network: real numbers, per step, of float and integer networks alike.

    u[n] = (1 − lose_u)·u[n−1] + Σ jumps that arrive at n
    v[n] = (1 − lose_v)·v[n−1] + u[n] + drive
    spike iff v[n] > threshold, then v[n] ← 0;   a spike of step n arrives at n + 1 + delay

Integers keep their own units here: a jump is an integer weight, which float32 adds up exactly.
Thresholds lie a third of a unit in the last place of the chip's v higher. No integer lies between,
so that nothing changes where integers add up; decays and weights are binary fractions, of which no
sum is a third, so that no tie depends on how a simulator rounds. That decays truncate on the chip
is what gets lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmtool import dynamics, targets
from nmtool.graph import LIF
from nmtool.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.network import Network, Population, Projection
from nmtool.readout import Readout

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RealPopulation:
    """Constants of a population, all arrays [size] float64.

    Attributes:
        name, size, kind: as in the network.
        lose_u, lose_v: what a step takes of u and v, 0 … 1.
        drive: added to v every step.
        threshold: in the units of v.
    """

    name: str
    size: int
    kind: str
    lose_u: Array
    lose_v: Array
    drive: Array
    threshold: Array


@dataclass(frozen=True, eq=False)
class RealProjection:
    """Synapses.

    Attributes:
        source, target: as in the network.
        jump: [pre, post] float64, what a spike adds to u.
        delay: [pre, post] int64, in steps, without the step of the hop.
    """

    source: str
    target: str
    jump: Array
    delay: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class RealNetwork:
    """Everything a NIR graph is made from."""

    channels: int
    populations: Sequence[RealPopulation]
    projections: Sequence[RealProjection]
    readout: Readout


def real_network(network: Network | IntegerNetwork) -> RealNetwork:
    """The real numbers of a network."""
    if isinstance(network, IntegerNetwork):
        populations = [_of_integers(p) for p in network.populations]
        projections = [_joined(p, p.shifted_weight.astype(np.float64)) for p in network.projections]
    else:
        populations = [_of_floats(p, network.dt_ms) for p in network.populations]
        projections = [_joined(p, p.weight * _unit(network, p.target)) for p in network.projections]
    return RealNetwork(network.channels.size, populations, projections, network.readout)


def _joined(held: Projection | IntegerProjection, jump: Array) -> RealProjection:
    return RealProjection(held.source, held.target, jump, held.delay.astype(np.int64))


def _unit(network: Network, target: str) -> Array:
    """[post]: what a weight of one adds to u."""
    population = network.population(target)
    return dynamics.drive_scale(
        population.values("tau_mem_ms"), population.values("tau_syn_ms"), network.dt_ms
    )


def _of_floats(population: Population, dt_ms: float) -> RealPopulation:
    tau_mem, tau_syn = population.values("tau_mem_ms"), population.values("tau_syn_ms")
    return RealPopulation(
        population.name,
        population.size,
        population.kind,
        lose_u=dynamics.loss(tau_syn, dt_ms),
        lose_v=dynamics.loss(tau_mem, dt_ms),
        drive=dynamics.membrane_gain(tau_mem, dt_ms) * population.values("bias"),
        threshold=population.values("threshold"),
    )


def _of_integers(held: IntegerPopulation) -> RealPopulation:
    def everywhere(value: float) -> Array:
        return np.full(held.size, value, np.float64)

    unit = 1 << targets.STATE_SHIFT
    return RealPopulation(
        held.name,
        held.size,
        held.kind,
        lose_u=everywhere((held.du + 1) / targets.DECAY_ONE),
        lose_v=everywhere(held.dv / targets.DECAY_ONE),
        drive=held.bias / unit,
        threshold=everywhere(held.vth + 1 / (3 * unit) if held.kind == LIF else 1.0),
    )

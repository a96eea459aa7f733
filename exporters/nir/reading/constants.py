"""Import a graph's constants (biases of `Affine` nodes, v_leak) so that they start in time.

A network adds biases to v from step 0 on. A constant of the graph equals a bias only if its
population runs no later than in the graph, and no synaptic filter or `Delay` acts on the constant.
All other constants become synapses from `clock`, a population of one neuron that spikes in every
step. They have the delays of the graph, and therefore start at the same step.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

import numpy as np

from nmtool.exporters.nir.reading import synapses as wires
from nmtool.exporters.nir.reading.assembly import Parts
from nmtool.exporters.nir.reading.neurons import GraphPopulation, legal_names
from nmtool.exporters.nir.reading.synapses import CONSTANT, Signal, SynapseList
from nmtool.float_simulator import StepPopulation
from nmtool.network.graph import LIF

CLOCK = "clock"
BIAS, LEAK = "bias", "leak"
"""Kinds of constants: biases, which arrive over wires, and leak potentials of membranes."""


def with_constants(parts: Parts) -> Parts:
    """Convert every constant to a bias, or to synapses from the clock.

    Args:
        parts: parts with signals in units of u; their constants are synapses of the origin
            `CONSTANT`, or the `drive` of a population.

    Raises:
        FileFormatError: a loop takes fewer steps than it has populations.
    """
    clocked: set[tuple[str, str]] = set()
    while True:
        converted = _with_clock(parts, clocked)
        lags = converted.lags()
        pairs = {
            (name, constant)
            for name in parts.populations
            for constant in _clocked_constants(parts, name, lags[name])
        }
        if pairs <= clocked:
            return converted
        clocked |= pairs


def _clocked_constants(parts: Parts, name: str, later: int) -> Iterator[str]:
    """Yield the kinds of constants of a population that must become synapses from the clock.

    Args:
        parts: parts of the network.
        name: name of the population.
        later: number of steps by which the population spikes later than in the graph.
    """
    neurons, synapses = parts.populations[name].population, _constant_synapses(parts.arriving[name])
    if later and neurons.drive.any():
        yield LEAK
    if synapses.line.size and (
        later or synapses.delay.any() or (neurons.lose_u[synapses.line] != 1).any()
    ):
        yield BIAS


def _constant_synapses(arriving: Signal) -> SynapseList:
    """Synapses from `CONSTANT` with a weight other than 0."""
    synapses = arriving.origins.get(CONSTANT, SynapseList.none())
    return synapses.take(synapses.weight != 0)


def _with_clock(parts: Parts, clocked: Collection[tuple[str, str]]) -> Parts:
    """Convert the constants in `clocked` to synapses from the clock, and all others to biases."""
    clock = legal_names([*parts.populations, CLOCK])[CLOCK]
    populations, arriving = dict(parts.populations), dict(parts.arriving)
    for name, population in parts.populations.items():
        neurons, constants = population.population, _constant_synapses(arriving[name])
        drive = neurons.drive
        if (name, BIAS) not in clocked:
            drive, constants = (
                drive + np.bincount(constants.line, constants.weight, neurons.size),
                SynapseList.none(),
            )
        if (name, LEAK) in clocked:
            drive, constants = (
                drive - neurons.drive,
                wires.summed([constants, *_clock_synapses(neurons)]),
            )
        populations[name] = replace(population, population=replace(neurons, drive=drive))
        others = {
            key: synapses for key, synapses in arriving[name].origins.items() if key != CONSTANT
        }
        origins = others | ({clock: constants} if constants.line.size else {})
        arriving[name] = replace(arriving[name], origins=origins)
    if clocked:
        # The clock is a population of a single neuron that spikes in every step.
        ones = np.ones(1)
        clock_population = StepPopulation(clock, 1, LIF, ones, ones, drive=2 * ones, threshold=ones)
        populations[clock], arriving[clock] = GraphPopulation(clock_population, ones), Signal(1)
    return replace(parts, populations=populations, arriving=arriving)


def _clock_synapses(neurons: StepPopulation) -> list[SynapseList]:
    """Synapses from the clock that give v a constant drive from the first step on.

    u jumps by the whole drive in the first step, and later by the part that it loses in a step.
    """
    line = np.flatnonzero(neurons.drive)
    zeros, drive = np.zeros_like(line), neurons.drive[line]
    correction = (neurons.lose_u[line] - 1) * drive
    later_steps = SynapseList(zeros, line, zeros + 1, correction).take(correction != 0)
    return [SynapseList(zeros, line, zeros, drive), later_steps]

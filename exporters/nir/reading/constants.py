"""Constants of a graph (biases of `Affine` nodes, and v_leak), starting at the right step.

A bias of a network is added to v from step 0 on. A constant of the graph is equivalent only if its
population runs no later than in the graph, and it passes no synaptic filter or `Delay`. All other
constants are sent by a population of one neuron, `clock`, which spikes in every step: they start
when they would in the graph, through the same synapses and delays.
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
"""Kinds of constants: arriving over wires, and of membranes."""


def with_constants(parts: Parts) -> Parts:
    """The parts with every constant as a bias, or sent by the clock.

    Args:
        parts: parts with signals in units of u; constants have the origin `CONSTANT` or are in
            `drive`.

    Raises:
        FileFormatError: a loop takes fewer steps than it has populations.
    """
    clocked: set[tuple[str, str]] = set()
    while True:
        done = _with_clock(parts, clocked)
        later = done.behind_by()
        pairs = {
            (name, constant)
            for name in parts.populations
            for constant in _not_biases(parts, name, later[name])
        }
        if pairs <= clocked:
            return done
        clocked |= pairs


def _not_biases(parts: Parts, name: str, later: int) -> Iterator[str]:
    """Constants of a population that equal no bias if it runs `later` steps later."""
    neurons, sent = parts.populations[name].population, _constant_synapses(parts.arriving[name])
    if later and neurons.drive.any():
        yield LEAK
    if sent.line.size and (later or sent.delay.any() or (neurons.lose_u[sent.line] != 1).any()):
        yield BIAS


def _constant_synapses(arriving: Signal) -> SynapseList:
    """Synapses through which constants arrive over wires."""
    synapses = arriving.origins.get(CONSTANT, SynapseList.none())
    return synapses.take(synapses.weight != 0)


def _with_clock(parts: Parts, clocked: Collection[tuple[str, str]]) -> Parts:
    """The parts with some constants sent by the clock, and all others as biases."""
    clock = legal_names([*parts.populations, CLOCK])[CLOCK]
    populations, arriving = dict(parts.populations), dict(parts.arriving)
    for name, population in parts.populations.items():
        neurons, sent = population.population, _constant_synapses(arriving[name])
        drive = neurons.drive
        if (name, BIAS) not in clocked:
            drive, sent = (
                drive + np.bincount(sent.line, sent.weight, neurons.size),
                SynapseList.none(),
            )
        if (name, LEAK) in clocked:
            drive, sent = drive - neurons.drive, wires.summed([sent, *_as_jumps(neurons)])
        populations[name] = replace(population, population=replace(neurons, drive=drive))
        others = {
            key: synapses for key, synapses in arriving[name].origins.items() if key != CONSTANT
        }
        origins = others | ({clock: sent} if sent.line.size else {})
        arriving[name] = replace(arriving[name], origins=origins)
    if clocked:
        ones = np.ones(1)  # spikes in every step
        ticking = StepPopulation(clock, 1, LIF, ones, ones, drive=2 * ones, threshold=ones)
        populations[clock], arriving[clock] = GraphPopulation(ticking, ones), Signal(1)
    return replace(parts, populations=populations, arriving=arriving)


def _as_jumps(neurons: StepPopulation) -> list[SynapseList]:
    """Jumps of u that give a constant drive of v from the first step on.

    The whole drive in the first step; in later steps, only the part that the synapse has lost.
    """
    line = np.flatnonzero(neurons.drive)
    none, drive = np.zeros_like(line), neurons.drive[line]
    correction = (neurons.lose_u[line] - 1) * drive
    again = SynapseList(none, line, none + 1, correction).take(correction != 0)
    return [SynapseList(none, line, none, drive), again]

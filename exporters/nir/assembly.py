"""Assemble a network from the populations of a graph and their incoming synapses.

Edges of a graph take no step, while each hop of a network takes one. Populations therefore run
some steps later than in the graph, with the same spikes.

A network adds biases to v from step 0 on. A constant of the graph (a bias of an `Affine` node,
v_leak) equals a bias only if its population runs no later than in the graph, and no synaptic filter
or `Delay` acts on the constant. All other constants become synapses from `clock`, a population of
one neuron that spikes in every step. They have the delays of the graph, and therefore start at the
same step.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nmtool import dynamics
from nmtool.dynamics import HOP_LATENCY
from nmtool.errors import FileFormatError
from nmtool.exporters.nir.graph import largest_shifts
from nmtool.exporters.nir.neurons import legal_names
from nmtool.exporters.nir.synapses import (
    CONSTANT,
    Signal,
    Synapses,
    check_synapses,
    layers,
    summed,
)
from nmtool.float_simulator import StepPopulation
from nmtool.network.float_network import Network
from nmtool.network.float_parts import Population, Projection
from nmtool.network.graph import INPUT, LIF, InputChannels
from nmtool.network.readout import Readout

CLOCK = "clock"
BIAS, LEAK = "bias", "leak"
"""Kinds of constants: biases, which arrive over wires, and leak potentials of membranes."""


@dataclass(frozen=True, eq=False)
class Parts:
    """Parts of an imported network.

    Attributes:
        channels: number of input channels.
        populations: populations by name.
        arriving: per population, the signal that it receives from the input and from populations,
            in units of u.
        readout: output population and rule.
    """

    channels: int
    populations: Mapping[str, StepPopulation]
    arriving: Mapping[str, Signal]
    readout: Readout

    def network(self, dt_ms: float, n_steps: int) -> Network:
        """Make a `Network` from the parts; every constant becomes a bias or synapses.

        Args:
            dt_ms: length of a step in ms.
            n_steps: steps of a sample in the graph; the output's lag is added.

        Raises:
            FileFormatError: a loop takes fewer steps than it has populations.
        """
        clocked: set[tuple[str, str]] = set()
        parts, lags = self._with_clock(clocked)
        while more := {*self._clocked(lags)} - clocked:
            clocked |= more
            parts, lags = self._with_clock(clocked)
        return Network(
            InputChannels(self.channels),
            [_population(population, dt_ms) for population in parts.populations.values()],
            list(parts._projections(lags, dt_ms)),
            self.readout,
            dt_ms=dt_ms,
            n_steps=n_steps + lags[self.readout.population],
        )

    def _with_clock(self, clocked: Collection[tuple[str, str]]) -> tuple[Parts, dict[str, int]]:
        """Make biases, and synapses for constants (name, kind) in `clocked`; and the lags."""
        clock = legal_names([*self.populations, CLOCK])[CLOCK]
        populations, arriving = dict(self.populations), dict(self.arriving)
        for name, neurons in self.populations.items():
            drive, constants = neurons.drive, self._constants(name)
            if (name, BIAS) not in clocked:
                drive = drive + np.bincount(constants.line, constants.weight, neurons.size)
                constants = Synapses.none()
            if (name, LEAK) in clocked:
                drive = drive - neurons.drive
                constants = summed([constants, *_clock_synapses(neurons)])
            populations[name] = replace(neurons, drive=drive)
            origins = {key: s for key, s in arriving[name].origins.items() if key != CONSTANT}
            if constants.line.size:
                origins[clock] = constants
            arriving[name] = replace(arriving[name], origins=origins)
        if clocked:
            # The clock is a population of a single neuron that spikes in every step.
            ones = np.ones(1)
            populations[clock] = StepPopulation(
                clock, 1, LIF, ones, ones, drive=2 * ones, threshold=ones
            )
            arriving[clock] = Signal(1)
        parts = replace(self, populations=populations, arriving=arriving)
        return parts, parts._lags()

    def _lags(self) -> dict[str, int]:
        """Number of steps by which the input and each population run later than in the graph."""
        limits = {
            (source, name): int(synapses.delay.min()) - HOP_LATENCY
            for name in self.populations
            for source, synapses in self.arriving[name].origins.items()
            if synapses.delay.size
        }
        shifts = largest_shifts(dict.fromkeys([INPUT, *self.populations], 0.0), limits)
        if shifts is None:
            raise FileFormatError(
                "a loop takes fewer steps than it has populations",
                code="nir-loop",
                why="each hop of a network takes a step, while edges of a graph take none",
                fix="use longer delays in the loop",
            )
        return {name: int(-steps) for name, steps in shifts.items()}

    def _clocked(self, lags: Mapping[str, int]) -> Iterator[tuple[str, str]]:
        """Yield the constants that must become synapses from the clock."""
        for name, neurons in self.populations.items():
            later, synapses = lags[name], self._constants(name)
            if later and neurons.drive.any():
                yield name, LEAK
            is_filtered = (neurons.lose_u[synapses.line] != 1).any()
            if synapses.line.size and (later or synapses.delay.any() or is_filtered):
                yield name, BIAS

    def _constants(self, name: str) -> Synapses:
        """Synapses from `CONSTANT` with a weight other than 0."""
        synapses = self.arriving[name].origins.get(CONSTANT, Synapses.none())
        return synapses.take(synapses.weight != 0)

    def _projections(self, lags: Mapping[str, int], dt_ms: float) -> Iterator[Projection]:
        """Projections of the network; their delays include the lags of populations."""
        sizes = {INPUT: self.channels, **{p.name: p.size for p in self.populations.values()}}
        total = 0
        for name, neurons in self.populations.items():
            taus = _time_constants(neurons.lose_v, dt_ms), _time_constants(neurons.lose_u, dt_ms)
            factor = 1 / dynamics.drive_scale(*taus, dt_ms)
            for source, synapses in self.arriving[name].origins.items():
                added_delay = lags[name] - lags[source] - HOP_LATENCY
                shape = sizes[source], sizes[name]
                for layer in layers(synapses):
                    total += shape[0] * shape[1]
                    why = f"{source} → {name} alone has {shape[0]:,} × {shape[1]:,}"
                    check_synapses(total, "the projections would need", why)
                    weight: NDArray = np.zeros(shape)
                    delay: NDArray = np.zeros(shape, np.int64)
                    used = layer.take(layer.weight != 0)
                    weight[used.pre, used.line] = used.weight
                    delay[used.pre, used.line] = used.delay + added_delay
                    yield Projection(source, name, weight * factor, delay)


def _clock_synapses(neurons: StepPopulation) -> list[Synapses]:
    """Synapses from the clock that give v a constant drive from the first step on.

    u jumps by the whole drive in the first step, and later by the part that it loses in a step.
    """
    line = np.flatnonzero(neurons.drive)
    first_step = Synapses.to_lines(line, neurons.drive[line])
    correction = (neurons.lose_u[line] - 1) * neurons.drive[line]
    later_steps = replace(first_step, delay=np.ones_like(line), weight=correction)
    return [first_step, later_steps.take(correction != 0)]


def _time_constants(lose: NDArray[np.float64], dt_ms: float) -> NDArray[np.float64]:
    """Time constants in ms, from the share of u or v that is lost in one step."""
    with np.errstate(divide="ignore"):
        return -dt_ms / np.log1p(-lose)


def _population(neurons: StepPopulation, dt_ms: float) -> Population:
    """The population of a `Network` with the same constants."""
    tau_mem = _time_constants(neurons.lose_v, dt_ms)
    return Population(
        neurons.name,
        neurons.size,
        neurons.kind,
        tau_mem_ms=tau_mem,
        tau_syn_ms=_time_constants(neurons.lose_u, dt_ms),
        threshold=neurons.threshold,
        bias=neurons.drive / dynamics.membrane_gain(tau_mem, dt_ms),
    )

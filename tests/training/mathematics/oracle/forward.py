"""Event-driven simulation of the oracle, with exact times of arrivals and spikes.

spike of n at t_k: V = ϑ, V' > 0  →  V ← 0 or V ← ϑ − c, I unchanged
arrival at m at t_k + d_nm:  I_m += w_nm
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmtool.errors import DataError, NetworkError
from nmtool.network.graph import INPUT, LIF
from tests.training.mathematics.oracle.closed_forms import (
    LifConstants,
    advance,
    first_crossing,
    weighted_integral,
)
from tests.training.mathematics.oracle.model import ContinuousNetwork, SpikeTimes

NeuronId = tuple[str, int]
"""Name of a neuron's population, and index of the neuron in it."""


@dataclass(frozen=True)
class Synapse:
    """One synapse: index of its projection, pre and post index, weight, delay in ms."""

    projection: int
    pre: int
    post: int
    weight: float
    delay_ms: float


@dataclass(frozen=True)
class Emission:
    """A spike: time in ms, neuron, index in the population's list, and q = τm·V'."""

    time: float
    neuron: NeuronId
    spike: int
    q: float


@dataclass(frozen=True)
class Arrival:
    """An arrival of a spike: time in ms, target neuron, source, index of the spike, and synapse."""

    time: float
    neuron: NeuronId
    source: str
    spike: int
    synapse: Synapse


@dataclass(frozen=True, eq=False)
class Trace:
    """Result of a run.

    Attributes:
        spikes: spike times of each spiking population, by name.
        integral: per population [neurons] float64, ∫₀^T exp(−rate·t)·V dt in ms.
        rate: decay per ms of the weight in `integral`.
        log: all emissions and arrivals in order of time.
        events: the input spikes.
    """

    spikes: Mapping[str, SpikeTimes]
    integral: Mapping[str, NDArray[np.float64]]
    rate: float
    log: list[Emission | Arrival]
    events: SpikeTimes


def simulate(
    network: ContinuousNetwork, events: SpikeTimes, rate: float = 0.0, max_spikes: int = 100_000
) -> Trace:
    """Run one sample from rest.

    Args:
        network: network to run.
        events: input spikes; their neurons are the channels.
        rate: decay per ms; the membrane integrals are weighted by exp(−rate·t).
        max_spikes: largest number of spikes of all neurons; `NetworkError` is raised beyond it.
    """
    _check_events(network, events)
    run = _Run(network, rate, max_spikes)
    for index, (time, channel) in enumerate(
        zip(events.time_ms.tolist(), events.neuron.tolist(), strict=True)
    ):
        run.send(time, (INPUT, channel), index)
    run.until_the_end()
    return run.trace(events)


def _check_events(network: ContinuousNetwork, events: SpikeTimes) -> None:
    """Raise `DataError` for events outside the channels or with invalid times."""
    if ((events.neuron < 0) | (events.neuron >= network.n_channels)).any():
        raise DataError(
            f"an input event is outside the channels 0 … {network.n_channels - 1}",
            code="units-range",
            fix="use a network with as many channels as the events",
        )
    if not (events.time_ms >= 0).all():
        raise DataError(
            "the time of an input event is negative, or not a number",
            code="times-negative",
            fix="correct the time, or leave out the event",
        )


class _Neuron:
    """State of one neuron at its latest event."""

    def __init__(self, cell: LifConstants) -> None:
        self.cell = cell
        self.v = self.i = self.time = self.integral = 0.0
        self.version = 0

    def move_to(self, time: float, rate: float) -> None:
        """Advance the state to a time, and integrate V over the interval."""
        delta = time - self.time
        weight = math.exp(-rate * self.time)
        self.integral += weight * weighted_integral(self.cell, self.v, self.i, delta, rate)
        self.v, self.i = advance(self.cell, self.v, self.i, delta)
        self.time = time
        self.version += 1


class _Run:
    """The event queue: arrivals, and the next predicted spike of every neuron.

    A predicted spike is valid only as long as the version of its neuron stays the same.
    """

    def __init__(self, network: ContinuousNetwork, rate: float, max_spikes: int) -> None:
        self.network, self.rate, self.max_spikes = network, rate, max_spikes
        self.neurons = {
            (population.name, index): _Neuron(cell)
            for population in network.populations
            for index, cell in enumerate(network.cells(population))
        }
        self.fan_out = _fan_out(network)
        self.log: list[Emission | Arrival] = []
        self.emitted: dict[str, list[tuple[float, int]]] = {
            p.name: [] for p in network.populations if p.kind == LIF
        }
        self.queue: list[tuple[float, int, Arrival | tuple[NeuronId, int]]] = []
        self.queued = 0
        for neuron in self.neurons:
            self.predict(neuron)

    def put(self, time: float, event: Arrival | tuple[NeuronId, int]) -> None:
        if time < self.network.duration_ms:
            heapq.heappush(self.queue, (time, self.queued, event))
            self.queued += 1

    def send(self, time: float, source: NeuronId, spike: int) -> None:
        for target, synapse in self.fan_out.get(source, ()):
            arrival = time + synapse.delay_ms
            self.put(arrival, Arrival(arrival, target, source[0], spike, synapse))

    def predict(self, neuron: NeuronId) -> None:
        """Queue the next spike of a neuron, if it would spike without further input."""
        state = self.neurons[neuron]
        left = self.network.duration_ms - state.time
        delta = first_crossing(state.cell, state.v, state.i, left)
        self.put(state.time + delta, (neuron, state.version))

    def until_the_end(self) -> None:
        """Process the events of the queue in order of time."""
        while self.queue:
            time, _, event = heapq.heappop(self.queue)
            if isinstance(event, Arrival):
                self.arrive(event)
            elif event[1] == self.neurons[event[0]].version:
                self.emit(time, event[0])
        for state in self.neurons.values():
            state.move_to(self.network.duration_ms, self.rate)

    def arrive(self, arrival: Arrival) -> None:
        """Add the weight of a synapse to the current of the target neuron."""
        state = self.neurons[arrival.neuron]
        state.move_to(arrival.time, self.rate)
        state.i += arrival.synapse.weight
        self.log.append(arrival)
        self.predict(arrival.neuron)

    def emit(self, time: float, neuron: NeuronId) -> None:
        """Record a spike, reset the neuron, and queue the arrivals of the spike."""
        state = self.neurons[neuron]
        state.move_to(time, self.rate)
        state.v = state.cell.threshold - state.cell.fall
        emitted = self.emitted[neuron[0]]
        q = state.i + state.cell.bias - state.cell.threshold
        self.log.append(Emission(time, neuron, len(emitted), q))
        self.send(time, neuron, len(emitted))
        emitted.append((time, neuron[1]))
        self.predict(neuron)
        if sum(map(len, self.emitted.values())) > self.max_spikes:
            raise NetworkError(
                f"the network emitted more than {self.max_spikes} spikes",
                code="spikes-without-end",
                why="recurrence without delay can produce spikes without end",
                fix="lower the recurrent weights, or raise max_spikes",
            )

    def trace(self, events: SpikeTimes) -> Trace:
        spikes = {
            name: SpikeTimes(np.array([t for t, _ in pairs]), np.array([n for _, n in pairs]))
            for name, pairs in self.emitted.items()
        }
        integral = {
            p.name: np.array([self.neurons[p.name, index].integral for index in range(p.size)])
            for p in self.network.populations
        }
        return Trace(spikes, integral, self.rate, self.log, events)


def _fan_out(network: ContinuousNetwork) -> dict[NeuronId, list[tuple[NeuronId, Synapse]]]:
    """Synapses and target neurons of every source neuron."""
    out: dict[NeuronId, list[tuple[NeuronId, Synapse]]] = {}
    for number, projection in enumerate(network.projections):
        for pre, post in np.ndindex(projection.shape):
            weight, delay = projection.weight[pre, post], projection.delay_ms[pre, post]
            synapse = Synapse(number, pre, post, float(weight), float(delay))
            out.setdefault((projection.source, pre), []).append(
                ((projection.target, post), synapse)
            )
    return out

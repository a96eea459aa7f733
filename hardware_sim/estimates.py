"""Energy and time of a run on a chip: event counts times published costs per event.

The model is that of SANA-FE's Loihi. In every step each neuron is accessed and updated. Each spike
costs `spike_out` and, per target core, `axon_out` at its own core and `axon_in` at the target;
there, each of its stored synapses costs `synaptic_event`. A core processes its events in sequence,
all cores run in parallel, and a barrier ends the step: the time of a step is that of the slowest
core plus the barrier.

Not included: routers (which depend on the placement of cores), sending the input to the chip, host
cores, and static power.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from nmtool.hardware_sim.operations import Counter, Counts, Operations
from nmtool.network.graph import INPUT
from nmtool.targets.target import EventCosts

USED = ("synaptic_event", "neuron_access", "neuron_update", "spike_out", "axon_out", "axon_in")
"""All costs that an estimate uses, if they are published."""

NEEDED = ("synaptic_event", "neuron_update")
"""Costs required for an estimate; other costs, if unknown, are left out and reported."""


def energy(operations: Operations, figures: EventCosts, *, dense: bool) -> NDArray[np.float64]:
    """Dynamic energy of all cores, [samples, steps] float64 in pJ.

    Args:
        operations: counted on the chip's cores.
        figures: costs in pJ, including those of `NEEDED`.
        dense: cores also store synapses of weight 0, which cost energy with every spike.
    """
    shape = (operations.n_samples, operations.n_steps)
    events = operations.synapses_read if dense else operations.synaptic_events
    updates = sum(operations.neurons.values())
    emitted = _sum((c for name, c in operations.spikes.items() if name != INPUT), shape)
    sent = _sum((c for name, c in operations.messages.items() if name != INPUT), shape)
    return (
        _cost_or_zero(figures.synaptic_event) * _sum(events, shape)
        + (_cost_or_zero(figures.neuron_access) + _cost_or_zero(figures.neuron_update)) * updates
        + _cost_or_zero(figures.spike_out) * emitted
        + _cost_or_zero(figures.axon_out) * sent
        + _cost_or_zero(figures.axon_in) * _sum(operations.messages.values(), shape)
    )


def step_time(counter: Counter, figures: EventCosts, barrier_us: float) -> NDArray[np.float64]:
    """Duration of every step, [samples, steps] float64 in ns.

    Args:
        counter: constructed with the chip's cores.
        figures: costs in ns, including those of `NEEDED`.
        barrier_us: duration of the barrier at the end of a step, in µs.
    """
    slowest: NDArray[np.float64] | float = 0.0
    for core in counter.cores:
        work = counter.of_core(core)
        taken = (
            _cost_or_zero(figures.axon_in) * work.messages_in
            + _cost_or_zero(figures.synaptic_event) * work.synaptic_events
            + (_cost_or_zero(figures.neuron_access) + _cost_or_zero(figures.neuron_update))
            * work.neurons
            + _cost_or_zero(figures.spike_out) * work.spikes
            + _cost_or_zero(figures.axon_out) * work.messages_out
        )
        slowest = np.maximum(slowest, taken)
    return np.asarray(slowest + 1000 * barrier_us)


def _cost_or_zero(figure: float | None) -> float:
    """The cost, or 0 where it is unknown; callers report unknown costs."""
    return 0.0 if figure is None else figure


def _sum(counts: Iterable[Counts], shape: tuple[int, int]) -> Counts:
    return sum(counts, np.zeros(shape, np.int64))

"""Energy and time of a run on a chip: event counts times published costs per event.

The model is SANA-FE's model of Loihi. In every step, each neuron is accessed and updated. Each
spike costs `spike_out` and, per target core, `axon_out` at its own core and `axon_in` at the target
core. At the target core, each stored synapse of the spike costs `synaptic_event`. A core processes
its events in sequence, all cores run in parallel, and a barrier ends the step: the duration of a
step is the time of the slowest core plus the barrier.

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
"""All costs per event that an estimate uses, if they are known."""

NEEDED = ("synaptic_event", "neuron_update")
"""Costs per event without which there is no estimate; other unknown costs count as 0."""


def energy(operations: Operations, figures: EventCosts, *, dense: bool) -> NDArray[np.float64]:
    """Dynamic energy of all cores, [samples, steps] float64 in pJ.

    Args:
        operations: operations of a run, counted on the chip's cores.
        figures: costs per event in pJ; the costs in `NEEDED` must be known.
        dense: True if cores also store synapses of weight 0, which cost energy with every spike.
    """
    shape = (operations.n_samples, operations.n_steps)
    events = operations.synapses_read if dense else operations.synaptic_events
    updates = sum(operations.neurons.values())
    emitted = _sum_per_step((c for name, c in operations.spikes.items() if name != INPUT), shape)
    sent = _sum_per_step((c for name, c in operations.messages.items() if name != INPUT), shape)
    return (
        _cost_or_zero(figures.synaptic_event) * _sum_per_step(events, shape)
        + (_cost_or_zero(figures.neuron_access) + _cost_or_zero(figures.neuron_update)) * updates
        + _cost_or_zero(figures.spike_out) * emitted
        + _cost_or_zero(figures.axon_out) * sent
        + _cost_or_zero(figures.axon_in) * _sum_per_step(operations.messages.values(), shape)
    )


def step_time(counter: Counter, figures: EventCosts, barrier_us: float) -> NDArray[np.float64]:
    """Duration of every step, [samples, steps] float64 in ns.

    Args:
        counter: counter of the run's operations on the chip's cores.
        figures: costs per event in ns; the costs in `NEEDED` must be known.
        barrier_us: duration of the barrier at the end of a step, in µs.
    """
    slowest: NDArray[np.float64] | float = 0.0
    for core in counter.cores:
        core_operations = counter.of_core(core)
        core_time = (
            _cost_or_zero(figures.axon_in) * core_operations.messages_in
            + _cost_or_zero(figures.synaptic_event) * core_operations.synaptic_events
            + (_cost_or_zero(figures.neuron_access) + _cost_or_zero(figures.neuron_update))
            * core_operations.neurons
            + _cost_or_zero(figures.spike_out) * core_operations.spikes
            + _cost_or_zero(figures.axon_out) * core_operations.messages_out
        )
        slowest = np.maximum(slowest, core_time)
    return np.asarray(slowest + 1000 * barrier_us)


def _cost_or_zero(figure: float | None) -> float:
    """The cost of an event, or 0 if the cost is unknown; callers report unknown costs."""
    return 0.0 if figure is None else figure


def _sum_per_step(counts: Iterable[Counts], shape: tuple[int, int]) -> Counts:
    """Sum of several counts, [samples, steps]; zeros without counts."""
    return sum(counts, np.zeros(shape, np.int64))

"""Energy and time of a run on a chip, from what one event takes: counts times figures.

The model is that of SANA-FE's Loihi. In every step each neuron is accessed and updated; each spike
that is emitted takes `spike_out` and, per core that it goes to, `axon_out` at its own core and
`axon_in` at the other; each stored synapse behind it takes `synaptic_event` there. A core works
on its events one after the other, all cores side by side, and a barrier ends the step: its time
is that of the slowest core and of the barrier.

Left out are routers (where cores lie is not decided here), whatever brings the input to the chip,
host cores, and power that is drawn without any event.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from nmtool.hardware_sim.operations import Counter, Counts, Operations
from nmtool.network.graph import INPUT
from nmtool.targets.target import EventCosts

USED = ("synaptic_event", "neuron_access", "neuron_update", "spike_out", "axon_out", "axon_in")
"""Figures that an estimate rests on, as far as they are known."""

NEEDED = ("synaptic_event", "neuron_update")
"""Figures without which there is no estimate; others that are unknown are left out and named."""


def energy(operations: Operations, figures: EventCosts, *, dense: bool) -> NDArray[np.float64]:
    """Dynamic energy of cores, [samples, steps] float64 in pJ.

    Args:
        operations: counted on the chip's cores.
        figures: in pJ, those of `NEEDED` among them.
        dense: cores store synapses of weight 0, and a spike passes them, too.
    """
    shape = (operations.n_samples, operations.n_steps)
    events = operations.synapses_read if dense else operations.synaptic_events
    updates = sum(operations.neurons.values())
    emitted = _sum((c for name, c in operations.spikes.items() if name != INPUT), shape)
    sent = _sum((c for name, c in operations.messages.items() if name != INPUT), shape)
    return (
        _known(figures.synaptic_event) * _sum(events, shape)
        + (_known(figures.neuron_access) + _known(figures.neuron_update)) * updates
        + _known(figures.spike_out) * emitted
        + _known(figures.axon_out) * sent
        + _known(figures.axon_in) * _sum(operations.messages.values(), shape)
    )


def step_time(counter: Counter, figures: EventCosts, barrier_us: float) -> NDArray[np.float64]:
    """Time of every step, [samples, steps] float64 in ns.

    Args:
        counter: made with the chip's cores.
        figures: in ns, those of `NEEDED` among them.
        barrier_us: what ends a step, in µs.
    """
    slowest: NDArray[np.float64] | float = 0.0
    for core in counter.cores:
        work = counter.of_core(core)
        taken = (
            _known(figures.axon_in) * work.messages_in
            + _known(figures.synaptic_event) * work.synaptic_events
            + (_known(figures.neuron_access) + _known(figures.neuron_update)) * work.neurons
            + _known(figures.spike_out) * work.spikes
            + _known(figures.axon_out) * work.messages_out
        )
        slowest = np.maximum(slowest, taken)
    return np.asarray(slowest + 1000 * barrier_us)


def _known(figure: float | None) -> float:
    """The figure, or 0 where it is unknown; callers report figures that are left out."""
    return 0.0 if figure is None else figure


def _sum(counts: Iterable[Counts], shape: tuple[int, int]) -> Counts:
    return sum(counts, np.zeros(shape, np.int64))

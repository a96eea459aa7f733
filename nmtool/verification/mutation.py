"""The mutation score: number of one-unit faults of a network that a comparison would show.

A fault changes one stored number by one step of its grid; the faulty network (mutant) is valid. A
comparison shows a fault if spikes of any population or v of a non-spiking population differ. A deep
comparison also shows a fault if u or v of any neuron differs.

A fault counts as equivalent if it is proven that no input of this length shows it: bounds
(`state_bounds.py`) prove that no spike can arrive over the synapse in time, that u or v is always
too small for the decay to matter, that no neuron can spike more often in a step than both limits
allow, or that the neuron, of which only spikes are compared, cannot spike with or without the
fault. Other faults that no input can show count as not seen.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nmtool.arithmetic import Arithmetic
from nmtool.batches import record_spikes
from nmtool.dynamics import HOP_LATENCY
from nmtool.hardware_sim.replay import (
    EVERYTHING,
    MEMBRANE,
    SPIKES,
    Cells,
    Streams,
    altered,
    cells_of,
    mark_differences,
    streams,
)
from nmtool.hardware_sim.resets import spike_counts
from nmtool.hardware_sim.simulator import simulate
from nmtool.hardware_sim.state_bounds import (
    StateBounds,
    bounds_of_neurons,
    delivering,
    state_bounds,
)
from nmtool.network.graph import INPUT, LIF, MAX_SPIKES
from nmtool.network.integer_network import OF_PROJECTIONS, IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording, check_input
from nmtool.verification.faults import (
    Fault,
    MutationScore,
    affects_one_neuron,
    draw_faults,
    faulty_value,
    mutant,
    target_index,
)

FAULTS = 200
"""Number of faults drawn for a score."""


def mutation_score(
    network: IntegerNetwork,
    spikes: Raster,
    n: int = FAULTS,
    seed: int = 0,
    deep: bool = False,
    *,
    recording: Recording | None = None,
    generated: Raster | None = None,
    generated_recording: Recording | None = None,
) -> MutationScore:
    """Count the one-unit faults that a comparison of these samples would show.

    Args:
        network: the network.
        spikes: the input.
        n: number of faults to draw; fewer are drawn if the network has fewer.
        seed: seed of the draw.
        deep: True if the comparison includes u and v of every neuron.
        recording: the simulator's recording of `spikes`, of which only spikes are used; by default
            it is computed.
        generated: additional samples, whose comparison includes u and v of every neuron.
        generated_recording: the simulator's recording of `generated`; by default it is computed.

    Raises:
        DataError: the channels of a raster differ from those of the network.
    """
    check_input(network, spikes)
    if recording is None:
        recording = record_spikes(simulate, network, spikes)
    detectors = [
        FaultDetector(network, streams(network, {INPUT: spikes, **recording.spikes}), deep)
    ]
    if generated is not None:
        check_input(network, generated)
        if generated_recording is None:
            generated_recording = simulate(network, generated)
        events = streams(network, {INPUT: generated, **generated_recording.spikes})
        detectors.insert(0, FaultDetector(network, events, True))
        deep = True
    faults = draw_faults(network, n, seed)
    seen = [any(detector.shows(fault) for detector in detectors) for fault in faults]
    bounds = None if all(seen) else state_bounds(network, max(spikes.n_steps, network.n_steps))
    equivalent = [
        not shown and bounds is not None and is_equivalent(network, fault, bounds, deep)
        for fault, shown in zip(faults, seen, strict=True)
    ]
    return MutationScore(faults, seen, equivalent, seed, deep)


# Detection of faults


class FaultDetector:
    """Finds the faults that a comparison with a recording shows.

    Every spike of a network is compared. As long as the neurons affected by a fault spike as
    recorded, all other neurons get the same input and have the same states. The first difference,
    if any, therefore occurs in an affected neuron with its recorded input, and only affected
    neurons need to be simulated.

    Args:
        network: the network without a fault.
        events: recorded spikes of the network.
        deep: True if u and v of every neuron are compared, too.
    """

    def __init__(self, network: IntegerNetwork, events: Streams, deep: bool) -> None:
        self.network, self.events, self.deep = network, events, deep
        self.n_samples = events.offset.shape[1] - 1
        self._cells: dict[int, Cells] = {}

    def shows(self, fault: Fault) -> bool:
        """True if any sample shows the fault."""
        return bool(self.samples(fault, first_only=True).any())

    def samples(self, fault: Fault, *, first_only: bool = False) -> NDArray[np.bool_]:
        """[samples] bool: True for samples that show the fault.

        Args:
            fault: a fault of the network.
            first_only: stop at the first sample that shows the fault.
        """
        shown = np.zeros(self.n_samples, np.bool_)
        index = target_index(self.network, fault)
        if index not in self._cells:
            self._cells[index] = cells_of(self.network, index).pick(self._by_activity(index))
        right = self._cells[index]
        if affects_one_neuron(fault):
            right = right.pick(np.flatnonzero(right.neuron == fault.place[-1]))
        value = faulty_value(self.network, fault)
        wrong = altered(self.network, right, fault.kind, fault.place, value)
        spikes = self.network.populations[index].kind == LIF
        view = EVERYTHING if self.deep else (SPIKES if spikes else MEMBRANE)
        mark_differences(self.events, right, wrong, view, first_only, shown)
        return shown

    def _by_activity(self, index: int) -> NDArray[np.int64]:
        """Order the neurons of a population, most active first: active neurons show most faults."""
        offset = self.events.offset[index + 1]
        neuron = self.events.neuron[offset[0] : offset[-1]]
        size = self.network.populations[index].size
        return np.argsort(-np.bincount(neuron, minlength=size), kind="stable")


# Proofs that no input can reveal a fault


def is_equivalent(network: IntegerNetwork, fault: Fault, bounds: StateBounds, deep: bool) -> bool:
    """True if it is proven that no input shows a fault.

    Args:
        network: the network without the fault.
        fault: the fault.
        bounds: bounds of the states for any input.
        deep: True if u and v of every neuron are compared.
    """
    index = target_index(network, fault)
    population = network.populations[index]
    state_range = bounds.populations[population.name]
    if fault.kind in OF_PROJECTIONS and not _can_arrive(network, fault, bounds):
        return True
    faulty = mutant(network, fault)
    faulty_population = faulty.populations[index]
    if fault.kind == "du":
        keep = max(population.keep_u, faulty_population.keep_u)
        if _vanishes(network.runs_in, state_range.u_size, keep):
            return True
    if fault.kind == "dv":
        keep = max(population.keep_v, faulty_population.keep_v)
        if _vanishes(network.runs_in, state_range.v_size, keep):
            return True
    if fault.kind == "most_spikes":
        silent = network.runs_in.firing_level(population.vth) - 1
        most = min(population.most_spikes, faulty_population.most_spikes)
        possible = spike_counts(state_range.peak, silent, population.drop, MAX_SPIKES)
        return bool((possible <= most).all())
    if population.kind != LIF or (deep and fault.kind not in ("vth", "reset_by")):
        return False
    columns = (
        np.array([fault.place[-1]]) if affects_one_neuron(fault) else np.arange(population.size)
    )
    always_silent = state_range.peak[columns] < network.runs_in.firing_level(population.vth)
    if not always_silent.all():
        return False
    peak = bounds_of_neurons(faulty, index, bounds, columns).peak
    return bool((peak < network.runs_in.firing_level(faulty_population.vth)).all())


def _vanishes(runs_in: Arithmetic, size: NDArray[np.int64], keep: int) -> bool:
    """True if all states of at most these sizes decay to 0 in a step, with either sign.

    A state of −1 that is rounded down stays −1.
    """
    return not (runs_in.decayed(size, keep).any() or runs_in.decayed(-size, keep).any())


def _can_arrive(network: IntegerNetwork, fault: Fault, bounds: StateBounds) -> bool:
    """True if some input can make a spike arrive in time over a synapse that a fault changes."""
    projection = network.projections[fault.place[0]]
    if fault.kind == "weight exponent":
        return bool(delivering(projection, bounds.earliest, bounds.n_steps).any())
    pre, post = fault.place[1:]
    delay = int(projection.delay[pre, post])
    if fault.kind == "delay":
        delay = min(delay, delay + fault.change)
    return int(bounds.earliest[projection.source][pre]) + HOP_LATENCY + delay < bounds.n_steps

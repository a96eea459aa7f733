"""One-unit faults of a network, and how many of them a comparison would show.

A fault changes one stored number by one step of its grid, so that the mutant is a legal network:
what an exporter or a receiver may get wrong without anything else noticing. A comparison shows a
fault where spikes of any population or v of a non-spiking one differ; a deep one, where u or v of
any neuron does.

A fault counts as equivalent where it is proven that no input of this length shows it: bounds
(`state_bounds.py`) say that no spike can arrive over the synapse in time, that u or v is always too
small for the decay to matter, or that neither version of the neuron can spike and nothing else
of it is compared. Faults that no input shows for subtler reasons count as not seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool import arithmetic
from nmtool.arithmetic import keep_current, keep_membrane
from nmtool.dynamics import HOP_LATENCY
from nmtool.graph import INPUT, LIF
from nmtool.hardware_sim.replay import (
    EVERYTHING,
    MEMBRANE,
    SPIKES,
    NeuronWithSynapses,
    Streams,
    replay,
    streams,
)
from nmtool.hardware_sim.simulator import simulate
from nmtool.hardware_sim.state_bounds import StateBounds, bounds_of_neurons, state_bounds
from nmtool.hardware_sim.uniform import Draws
from nmtool.integer_network import (
    EXCITATORY,
    INHIBITORY,
    MIXED,
    IntegerNetwork,
    IntegerPopulation,
    IntegerProjection,
)
from nmtool.raster import Raster
from nmtool.recording import Recording, check_input
from nmtool.targets import LOIHI2
from nmtool.verification.exercised import FAULT_KINDS, Fault, MutationScore

FAULTS = 200
"""Faults that are drawn for a score."""

_OF_SYNAPSES = ("weight", "delay")
_OF_PROJECTIONS = (*_OF_SYNAPSES, "weight exponent")
_FIELDS = {"weight exponent": "weight_exponent", "bias exponent": "bias_exponent"}


def mutation_score(
    network: IntegerNetwork,
    spikes: Raster,
    n: int = FAULTS,
    seed: int = 0,
    deep: bool = False,
    *,
    recording: Recording | None = None,
    bounds: StateBounds | None = None,
    generated: Raster | None = None,
    answered: Recording | None = None,
) -> MutationScore:
    """Count the one-unit faults that a comparison of these samples would show.

    Args:
        network: what is compared.
        spikes: the input.
        n: number of faults; fewer where the network has fewer.
        seed: of the draw.
        deep: the comparison includes u and v of every neuron.
        recording: what the simulator answers; by default it is run.
        bounds: on what any input can do, where that is known already.
        generated: more samples, whose comparison includes u and v of every neuron.
        answered: what the simulator answers to `generated`; by default it is run.

    Raises:
        DataError: a raster has other channels than the network.
    """
    check_input(network, spikes)
    if recording is None:
        recording = simulate(network, spikes)
    witnesses = [Witness(network, streams(network, spikes, recording), deep)]
    if generated is not None:
        check_input(network, generated)
        if answered is None:
            answered = simulate(network, generated)
        events = streams(network, generated, answered)
        witnesses.insert(0, Witness(network, events, True))
        deep = True
    faults = draw_faults(network, n, seed)
    seen = [any(witness.shows(fault) for witness in witnesses) for fault in faults]
    if not all(seen):
        bounds = bounds or state_bounds(network, max(spikes.n_steps, network.n_steps))
    equivalent = [
        not shown and bounds is not None and is_equivalent(network, fault, bounds, deep)
        for fault, shown in zip(faults, seen, strict=True)
    ]
    return MutationScore(faults, seen, equivalent, seed, deep)


def mutant(network: IntegerNetwork, fault: Fault) -> IntegerNetwork:
    """The network with one fault.

    Raises:
        NetworkError: the target cannot hold it.
    """
    index, *place = fault.place
    if fault.kind not in _OF_PROJECTIONS:
        populations = list(network.populations)
        populations[index] = _faulty_population(populations[index], fault)
        return replace(network, populations=populations)
    projections = list(network.projections)
    old = projections[index]
    if fault.kind == "weight exponent":
        projections[index] = replace(old, weight_exponent=old.weight_exponent + fault.change)
    else:
        array = np.array(getattr(old, fault.kind), np.int64)
        array[tuple(place)] += fault.change * (_grid(old) if fault.kind == "weight" else 1)
        changes: dict[str, Any] = {fault.kind: array}
        projections[index] = replace(old, **changes)
    return replace(network, projections=projections)


def _faulty_population(old: IntegerPopulation, fault: Fault) -> IntegerPopulation:
    if fault.kind == "bias":
        mantissa = np.array(old.bias_mantissa, np.int64)
        mantissa[fault.place[1]] += fault.change
        return replace(old, bias_mantissa=mantissa)
    key = _FIELDS.get(fault.kind, fault.kind)
    return replace(old, **{key: getattr(old, key) + fault.change})


def _grid(projection: IntegerProjection) -> int:
    """The step of the projection's weights."""
    return arithmetic.weight_step(projection.weight_bits, projection.sign_mode == MIXED)


# Drawing.


def draw_faults(network: IntegerNetwork, n: int, seed: int) -> list[Fault]:
    """Different faults, in turn of every kind, and of each kind in turn of every place.

    Delays of synapses of weight 0, and exponents of nothing but zeros, are left out: they are
    stored, and mean nothing.

    Args:
        network: what they are faults of.
        n: how many; fewer where there are no more.
        seed: of the draw, the same in every numpy.
    """
    draws = Draws(seed)
    left = [
        [_in_random_order(sites, draws) for sites in _fault_sites(network, kind)]
        for kind in FAULT_KINDS
    ]
    faults: list[Fault] = []
    while len(faults) < n and any(left):
        for places in left:
            while places and len(faults) < n:
                place = places.pop(0)
                fault = next(place, None)
                if fault is not None:
                    places.append(place)
                    faults.append(fault)
                    break
    return faults


_FaultSites = tuple[str, str, int, tuple[int, ...], NDArray[np.bool_]]
"""Kind, where, index, shape of the numbers, and [2, numbers] bool: may rise, may fall."""


def _fault_sites(network: IntegerNetwork, kind: str) -> Iterator[_FaultSites]:
    if kind in _OF_PROJECTIONS:
        for index, projection in enumerate(network.projections):
            where = f"{projection.source} → {projection.target}"
            shape = projection.shape if kind in _OF_SYNAPSES else ()
            yield kind, where, index, shape, _may_change(projection, kind)
        return
    for index, population in enumerate(network.populations):
        size = (population.size,) if kind == "bias" else ()
        yield kind, population.name, index, size, _constant_may_change(population, kind)


def _may_change(projection: IntegerProjection, kind: str) -> NDArray[np.bool_]:
    """[2, numbers] bool: where a number may rise, and fall."""
    weight = projection.weight.ravel().astype(np.int64)
    if kind == "weight":
        step, signs = _grid(projection), projection.sign_mode
        low = 0 if signs == EXCITATORY else 1 - arithmetic.MAX_WEIGHT
        high = 0 if signs == INHIBITORY else arithmetic.MAX_WEIGHT - 1
        return np.stack([weight + step <= high, weight - step >= low])
    if kind == "delay":
        delay = projection.delay.ravel()
        return np.stack([delay < LOIHI2.max_delay, delay > 0]) & (weight != 0)
    exponents = LOIHI2.weight_exponents(projection.weight_bits)
    legal = [projection.weight_exponent + change in exponents for change in (1, -1)]
    return np.array(legal)[:, None] & (weight != 0).any()


def _constant_may_change(population: IntegerPopulation, kind: str) -> NDArray[np.bool_]:
    mantissa = np.asarray(population.bias_mantissa, np.int64)
    if kind == "bias":
        limit = LOIHI2.bias_limit
        return np.stack([mantissa < limit - 1, mantissa > -limit])
    value, limit = {
        "du": (population.du, LOIHI2.max_du),
        "dv": (population.dv, LOIHI2.max_dv),
        "vth": (population.vth, LOIHI2.max_threshold),
        "bias exponent": (population.bias_exponent, LOIHI2.max_bias_exponent),
    }[kind]
    matters = {"vth": population.kind == LIF, "bias exponent": bool(mantissa.any())}
    return np.array([[value < limit], [value > 0]]) & matters.get(kind, True)


def _in_random_order(fault_sites: _FaultSites, draws: Draws) -> Iterator[Fault]:
    """Draw the fault of every site once, in random order."""
    kind, where, index, shape, legal = fault_sites
    sites = np.flatnonzero(legal)
    drawn: set[int] = set()
    while len(drawn) < sites.size:
        site = int(sites[draws.below(sites.size)])
        if site not in drawn:
            drawn.add(site)
            falls, number = divmod(site, legal.shape[1])
            place = np.unravel_index(number, shape) if shape else ()
            yield Fault(kind, where, (index, *(int(i) for i in place)), -1 if falls else 1)


# Seeing.


class Witness:
    """Tells which faults a run shows.

    Args:
        network: what was run.
        events: the spikes of the run.
        deep: u and v of every neuron are compared, too.
    """

    def __init__(self, network: IntegerNetwork, events: Streams, deep: bool) -> None:
        self.network, self.events, self.deep = network, events, deep
        self.n_samples = events.offset.shape[1] - 1
        names = [INPUT, *(p.name for p in network.populations)]
        self._onto = {
            p.name: [i for i, one in enumerate(network.projections) if one.target == p.name]
            for p in network.populations
        }
        self._source = [names.index(projection.source) for projection in network.projections]
        self._busiest: dict[int, NDArray[np.int64]] = {}
        self._synapses: dict[int, tuple[NDArray[np.int32], NDArray[np.int32]]] = {}

    def shows(self, fault: Fault) -> bool:
        """True where any sample shows the fault."""
        return bool(self.samples(fault, first_only=True).any())

    def samples(self, fault: Fault, *, first_only: bool = False) -> NDArray[np.bool_]:
        """[samples] bool: those that show the fault.

        Args:
            fault: of the network.
            first_only: mark one sample only, whichever is found first.
        """
        shown = np.zeros(self.n_samples, np.bool_)
        index = target_index(self.network, fault)
        population = self.network.populations[index]
        onto = self._onto[population.name]
        sizes = [self.network.projections[i].shape[0] for i in onto]
        row = np.cumsum([0, *sizes])[:-1].astype(np.int64)
        source = np.array([self._source[i] for i in onto], np.int64)
        view = EVERYTHING if self.deep else (SPIKES if population.kind == LIF else MEMBRANE)
        for neuron in touched(self.network, fault, self._by_activity(index)):
            right = self._neuron(index, int(neuron))
            wrong = self._faulty(right, fault, dict(zip(onto, row, strict=True)))
            replay(self.events, source, row, right, wrong, view, first_only, shown)
            if shown.all() or (first_only and shown.any()):
                break
        return shown

    def _by_activity(self, index: int) -> NDArray[np.int64]:
        """Neurons of a population, those that spiked most first: they show most."""
        if index not in self._busiest:
            offset = self.events.offset[index + 1]
            neuron = self.events.neuron[offset[0] : offset[-1]]
            size = self.network.populations[index].size
            order = np.argsort(-np.bincount(neuron, minlength=size), kind="stable")
            self._busiest[index] = order
        return self._busiest[index]

    def _neuron(self, index: int, neuron: int) -> NeuronWithSynapses:
        population = self.network.populations[index]
        if index not in self._synapses:
            onto = [self.network.projections[i] for i in self._onto[population.name]]
            nothing = np.zeros((population.size, 0), np.int32)
            weight = np.hstack([nothing, *(p.shifted_weight.T for p in onto)])
            delay = np.hstack([nothing, *(p.delay.T.astype(np.int32) for p in onto)])
            self._synapses[index] = weight, delay
        weight, delay = self._synapses[index]
        return NeuronWithSynapses(
            np.ascontiguousarray(weight[neuron]),
            np.ascontiguousarray(delay[neuron]),
            int(population.bias[neuron]),
            keep_current(population.du),
            keep_membrane(population.dv),
            population.vth,
        )

    def _faulty(
        self, right: NeuronWithSynapses, fault: Fault, row: dict[int, np.int64]
    ) -> NeuronWithSynapses:
        index, *place = fault.place
        if fault.kind in _OF_PROJECTIONS:
            projection = self.network.projections[index]
            first = int(row[index])
            if fault.kind == "delay":
                delay = right.delay.copy()
                delay[first + place[0]] += fault.change
                return right._replace(delay=delay)
            weight = right.weight.copy()
            if fault.kind == "weight":
                value = int(projection.weight[tuple(place)]) + fault.change * _grid(projection)
                weight[first + place[0]] = arithmetic.shifted(value, projection.weight_exponent)
            else:
                rows = slice(first, first + projection.shape[0])
                # A legal weight loses nothing where it is shifted right.
                block = weight[rows]
                weight[rows] = block << 1 if fault.change > 0 else block >> 1
            return right._replace(weight=weight)
        old = self.network.populations[index]
        new = _faulty_population(old, fault)
        neuron = place[0] if place else None
        bias = right.bias if neuron is None else int(new.bias[neuron])
        if fault.kind == "bias exponent":
            bias = right.bias << 1 if fault.change > 0 else right.bias >> 1
        return right._replace(
            bias=bias, keep_u=keep_current(new.du), keep_v=keep_membrane(new.dv), vth=new.vth
        )


def target_index(network: IntegerNetwork, fault: Fault) -> int:
    """The index of the population whose neurons a fault touches."""
    if fault.kind not in _OF_PROJECTIONS:
        return fault.place[0]
    target = network.projections[fault.place[0]].target
    return next(i for i, p in enumerate(network.populations) if p.name == target)


def touched(
    network: IntegerNetwork, fault: Fault, order: Sequence[int] | NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """The neurons of that population that a fault touches.

    Args:
        network: what it is a fault of.
        fault: the fault.
        order: of the whole population's neurons, where it touches all of them.
    """
    if fault.kind in (*_OF_SYNAPSES, "bias"):
        return np.array([fault.place[-1]])
    size = network.populations[target_index(network, fault)].size
    return np.asarray(np.arange(size) if order is None else order, np.int64)


# Equivalence.


def is_equivalent(network: IntegerNetwork, fault: Fault, bounds: StateBounds, deep: bool) -> bool:
    """True where it is proven that no input shows a fault.

    Args:
        network: the network without the fault.
        fault: the fault.
        bounds: on what any input can do.
        deep: true to compare u and v of every neuron.
    """
    index = target_index(network, fault)
    population = network.populations[index]
    own = bounds.populations[population.name]
    if fault.kind in _OF_PROJECTIONS and not _can_arrive(network, fault, bounds):
        return True
    faulty = mutant(network, fault)
    after = faulty.populations[index]
    if fault.kind == "du":
        keep = max(keep_current(population.du), keep_current(after.du))
        if not (own.u_size * keep >> arithmetic.DECAY_SHIFT).any():
            return True
    if fault.kind == "dv":
        keep = max(keep_membrane(population.dv), keep_membrane(after.dv))
        if not (own.v_size * keep >> arithmetic.DECAY_SHIFT).any():
            return True
    if population.kind != LIF or (deep and fault.kind != "vth"):
        return False
    columns = touched(network, fault)
    before = own.peak[columns] <= population.vth << arithmetic.STATE_SHIFT
    if not before.all():
        return False
    peak = bounds_of_neurons(faulty, index, bounds, columns).peak
    return bool((peak <= after.vth << arithmetic.STATE_SHIFT).all())


def _can_arrive(network: IntegerNetwork, fault: Fault, bounds: StateBounds) -> bool:
    """True where a spike can arrive in time over a synapse that a fault changes."""
    projection = network.projections[fault.place[0]]
    if fault.kind == "weight exponent":
        return bool((bounds.arrives(projection) & (projection.weight != 0)).any())
    pre, post = fault.place[1:]
    delay = int(projection.delay[pre, post])
    if fault.kind == "delay":
        delay = min(delay, delay + fault.change)
    return int(bounds.earliest[projection.source][pre]) + HOP_LATENCY + delay < bounds.n_steps

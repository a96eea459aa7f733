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
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nmtool import arithmetic
from nmtool.arithmetic import keep_current, keep_membrane
from nmtool.dynamics import HOP_LATENCY
from nmtool.graph import INPUT, LIF
from nmtool.hardware_sim.replay import (
    EVERYTHING,
    MEMBRANE,
    OF_PROJECTIONS,
    SPIKES,
    Cells,
    Streams,
    altered,
    cells_of,
    show,
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

_FIELDS = {
    "bias": "bias_mantissa",
    "bias exponent": "bias_exponent",
    "weight exponent": "weight_exponent",
}
"""By kind of number, the attribute that holds it; else the kind itself."""


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
    witnesses = [Witness(network, streams(network, {INPUT: spikes, **recording.spikes}), deep)]
    if generated is not None:
        check_input(network, generated)
        if answered is None:
            answered = simulate(network, generated)
        events = streams(network, {INPUT: generated, **answered.spikes})
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
    parts: list[Any] = list(_parts(network, fault.kind))
    numbers = _stored(parts[index], fault.kind).astype(np.int64)
    numbers[tuple(place)] = faulty_value(network, fault)
    field = _FIELDS.get(fault.kind, fault.kind)
    parts[index] = replace(parts[index], **{field: numbers if place else int(numbers)})
    if fault.kind in OF_PROJECTIONS:
        return replace(network, projections=parts)
    return replace(network, populations=parts)


_Part: TypeAlias = IntegerProjection | IntegerPopulation


def _parts(network: IntegerNetwork, kind: str) -> Sequence[_Part]:
    """All projections or all populations, whichever store such numbers."""
    return network.projections if kind in OF_PROJECTIONS else network.populations


def _stored(part: _Part, kind: str) -> NDArray[np.integer]:
    """The numbers of a kind that a projection or a population stores."""
    return np.asarray(getattr(part, _FIELDS.get(kind, kind)))


def _unit(part: _Part, kind: str) -> int:
    """The step of the grid on which such numbers lie."""
    if kind != "weight" or not isinstance(part, IntegerProjection):
        return 1
    return arithmetic.weight_step(part.weight_bits, part.sign_mode == MIXED)


def faulty_value(network: IntegerNetwork, fault: Fault) -> int:
    """The number that stands there with the fault."""
    part = _parts(network, fault.kind)[fault.place[0]]
    number = _stored(part, fault.kind)[fault.place[1:]]
    return int(number) + fault.change * _unit(part, fault.kind)


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
    for index, part in enumerate(_parts(network, kind)):
        if isinstance(part, IntegerProjection):
            where = f"{part.source} → {part.target}"
        else:
            where = part.name
        numbers, unit = _stored(part, kind).astype(np.int64), _unit(part, kind)
        legal, matters = _legal(part, kind)
        may_change = [numbers + unit <= legal[-1], numbers - unit >= legal[0]]
        flat = np.reshape(may_change & np.asarray(matters), (2, numbers.size))
        yield kind, where, index, numbers.shape, flat


def _legal(part: _Part, kind: str) -> tuple[range, bool | NDArray[np.bool_]]:
    """The numbers of a kind that the target holds, and true where they mean anything."""
    if isinstance(part, IntegerProjection):
        some = part.weight != 0
        if kind == "weight":
            low = 0 if part.sign_mode == EXCITATORY else 1 - arithmetic.MAX_WEIGHT
            high = 0 if part.sign_mode == INHIBITORY else arithmetic.MAX_WEIGHT - 1
            return range(low, high + 1), True
        if kind == "delay":
            return range(LOIHI2.max_delay + 1), some
        return LOIHI2.weight_exponents(part.weight_bits), bool(some.any())
    if kind == "bias":
        return range(-LOIHI2.bias_limit, LOIHI2.bias_limit), True
    limit, matters = {
        "du": (LOIHI2.max_du, True),
        "dv": (LOIHI2.max_dv, True),
        "vth": (LOIHI2.max_threshold, part.kind == LIF),
        "bias exponent": (LOIHI2.max_bias_exponent, bool(np.any(part.bias_mantissa))),
    }[kind]
    return range(limit + 1), matters


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

    Every spike of a network is compared. As long as the neurons that a fault touches spike as they
    did, all others receive what they did, and do what they did: so the first difference of the
    whole network, if there is any, is one of those neurons', on the inputs that were recorded. To
    know whether a fault shows, nothing else has to be run.

    Args:
        network: what was run.
        events: the spikes of the run.
        deep: u and v of every neuron are compared, too.
    """

    def __init__(self, network: IntegerNetwork, events: Streams, deep: bool) -> None:
        self.network, self.events, self.deep = network, events, deep
        self.n_samples = events.offset.shape[1] - 1
        self._cells: dict[int, Cells] = {}

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
        if index not in self._cells:
            self._cells[index] = cells_of(self.network, index).pick(self._by_activity(index))
        right = self._cells[index]
        if touches_one(fault):
            right = right.pick(np.flatnonzero(right.neuron == fault.place[-1]))
        value = faulty_value(self.network, fault)
        wrong = altered(self.network, right, fault.kind, fault.place, value)
        spikes = self.network.populations[index].kind == LIF
        view = EVERYTHING if self.deep else (SPIKES if spikes else MEMBRANE)
        show(self.events, right, wrong, view, first_only, shown)
        return shown

    def _by_activity(self, index: int) -> NDArray[np.int64]:
        """Neurons of a population, those that spiked most first: they show most."""
        offset = self.events.offset[index + 1]
        neuron = self.events.neuron[offset[0] : offset[-1]]
        size = self.network.populations[index].size
        return np.argsort(-np.bincount(neuron, minlength=size), kind="stable")


def target_index(network: IntegerNetwork, fault: Fault) -> int:
    """The index of the population whose neurons a fault touches."""
    if fault.kind not in OF_PROJECTIONS:
        return fault.place[0]
    target = network.projections[fault.place[0]].target
    return next(i for i, p in enumerate(network.populations) if p.name == target)


def touches_one(fault: Fault) -> bool:
    """True where a fault touches one neuron, the last of its place; else it touches all."""
    return fault.kind in ("weight", "delay", "bias")


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
    if fault.kind in OF_PROJECTIONS and not _can_arrive(network, fault, bounds):
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
    columns = np.array([fault.place[-1]]) if touches_one(fault) else np.arange(population.size)
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

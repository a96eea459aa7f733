"""One-unit faults: a stored number that is wrong by one step of its grid.

A network with such a fault is valid, so that only a comparison can reveal it. `mutation.py` counts
the faults that a comparison would show, as a `MutationScore`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nmtool.network.graph import LIF, MAX_SPIKES
from nmtool.network.integer_network import (
    EXCITATORY,
    INHIBITORY,
    MIXED,
    OF_PROJECTIONS,
    IntegerNetwork,
    IntegerPopulation,
    IntegerProjection,
)
from nmtool.tables import Result, Table, plain

if TYPE_CHECKING:
    from nmtool.hardware_sim.uniform import Draws

FAULT_KINDS = (
    "weight",
    "delay",
    "bias",
    "du",
    "dv",
    "vth",
    "reset_by",
    "most_spikes",
    "weight exponent",
    "bias exponent",
)

_WORDS = {
    "du": "current decay",
    "dv": "membrane decay",
    "vth": "threshold",
    "reset_by": "reset",
    "most_spikes": "spikes per step",
}
"""Text for kinds of faults whose code is an abbreviation."""

_FIELDS = {
    "bias": "bias_mantissa",
    "bias exponent": "bias_exponent",
    "weight exponent": "weight_exponent",
}
"""Attribute that stores the numbers of a kind, if its name differs from the kind."""


@dataclass(frozen=True)
class Fault:
    """One stored number that is wrong by one unit, a step of its grid.

    Attributes:
        kind: one of `FAULT_KINDS`; `bias` stands for the mantissa of a bias.
        where: name of the population, or source and target of the projection.
        place: index of the projection or population; then pre and post of a synapse, or a neuron.
        change: +1 or −1 unit.
    """

    kind: str
    where: str
    place: tuple[int, ...]
    change: int

    def __str__(self) -> str:
        index = "".join(f"[{i}]" for i in self.place[1:])
        return f"{self.kind} of {self.where}{index} {self.change:+d}"


@dataclass(frozen=True, repr=False)
class MutationScore(Result):
    """Mutation score: number of one-unit faults that a comparison would have shown.

    >>> import nmtool as nm
    >>> network = nm.round_network(nm.Network.layers([2, 3])).network
    >>> spikes = nm.Raster.from_dense([[[1, 0]] * 100])
    >>> certificate = nm.verify(network, spikes, against=nm.simulate(network, spikes))
    >>> certificate.mutation
    <MutationScore: seen 19 of 28 faults, equivalent 0>

    Attributes:
        faults: the drawn faults.
        seen: for each fault, True if the samples detect it.
        equivalent: for each fault, True if it is proven that no input of this length shows it.
        seed: seed of the draw.
        deep: True if u and v of every neuron are compared, too.
    """

    faults: Sequence[Fault]
    seen: Sequence[bool]
    equivalent: Sequence[bool]
    seed: int
    deep: bool

    def _line(self) -> str:
        return f"seen {self.n_seen} of {len(self.faults)} faults, equivalent {self.n_equivalent}"

    @property
    def n_seen(self) -> int:
        """Number of faults that the samples show."""
        return sum(self.seen)

    @property
    def n_equivalent(self) -> int:
        """Number of faults that no input shows."""
        return sum(self.equivalent)

    @property
    def unseen(self) -> list[Fault]:
        """Faults that the samples do not show, although some input might."""
        rows = zip(self.faults, self.seen, self.equivalent, strict=True)
        return [fault for fault, seen, equivalent in rows if not (seen or equivalent)]

    def by_kind(self) -> dict[str, tuple[int, int, int]]:
        """Count drawn, seen and equivalent faults, by kind of stored number."""
        rows = list(zip(self.faults, self.seen, self.equivalent, strict=True))
        return {
            kind: (len(mine), sum(s for s, _ in mine), sum(e for _, e in mine))
            for kind in FAULT_KINDS
            if (mine := [(s, e) for fault, s, e in rows if fault.kind == kind])
        }

    def as_json(self) -> dict[str, Any]:
        """Counts, in total and by kind."""
        return {
            "faults": len(self.faults),
            "seen": plain(self.n_seen),
            "equivalent": plain(self.n_equivalent),
            "deep": self.deep,
            "seed": self.seed,
            "by_kind": {
                kind: dict(zip(("faults", "seen", "equivalent"), counts, strict=True))
                for kind, counts in self.by_kind().items()
            },
            "unseen": [str(fault) for fault in self.unseen],
        }

    def sentence(self) -> str:
        """The number of faults that the samples would have shown, in one line."""
        text = (
            "had one number been wrong by one unit, these samples would have shown it in "
            f"{self.n_seen} of {len(self.faults)} tries"
        )
        return text + (f"; {self.n_equivalent} no input can show" if self.n_equivalent else "")

    def least_tested(self) -> str:
        """The kind of number whose faults the samples show least often, in one line.

        Faults that no input can show do not count; '' if the samples show all others.
        """
        tries = {
            kind: (seen, drawn - equivalent)
            for kind, (drawn, seen, equivalent) in self.by_kind().items()
            if seen < drawn - equivalent
        }
        if not tries:
            return ""
        kind = min(tries, key=lambda kind: tries[kind][0] / tries[kind][1])
        seen, drawn = tries[kind]
        return f"tested least: {_WORDS.get(kind, kind)}, shown in {seen} of {drawn} tries"

    def tables(self) -> list[Table]:
        """A table with a row per kind of stored number."""
        rows = [(_WORDS.get(kind, kind), *counts) for kind, counts in self.by_kind().items()]
        total = ("all", len(self.faults), self.n_seen, self.n_equivalent)
        header = ("one-unit faults of", "drawn", "seen", "no input shows")
        return [Table("mutation score", header, [*rows, total])]


def mutant(network: IntegerNetwork, fault: Fault) -> IntegerNetwork:
    """Make a copy of a network that has one fault.

    Raises:
        NetworkError: the network would be invalid.
    """
    index, *place = fault.place
    parts: list[Any] = list(_parts_with(network, fault.kind))
    numbers = _stored_numbers(parts[index], fault.kind).astype(np.int64)
    numbers[tuple(place)] = faulty_value(network, fault)
    field = _FIELDS.get(fault.kind, fault.kind)
    parts[index] = replace(parts[index], **{field: numbers if place else int(numbers)})
    if fault.kind in OF_PROJECTIONS:
        return replace(network, projections=parts)
    return replace(network, populations=parts)


_Part: TypeAlias = IntegerProjection | IntegerPopulation


def _parts_with(network: IntegerNetwork, kind: str) -> Sequence[_Part]:
    """The parts of a network that store this kind of number: all projections or all populations."""
    return network.projections if kind in OF_PROJECTIONS else network.populations


def _stored_numbers(part: _Part, kind: str) -> NDArray[np.integer]:
    return np.asarray(getattr(part, _FIELDS.get(kind, kind)))


def _grid_step(part: _Part, kind: str) -> int:
    if kind != "weight" or not isinstance(part, IntegerProjection):
        return 1
    return part.runs_in.weight_step(part.weight_bits, part.sign_mode == MIXED)


def right_value(network: IntegerNetwork, fault: Fault) -> int:
    """The correct value of the stored number that a fault changes."""
    part = _parts_with(network, fault.kind)[fault.place[0]]
    return int(_stored_numbers(part, fault.kind)[fault.place[1:]])


def faulty_value(network: IntegerNetwork, fault: Fault) -> int:
    """The wrong value of the stored number that a fault changes."""
    unit = _grid_step(_parts_with(network, fault.kind)[fault.place[0]], fault.kind)
    return right_value(network, fault) + fault.change * unit


# Random draws of faults


def draw_faults(network: IntegerNetwork, n: int, seed: int) -> list[Fault]:
    """Draw distinct faults, cycling through all kinds and, within a kind, through all places.

    Numbers without effect are left out: delays of synapses with weight 0, and exponents of weights
    that are all 0.

    Args:
        network: the network.
        n: number of faults to draw; fewer are drawn if the network has fewer.
        seed: seed of the draw; a seed gives the same faults with every version of numpy.
    """
    from nmtool.hardware_sim.uniform import Draws

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
"""Kind, name and index of a part, shape of its numbers, and [2, numbers] bool: True in row 0 for
numbers that can increase, in row 1 for numbers that can decrease."""


def _fault_sites(network: IntegerNetwork, kind: str) -> Iterator[_FaultSites]:
    """Yield the possible faults of one kind, for each projection or population."""
    for index, part in enumerate(_parts_with(network, kind)):
        if isinstance(part, IntegerPopulation) and kind == "reset_by" and part.reset_by is None:
            continue
        if isinstance(part, IntegerProjection):
            where = f"{part.source} → {part.target}"
        else:
            where = part.name
        numbers, unit = _stored_numbers(part, kind).astype(np.int64), _grid_step(part, kind)
        legal, has_effect = _valid_range(part, kind)
        may_change = [numbers + unit <= legal[-1], numbers - unit >= legal[0]]
        flat = np.reshape(may_change & np.asarray(has_effect), (2, numbers.size))
        yield kind, where, index, numbers.shape, flat


def _valid_range(part: _Part, kind: str) -> tuple[range, bool | NDArray[np.bool_]]:
    """Find the valid values of a kind of number, and the numbers that have an effect.

    Returns a range, and True for numbers that have an effect: one bool for all numbers, or a bool
    per number.
    """
    runs_in = part.runs_in
    if isinstance(part, IntegerProjection):
        has_weight = part.weight != 0
        if kind == "weight":
            low = 0 if part.sign_mode == EXCITATORY else 1 - runs_in.weight_limit
            high = 0 if part.sign_mode == INHIBITORY else runs_in.weight_limit - 1
            return range(low, high + 1), True
        if kind == "delay":
            return range(runs_in.max_delay + 1), has_weight
        return runs_in.weight_exponents(part.weight_bits), bool(has_weight.any())
    if kind == "bias":
        return range(-runs_in.bias_limit, max(runs_in.bias_limit, 1)), True
    if kind == "vth":
        return runs_in.thresholds(part.reset_by), part.kind == LIF
    if kind == "reset_by":
        return runs_in.reset_constants(part.vth), True
    if kind == "most_spikes":
        return range(1, MAX_SPIKES + 1), part.most_spikes > 1
    limit, has_effect = {
        "du": (runs_in.max_du, True),
        "dv": (runs_in.max_dv, True),
        "bias exponent": (runs_in.max_bias_exponent, bool(np.any(part.bias_mantissa))),
    }[kind]
    return range(limit + 1), has_effect


def _in_random_order(fault_sites: _FaultSites, draws: Draws) -> Iterator[Fault]:
    """Yield every possible fault of a projection or population once, in random order."""
    kind, where, index, shape, legal = fault_sites
    sites = np.flatnonzero(legal)
    drawn: set[int] = set()
    while len(drawn) < sites.size:
        site = int(sites[draws.below(sites.size)])
        if site not in drawn:
            drawn.add(site)
            decreases, number = divmod(site, legal.shape[1])
            place = np.unravel_index(number, shape) if shape else ()
            yield Fault(kind, where, (index, *(int(i) for i in place)), -1 if decreases else 1)


def target_index(network: IntegerNetwork, fault: Fault) -> int:
    """Index of the population whose neurons a fault affects."""
    if fault.kind not in OF_PROJECTIONS:
        return fault.place[0]
    target = network.projections[fault.place[0]].target
    return next(i for i, p in enumerate(network.populations) if p.name == target)


def affects_one_neuron(fault: Fault) -> bool:
    """True if a fault affects only one neuron, whose index is the last of `fault.place`.

    All other faults affect the whole population.
    """
    return fault.kind in ("weight", "delay", "bias")

"""Faults: a stored number that is wrong by one unit; `mutation_score` counts those that would show.

A network with such a fault is valid, so that only a comparison can reveal it. Whatever numbers a
network stores can be wrong, and the simulator itself tries each fault.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nmtool.errors import NetworkError
from nmtool.network.integer_network import IntegerNetwork, IntegerProjection
from nmtool.network.numbers import number_names, with_number
from nmtool.raster import Raster
from nmtool.recording import Recording, check_input
from nmtool.tables import Result, Table, plain
from nmtool.verification.comparison import compare_recordings

if TYPE_CHECKING:
    from nmtool.hardware_sim.uniform import Draws

FAULTS = 100
"""Number of faults that are tried."""

SAMPLES = 64
"""Largest number of samples on which faults are tried."""

_UNITS = (1, 2, 4, 8, 16, 32, 64, 128)
"""Possible units of a number: weights of few bits, or of both signs, end in zero bits."""


@dataclass(frozen=True)
class Fault:
    """One stored number that is wrong by one unit, the smallest change that is valid.

    Attributes:
        number: name of the number, e.g. `weight` or `vth`.
        where: name of the population, or source and target of the projection.
        group: `populations` or `projections`.
        part: index of the population or projection in its group.
        index: place of the number in its array; () for a single number.
        change: difference to the right number.
    """

    number: str
    where: str
    group: str
    part: int
    index: tuple[int, ...]
    change: int

    def __str__(self) -> str:
        place = "".join(f"[{i}]" for i in self.index)
        return f"{self.number} of {self.where}{place} {self.change:+d}"


@dataclass(frozen=True, repr=False)
class MutationScore(Result):
    """Mutation score: number of one-unit faults that a comparison would have shown.

    >>> import nmtool as nm
    >>> network = nm.round_network(nm.Network.layers([2, 3])).network
    >>> spikes = nm.Raster.from_dense([[[1, 0]] * 100])
    >>> expected = nm.simulate(network, spikes)
    >>> nm.verify(network, spikes, against=expected, faults=True).mutation
    <MutationScore: seen 19 of 28 faults>

    Attributes:
        faults: the drawn faults.
        seen: for each fault, True if the samples detect it.
        samples: number of samples on which faults were tried.
        seed: seed of the draw.
        deep: True if u and v of every neuron are compared, too.
    """

    faults: Sequence[Fault]
    seen: Sequence[bool]
    samples: int
    seed: int
    deep: bool

    def _line(self) -> str:
        return f"seen {self.n_seen} of {len(self.faults)} faults"

    @property
    def n_seen(self) -> int:
        """Number of faults that the samples show."""
        return sum(self.seen)

    @property
    def unseen(self) -> list[Fault]:
        """Faults that the samples do not show. Some of them, no input shows."""
        return [fault for fault, seen in zip(self.faults, self.seen, strict=True) if not seen]

    def by_number(self) -> dict[str, tuple[int, int]]:
        """Numbers of drawn and of seen faults, by name of the stored number."""
        counts: dict[str, tuple[int, int]] = {}
        for fault, seen in zip(self.faults, self.seen, strict=True):
            drawn, shown = counts.get(fault.number, (0, 0))
            counts[fault.number] = drawn + 1, shown + seen
        return counts

    def as_json(self) -> dict[str, Any]:
        """Counts, in total and by name of the stored number."""
        return {
            "faults": len(self.faults),
            "seen": plain(self.n_seen),
            "samples": self.samples,
            "deep": self.deep,
            "seed": self.seed,
            "by_number": {
                name: {"faults": drawn, "seen": plain(seen)}
                for name, (drawn, seen) in self.by_number().items()
            },
            "unseen": [str(fault) for fault in self.unseen],
        }

    def sentence(self) -> str:
        """The number of faults that the samples would have shown, in one line."""
        samples = "this sample" if self.samples == 1 else f"these {self.samples} samples"
        return (
            f"had one number been wrong by one unit, {samples} would have shown it in "
            f"{self.n_seen} of {len(self.faults)} tries"
        )

    def least_tested(self) -> str:
        """The number whose faults the samples show least often; '' if they show all."""
        tries = {name: counts for name, counts in self.by_number().items() if len({*counts}) > 1}
        if not tries:
            return ""
        name = min(tries, key=lambda name: tries[name][1] / tries[name][0])
        drawn, seen = tries[name]
        return f"tested least: {name}, shown in {seen} of {drawn} tries"

    def tables(self) -> list[Table]:
        """A table with a row per stored number."""
        rows = [(name, *counts) for name, counts in self.by_number().items()]
        total = ("all", len(self.faults), self.n_seen)
        return [Table("mutation score", ("one-unit faults of", "drawn", "seen"), [*rows, total])]


def mutation_score(
    network: IntegerNetwork,
    spikes: Raster,
    n: int = FAULTS,
    seed: int = 0,
    deep: bool = False,
    *,
    generated: Raster | None = None,
) -> MutationScore:
    """Count the one-unit faults that a comparison of these samples would show.

    Args:
        network: the network.
        spikes: the input, of which the first samples are used, at most `SAMPLES`.
        n: number of faults to draw; fewer are drawn if the network has fewer.
        seed: seed of the draw.
        deep: True if the comparison includes u and v of every neuron.
        generated: additional samples, whose comparison includes u and v of every neuron.

    Raises:
        DataError: the channels of a raster differ from those of the network.
    """
    from nmtool.hardware_sim.simulator import simulate

    check_input(network, spikes)
    compared = [(spikes[:SAMPLES], deep)] + ([(generated, True)] if generated is not None else [])
    expected = [(part, simulate(network, part, deep=is_deep)) for part, is_deep in compared]
    faults = draw_faults(network, n, seed)
    seen = [
        any(shows(mutant(network, fault), part, right) for part, right in expected)
        for fault in faults
    ]
    samples = sum(part.n_samples for part, _ in compared)
    return MutationScore(faults, seen, samples, seed, any(is_deep for _, is_deep in compared))


def shows(wrong: IntegerNetwork, spikes: Raster, expected: Recording) -> bool:
    """True if a network's recording of an input differs from the expected one.

    The first samples run alone, since they show most faults.

    Args:
        wrong: the network, with a fault.
        spikes: the input.
        expected: the recording of the right network; if it has u and v, they are compared, too.
    """
    from nmtool.hardware_sim.simulator import simulate

    ends = [1, 4, 16, spikes.n_samples]
    for first, end in zip([0, *ends], ends, strict=False):
        part = range(spikes.n_samples)[first:end]
        if part:
            actual = simulate(wrong, spikes.take(part), deep=bool(expected.current))
            if not compare_recordings(expected.take(part), actual).identical:
                return True
    return False


def mutant(network: IntegerNetwork, fault: Fault) -> IntegerNetwork:
    """Make a copy of a network that has one fault.

    Raises:
        NetworkError: the network would be invalid.
    """
    parts = list(getattr(network, fault.group))
    part = parts[fault.part]
    right = np.asarray(getattr(part, fault.number))[fault.index]
    wrong = int(right) + fault.change
    parts[fault.part] = with_number(part, fault.number, wrong, fault.index)
    changes: dict[str, Any] = {fault.group: parts}
    return replace(network, **changes)


def draw_faults(network: IntegerNetwork, n: int, seed: int) -> list[Fault]:
    """Draw distinct faults, of one stored number after the other, and of all parts in turn.

    Args:
        network: the network.
        n: number of faults to draw; fewer are drawn if the network has fewer.
        seed: seed of the draw; a seed gives the same faults with every version of numpy.
    """
    from nmtool.hardware_sim.uniform import Draws

    draws = Draws(seed)
    left: dict[str, list[Iterator[Fault]]] = {}
    for group in ("projections", "populations"):
        for index, part in enumerate(getattr(network, group)):
            for number in number_names(part):
                faults_of = _in_random_order(group, index, part, number, draws)
                left.setdefault(number, []).append(faults_of)
    faults: list[Fault] = []
    while len(faults) < n and any(left.values()):
        for places in left.values():
            while places and len(faults) < n:
                place = places.pop(0)
                fault = next(place, None)
                if fault is not None:
                    places.append(place)
                    faults.append(fault)
                    break
    return faults


def _in_random_order(
    group: str, index: int, part: Any, number: str, draws: Draws
) -> Iterator[Fault]:
    """Yield every fault of a number of a population or projection once, in random order."""
    where = part.name if group == "populations" else f"{part.source} → {part.target}"
    numbers = np.asarray(getattr(part, number))
    sites = 2 * numbers.size
    drawn: set[int] = set()
    while len(drawn) < sites:
        site = draws.below(sites)
        if site in drawn:
            continue
        drawn.add(site)
        place = tuple(int(i) for i in np.unravel_index(site // 2, numbers.shape))
        for unit in _UNITS:
            change = unit if site % 2 else -unit
            with suppress(NetworkError):
                wrong = with_number(part, number, int(numbers[place]) + change, place)
                if not _computes_alike(part, wrong):
                    yield Fault(number, where, group, index, place, change)
                break


def _computes_alike(part: Any, other: Any) -> bool:
    """True if the simulator gets the same numbers from two parts: their difference has no effect.

    So it is with the exponent of a bias of 0, and with the delay of a synapse of weight 0.
    """
    if isinstance(part, IntegerProjection):
        weights = part.shifted_weight, other.shifted_weight
        delays = (p.delay * (p.weight != 0) for p in (part, other))
        return np.array_equal(*weights) and np.array_equal(*delays)
    from nmtool.hardware_sim.plan import neuron_constants

    theirs = neuron_constants(other)
    return all(np.array_equal(own, theirs[key]) for key, own in neuron_constants(part).items())

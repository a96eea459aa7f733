"""`coverage`: which stored numbers of a network a run exercised.

A synapse is exercised where a spike arrives over it within the steps of its sample, and so is its
delay (`exercised`). A bias is where its neuron spiked or its v was compared, a threshold where one
of its neurons spiked. Decays and exponents have no such rule; the mutation score judges them, too
(`mutation.py`). Shares are of what some input can reach: a neuron that every input inhibits
leaves its synapses unexercised, whatever they are (`state_bounds.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nmtool.dynamics import HOP_LATENCY
from nmtool.network.graph import INPUT, LI, LIF
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.raster import Raster
from nmtool.recording import Recording, check_input
from nmtool.tables import Plain, Result, Table

if TYPE_CHECKING:
    from nmtool.hardware_sim.state_bounds import StateBounds

LISTED = 8
"""Neurons that a line names one by one."""


@dataclass(frozen=True)
class ProjectionCoverage(Plain):
    """Synapses of one projection, those of weight 0 left out.

    Attributes:
        source, target: names of the populations; the source may be `input`.
        synapses: how many there are.
        synapses_exercised: those over which a spike arrived within the steps of its sample.
        delays: how many different delays those have that some input can reach.
        delays_exercised: delays with a synapse that was exercised.
        silent: indices of the source's neurons that have synapses and never spiked.
        late: synapses of the others, whose spikes would arrive after the last step only.
        beyond_reach: synapses over which no input whatsoever makes a spike arrive in time.
    """

    source: str
    target: str
    synapses: int
    synapses_exercised: int
    delays: int
    delays_exercised: int
    silent: Sequence[int]
    late: int
    beyond_reach: int

    @property
    def label(self) -> str:
        """Both ends."""
        return f"{self.source} → {self.target}"

    def remark(self) -> str:
        """A line on what was not exercised, '' where all of it was."""
        left = self.synapses - self.synapses_exercised
        if not left:
            return ""
        why = []
        if self.silent:
            who = "channel" if self.source == INPUT else "neuron"
            many = "s never spike" if len(self.silent) > 1 else " never spikes"
            why.append(f"{len(self.silent):,} {who}{many} ({listed(self.silent)})")
        if self.late:
            many = "synapses" if self.late > 1 else "synapse"
            why.append(f"spikes over {self.late:,} {many} arrive too late to count")
        if self.beyond_reach:
            why.append(f"no input reaches {self.beyond_reach:,}")
        place = f"{self.label}: {left:,} of {self.synapses:,} synapses; {'; '.join(why)}"
        return f"not exercised, {place}"


@dataclass(frozen=True)
class PopulationCoverage(Plain):
    """Neurons of one population.

    Attributes:
        name, kind: of the population.
        neurons: how many there are.
        drivable: neurons at which some input can make a spike arrive.
        driven: neurons at which a spike arrived.
        excitable: neurons that some input may make spike.
        spiked: neurons that spiked.
        biases: neurons with a bias other than 0.
        biases_exercised: those of them that spiked, or whose v was compared.
    """

    name: str
    kind: str
    neurons: int
    drivable: int
    driven: int
    excitable: int
    spiked: int
    biases: int
    biases_exercised: int


@dataclass(frozen=True)
class Coverage(Result):
    """The stored numbers that a run exercised.

    >>> import nmtool as nm
    >>> network = nm.round_network(nm.Network.layers([2, 3])).network
    >>> spikes = nm.Raster.from_dense([[[1, 0]] * 100])
    >>> certificate = nm.verify(network, spikes, against=nm.simulate(network, spikes))
    >>> certificate.coverage.counts()["synapses"]
    (3, 6)

    Attributes:
        projections, populations: in the order of the network.
    """

    projections: Sequence[ProjectionCoverage]
    populations: Sequence[PopulationCoverage]

    def counts(self) -> dict[str, tuple[int, int]]:
        """Over the whole network (exercised, of how many that input can reach), by quantity.

        A threshold is one number for its population, exercised where one of its neurons spiked.
        """
        joined, spiking = self.projections, [p for p in self.populations if p.kind == LIF]
        return {
            "synapses": _sums(
                [(p.synapses_exercised, p.synapses - p.beyond_reach) for p in joined]
            ),
            "delays": _sums([(p.delays_exercised, p.delays) for p in joined]),
            "driven": _sums([(p.driven, p.drivable) for p in self.populations]),
            "spiked": _sums([(p.spiked, p.excitable) for p in spiking]),
            "thresholds": _sums([(int(p.spiked > 0), int(p.excitable > 0)) for p in spiking]),
            "biases": _sums([(p.biases_exercised, p.biases) for p in self.populations]),
        }

    @property
    def beyond_reach(self) -> tuple[int, int]:
        """Synapses over which no input makes a spike arrive in time, and neurons it never excites.

        Only neurons of populations that spike count.
        """
        spiking = [p for p in self.populations if p.kind == LIF]
        synapses = sum(p.beyond_reach for p in self.projections)
        return synapses, sum(p.neurons - p.excitable for p in spiking)

    def as_json(self) -> dict[str, Any]:
        """Counts over all, and by projection and population."""
        over_all: dict[str, Any] = {
            name: {"exercised": part, "of": of} for name, (part, of) in self.counts().items()
        }
        synapses, neurons = self.beyond_reach
        over_all["beyond_reach"] = {"synapses": synapses, "neurons": neurons}
        return {**over_all, **super().as_json()}

    def sentence(self) -> str:
        """One line over the whole network; what it has none of is left out."""
        words = {
            "synapses": "of synapses",
            "delays": "of delays",
            "driven": "of neurons driven",
            "spiked": "of spiking neurons spiked",
            "thresholds": "of thresholds",
            "biases": "of biases",
        }
        counts = self.counts()
        parts = [f"{percent(*counts[name])} {text}" for name, text in words.items()]
        kept = [text for text, name in zip(parts, words, strict=True) if counts[name][1]]
        line = ", ".join(kept) or "nothing"
        synapses, neurons = self.beyond_reach
        if not (synapses or neurons):
            return f"exercised: {line}"
        return (
            f"exercised, of what some input can reach: {line}; "
            f"no input reaches {synapses:,} synapses or excites {neurons:,} neurons"
        )

    def remarks(self) -> list[str]:
        """A line for each projection of which something was not exercised."""
        return [remark for one in self.projections if (remark := one.remark())]

    def tables(self) -> list[Table]:
        """Projections, and populations."""
        synapses = [
            (
                *(one.label, percent(one.synapses_exercised, one.synapses), one.synapses),
                *(percent(one.delays_exercised, one.delays), len(one.silent), one.late),
                one.beyond_reach,
            )
            for one in self.projections
        ]
        neurons = [
            (
                *(one.name, one.neurons, one.driven, one.spiked if one.kind == LIF else None),
                *(one.biases, one.biases_exercised),
            )
            for one in self.populations
        ]
        header = ("projection", "exercised", "synapses", "delays", "silent", "late", "beyond reach")
        about = ("population", "neurons", "driven", "spiked", "biases", "exercised")
        return [Table("synapses", header, synapses), Table("neurons", about, neurons)]

    def __repr__(self) -> str:
        counts = self.counts()
        synapses, spiked = percent(*counts["synapses"]), percent(*counts["spiked"])
        return f"<Coverage: {synapses} of synapses, {spiked} of spiking neurons spiked>"


def coverage(
    network: IntegerNetwork,
    spikes: Raster,
    recording: Recording | None = None,
    *,
    deep: bool = False,
    bounds: StateBounds | None = None,
) -> Coverage:
    """Tell which stored numbers a run exercised.

    The weight of a synapse that is said not to be exercised may be any other: nothing would
    differ. One that was exercised may still be wrong by so little that nothing shows it, which
    the mutation score tells (`mutation.py`).

    Args:
        network: what was run.
        spikes: its input.
        recording: what the simulator answered, deep or not; by default it is run.
        deep: True where u and v of every neuron are compared.
        bounds: on what any input can do, where that is known already.

    Raises:
        DataError: the raster has other channels than the network.
    """
    from nmtool.hardware_sim.simulator import simulate
    from nmtool.hardware_sim.state_bounds import state_bounds

    check_input(network, spikes)
    if recording is None:
        recording = simulate(network, spikes)
    bounds = bounds or state_bounds(network, spikes.n_steps)
    first = first_spikes(network, spikes, recording)
    arrived = [exercised(projection, first, spikes.n_steps) for projection in network.projections]
    projections = [
        _projection(projection, seen, first[projection.source] == spikes.n_steps, bounds)
        for projection, seen in zip(network.projections, arrived, strict=True)
    ]
    populations = []
    for population in network.populations:
        drivable, driven = np.zeros((2, population.size), np.bool_)
        for projection, seen in zip(network.projections, arrived, strict=True):
            if projection.target == population.name:
                driven |= seen.any(axis=0)
                drivable |= (bounds.arrives(projection) & (projection.weight != 0)).any(axis=0)
        excitable = bounds.earliest[population.name] < bounds.n_steps
        spiked = first[population.name] < spikes.n_steps
        populations.append(
            _population(population, drivable, driven, excitable, spiked, deep, spikes)
        )
    return Coverage(projections, populations)


def first_spikes(
    network: IntegerNetwork, spikes: Raster, recording: Recording
) -> dict[str, NDArray[np.int64]]:
    """By source, [neurons] int64: the earliest step of a spike in any sample, or `n_steps`."""
    found = {p.name: np.full(p.size, spikes.n_steps, np.int64) for p in network.populations}
    for name, raster in {INPUT: spikes, **recording.spikes}.items():
        found[name] = raster.first_step().min(axis=0, initial=spikes.n_steps)
    return found


def exercised(
    projection: IntegerProjection, first: dict[str, NDArray[np.int64]], n_steps: int
) -> NDArray[np.bool_]:
    """[pre, post] bool: synapses of a weight other than 0 over which a spike arrived in time."""
    arrival = first[projection.source][:, None] + HOP_LATENCY + projection.delay.astype(np.int64)
    return (arrival < n_steps) & (projection.weight != 0)


def _projection(
    projection: IntegerProjection,
    seen: NDArray[np.bool_],
    silent: NDArray[np.bool_],
    bounds: StateBounds,
) -> ProjectionCoverage:
    there = projection.weight != 0
    reachable = there & bounds.arrives(projection)
    return ProjectionCoverage(
        source=projection.source,
        target=projection.target,
        synapses=int(there.sum()),
        synapses_exercised=int(seen.sum()),
        delays=np.unique(projection.delay[reachable]).size,
        delays_exercised=np.unique(projection.delay[seen]).size,
        silent=tuple(np.flatnonzero(silent & there.any(axis=1)).tolist()),
        late=int((there & ~seen)[~silent].sum()),
        beyond_reach=int((there & ~reachable).sum()),
    )


def _population(
    population: IntegerPopulation,
    drivable: NDArray[np.bool_],
    driven: NDArray[np.bool_],
    excitable: NDArray[np.bool_],
    spiked: NDArray[np.bool_],
    deep: bool,
    spikes: Raster,
) -> PopulationCoverage:
    biased = population.bias != 0
    compared = (deep or population.kind == LI) and spikes.n_samples * spikes.n_steps > 0
    return PopulationCoverage(
        name=population.name,
        kind=population.kind,
        neurons=population.size,
        drivable=int(drivable.sum()),
        driven=int(driven.sum()),
        excitable=int(excitable.sum()),
        spiked=int(spiked.sum()),
        biases=int(biased.sum()),
        biases_exercised=int((biased & (spiked | compared)).sum()),
    )


def percent(part: int, of: int) -> str:
    """A share with one decimal, rounded down, so that only all of it is 100%.

    >>> percent(2999, 3000), percent(3, 3), percent(0, 0)
    ('99.9%', '100%', 'none')
    """
    if not of:
        return "none"
    return "100%" if part == of else f"{part * 1000 // of / 10:.1f}%"


def _sums(pairs: Sequence[tuple[int, int]]) -> tuple[int, int]:
    return sum(part for part, _ in pairs), sum(of for _, of in pairs)


def listed(indices: Sequence[int]) -> str:
    """Ranges of neighbours, the first few.

    >>> listed([0, 1, 2, 7, 9, 10])
    '0–2, 7, 9–10'
    """
    ranges = list(_ranges(indices))
    texts = [f"{a}–{b}" if b > a else f"{a}" for a, b in ranges[:LISTED]]
    return ", ".join([*texts, "…"] if len(ranges) > LISTED else texts)


def _ranges(indices: Sequence[int]) -> Iterator[tuple[int, int]]:
    first = last = None
    for index in indices:
        if first is None or last is None:
            first = last = index
        elif index == last + 1:
            last = index
        else:
            yield first, last
            first = last = index
    if first is not None and last is not None:
        yield first, last

"""`coverage`: which stored numbers of a network the samples exercised.

A synapse and its delay are exercised if a spike arrives over it within the steps of its sample
(`exercised`). A bias is exercised if its neuron spiked or its v was compared, a threshold if one of
its neurons spiked. Decays and exponents are not part of the coverage, but of the mutation score
(`mutation.py`). Shares count only parts that some input can reach: synapses of a neuron that every
input inhibits can never be exercised (`state_bounds.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nmtool.batches import record_spikes
from nmtool.dynamics import HOP_LATENCY
from nmtool.network.graph import INPUT, LI, LIF
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.raster import Raster
from nmtool.recording import Recording, check_input
from nmtool.tables import Plain, Result, Table

if TYPE_CHECKING:
    from nmtool.hardware_sim.state_bounds import StateBounds

LISTED = 8
"""Largest number of neurons listed one by one."""


@dataclass(frozen=True)
class ProjectionCoverage(Plain):
    """Coverage of one projection; synapses of weight 0 do not count.

    Attributes:
        source, target: names of the populations; the source may be `input`.
        synapses: number of synapses.
        synapses_exercised: number of synapses over which a spike arrived in time.
        delays: number of different delays of synapses that some input can reach.
        delays_exercised: number of different delays of exercised synapses.
        silent: indices of source neurons that have synapses and never spiked.
        late: number of synapses whose source neuron spiked, but too late to arrive in time.
        beyond_reach: number of synapses over which no possible input makes a spike arrive in time.
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
        """The projection as `source → target`."""
        return f"{self.source} → {self.target}"

    def remark(self) -> str:
        """A line on synapses that were not exercised, with reasons; '' without such synapses."""
        not_exercised = self.synapses - self.synapses_exercised
        if not not_exercised:
            return ""
        why = []
        if self.silent:
            noun = "channel" if self.source == INPUT else "neuron"
            many = "s never spike" if len(self.silent) > 1 else " never spikes"
            why.append(f"{len(self.silent):,} {noun}{many} ({listed(self.silent)})")
        if self.late:
            many = "synapses" if self.late > 1 else "synapse"
            why.append(f"spikes over {self.late:,} {many} arrive too late to count")
        if self.beyond_reach:
            why.append(f"synapses that no input can reach: {self.beyond_reach:,}")
        place = f"{self.label}: {not_exercised:,} of {self.synapses:,} synapses; {'; '.join(why)}"
        return f"not exercised, {place}"


@dataclass(frozen=True)
class PopulationCoverage(Plain):
    """Coverage of one population, in numbers of neurons.

    Attributes:
        name, kind: name and kind of the population.
        neurons: all neurons.
        drivable: neurons at which some input can make a spike arrive.
        driven: neurons at which a spike arrived.
        excitable: neurons that can spike for some input, as far as bounds of the states show.
        spiked: neurons that spiked.
        biases: neurons with a nonzero bias.
        biases_exercised: neurons with a bias that spiked, or whose v was compared.
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
    """Coverage of a network: which stored numbers the samples exercised.

    >>> import nmtool as nm
    >>> network = nm.round_network(nm.Network.layers([2, 3])).network
    >>> spikes = nm.Raster.from_dense([[[1, 0]] * 100])
    >>> certificate = nm.verify(network, spikes, against=nm.simulate(network, spikes))
    >>> certificate.coverage.counts()["synapses"]
    (3, 6)

    Attributes:
        projections, populations: coverage of each, in the order of the network.
    """

    projections: Sequence[ProjectionCoverage]
    populations: Sequence[PopulationCoverage]

    def counts(self) -> dict[str, tuple[int, int]]:
        """Count, by quantity, the exercised parts and the parts that some input can reach.

        A threshold is one number per population, exercised if one of its neurons spiked.
        """
        joined, spiking = self.projections, [p for p in self.populations if p.kind == LIF]
        return {
            "synapses": _sum_pairs(
                [(p.synapses_exercised, p.synapses - p.beyond_reach) for p in joined]
            ),
            "delays": _sum_pairs([(p.delays_exercised, p.delays) for p in joined]),
            "driven": _sum_pairs([(p.driven, p.drivable) for p in self.populations]),
            "spiked": _sum_pairs([(p.spiked, p.excitable) for p in spiking]),
            "thresholds": _sum_pairs([(int(p.spiked > 0), int(p.excitable > 0)) for p in spiking]),
            "biases": _sum_pairs([(p.biases_exercised, p.biases) for p in self.populations]),
        }

    @property
    def beyond_reach(self) -> tuple[int, int]:
        """Number of synapses that no input can reach, and of neurons that no input can excite.

        Only neurons of spiking populations count.
        """
        spiking = [p for p in self.populations if p.kind == LIF]
        synapses = sum(p.beyond_reach for p in self.projections)
        return synapses, sum(p.neurons - p.excitable for p in spiking)

    def as_json(self) -> dict[str, Any]:
        """Counts over the whole network, and by projection and population."""
        over_all: dict[str, Any] = {
            name: {"exercised": part, "of": of} for name, (part, of) in self.counts().items()
        }
        synapses, neurons = self.beyond_reach
        over_all["beyond_reach"] = {"synapses": synapses, "neurons": neurons}
        return {**over_all, **super().as_json()}

    def sentence(self) -> str:
        """Describe the coverage of the whole network in one line.

        Quantities that the network lacks are left out.
        """
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
        phrases = [text for text, name in zip(parts, words, strict=True) if counts[name][1]]
        line = ", ".join(phrases) or "nothing"
        synapses, neurons = self.beyond_reach
        if not (synapses or neurons):
            return f"exercised: {line}"
        return (
            f"exercised, of what some input can reach: {line}; "
            f"no input can reach {synapses:,} synapses or excite {neurons:,} neurons"
        )

    def remarks(self) -> list[str]:
        """A line per projection that was not fully exercised."""
        return [remark for projection in self.projections if (remark := projection.remark())]

    def tables(self) -> list[Table]:
        """A row per projection, and a row per population."""
        synapses = [
            (
                *(
                    projection.label,
                    percent(projection.synapses_exercised, projection.synapses),
                    projection.synapses,
                ),
                *(
                    percent(projection.delays_exercised, projection.delays),
                    len(projection.silent),
                    projection.late,
                ),
                projection.beyond_reach,
            )
            for projection in self.projections
        ]
        neurons = [
            (
                *(
                    population.name,
                    population.neurons,
                    population.driven,
                    population.spiked if population.kind == LIF else None,
                ),
                *(population.biases, population.biases_exercised),
            )
            for population in self.populations
        ]
        of_synapses = (
            *("projection", "exercised", "synapses", "delays"),
            *("silent", "late", "beyond reach"),
        )
        of_neurons = ("population", "neurons", "driven", "spiked", "biases", "exercised")
        return [Table("synapses", of_synapses, synapses), Table("neurons", of_neurons, neurons)]

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
    """Measure which stored numbers the samples exercised.

    The weight of a synapse that was not exercised has no effect on the comparison. The weight of an
    exercised synapse may still be wrong by too little to show; the mutation score measures this
    (`mutation.py`).

    Args:
        network: the network.
        spikes: the input.
        recording: the simulator's recording, of which only spikes are used; by default it is
            computed.
        deep: True if u and v of every neuron are compared.
        bounds: bounds of the states for any input; by default they are computed.

    Raises:
        DataError: the channels of the raster differ from those of the network.
    """
    from nmtool.hardware_sim.simulator import simulate
    from nmtool.hardware_sim.state_bounds import state_bounds

    check_input(network, spikes)
    if recording is None:
        recording = record_spikes(simulate, network, spikes)
    bounds = bounds or state_bounds(network, spikes.n_steps)
    first = first_spikes(network, spikes, recording)
    arrived = [exercised(projection, first, spikes.n_steps) for projection in network.projections]
    projections = [
        _projection_coverage(projection, seen, first[projection.source] == spikes.n_steps, bounds)
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
            _population_coverage(population, drivable, driven, excitable, spiked, deep, spikes)
        )
    return Coverage(projections, populations)


def first_spikes(
    network: IntegerNetwork, spikes: Raster, recording: Recording
) -> dict[str, NDArray[np.int64]]:
    """Earliest step of a spike in any sample, by source, [neurons] int64; `n_steps` if silent."""
    sizes = {INPUT: spikes.n_neurons, **{p.name: p.size for p in network.populations}}
    steps = {name: np.full(size, spikes.n_steps, np.int64) for name, size in sizes.items()}
    for name, raster in {INPUT: spikes, **recording.spikes}.items():
        np.minimum.at(steps[name], raster.neuron, raster.step)
    return steps


def exercised(
    projection: IntegerProjection, first: dict[str, NDArray[np.int64]], n_steps: int
) -> NDArray[np.bool_]:
    """[pre, post] bool: True for synapses of nonzero weight over which a spike arrived in time.

    Args:
        projection: the projection.
        first: by source, [neurons] int64, as from `first_spikes`.
        n_steps: number of steps of a sample.
    """
    arrival = first[projection.source][:, None] + HOP_LATENCY + projection.delay.astype(np.int64)
    return (arrival < n_steps) & (projection.weight != 0)


def _projection_coverage(
    projection: IntegerProjection,
    seen: NDArray[np.bool_],
    silent: NDArray[np.bool_],
    bounds: StateBounds,
) -> ProjectionCoverage:
    """Count the coverage of a projection from exercised synapses and silent source neurons."""
    synapses = projection.weight != 0
    reachable = synapses & bounds.arrives(projection)
    return ProjectionCoverage(
        source=projection.source,
        target=projection.target,
        synapses=int(synapses.sum()),
        synapses_exercised=int(seen.sum()),
        delays=np.unique(projection.delay[reachable]).size,
        delays_exercised=np.unique(projection.delay[seen]).size,
        silent=tuple(np.flatnonzero(silent & synapses.any(axis=1)).tolist()),
        late=int((synapses & ~seen)[~silent].sum()),
        beyond_reach=int((synapses & ~reachable).sum()),
    )


def _population_coverage(
    population: IntegerPopulation,
    drivable: NDArray[np.bool_],
    driven: NDArray[np.bool_],
    excitable: NDArray[np.bool_],
    spiked: NDArray[np.bool_],
    deep: bool,
    spikes: Raster,
) -> PopulationCoverage:
    """Count the coverage of a population from the properties of its neurons."""
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
    """Format a share as a percentage with one decimal, rounded down, so that 100% means all.

    >>> percent(2999, 3000), percent(3, 3), percent(0, 0)
    ('99.9%', '100%', 'none')
    """
    if not of:
        return "none"
    return "100%" if part == of else f"{part * 1000 // of / 10:.1f}%"


def _sum_pairs(pairs: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Sum of the first numbers, and sum of the second numbers."""
    return sum(part for part, _ in pairs), sum(of for _, of in pairs)


def listed(indices: Sequence[int]) -> str:
    """Format ascending indices as text: the first `LISTED` ranges of consecutive indices.

    >>> listed([0, 1, 2, 7, 9, 10])
    '0–2, 7, 9–10'
    """
    ranges = list(_ranges(indices))
    texts = [f"{a}–{b}" if b > a else f"{a}" for a, b in ranges[:LISTED]]
    return ", ".join([*texts, "…"] if len(ranges) > LISTED else texts)


def _ranges(indices: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last index of each range of consecutive indices."""
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

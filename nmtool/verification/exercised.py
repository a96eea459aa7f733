"""Extent of a comparison, as values: what a run exercised, and the faults it would show.

`nmtool.hardware_sim.coverage` and `nmtool.hardware_sim.mutants` measure them; a `Certificate`
carries them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from nmtool.graph import INPUT, LIF
from nmtool.tables import Table, Tabular

LISTED = 8
"""Neurons that a line names one by one."""


@dataclass(frozen=True)
class ProjectionCoverage:
    """Synapses of one projection, those of weight 0 left out.

    Attributes:
        source, target: names of the populations; the source may be `input`.
        synapses: how many there are.
        synapses_exercised: those over which a spike arrived within the steps of its sample.
        delays: how many different delays they have.
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

    def as_json(self) -> dict[str, Any]:
        """All attributes as plain values."""
        return {**vars(self), "silent": list(self.silent)}

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
            why.append(f"spikes over {self.late:,} arrive after the last step")
        if self.beyond_reach:
            why.append(f"no input reaches {self.beyond_reach:,}")
        return f"not exercised, {self.label}: {left:,} of {self.synapses:,} synapses; " + "; ".join(
            why
        )


@dataclass(frozen=True)
class PopulationCoverage:
    """Neurons of one population.

    Attributes:
        name, kind: of the population.
        neurons: how many there are.
        driven: neurons at which a spike arrived.
        spiked: neurons that spiked.
        biases: neurons with a bias other than 0.
        biases_exercised: those of them that spiked, or whose v was compared.
    """

    name: str
    kind: str
    neurons: int
    driven: int
    spiked: int
    biases: int
    biases_exercised: int

    def as_json(self) -> dict[str, Any]:
        """All attributes as plain values."""
        return dict(vars(self))


@dataclass(frozen=True)
class Coverage(Tabular):
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
        """Over the whole network (exercised, of how many), by quantity; `spiked` of those that can.

        A threshold is one number for its population, exercised where one of its neurons spiked.
        """
        joined, spiking = self.projections, [p for p in self.populations if p.kind == LIF]
        return {
            "synapses": _sums([(p.synapses_exercised, p.synapses) for p in joined]),
            "delays": _sums([(p.delays_exercised, p.delays) for p in joined]),
            "driven": _sums([(p.driven, p.neurons) for p in self.populations]),
            "spiked": _sums([(p.spiked, p.neurons) for p in spiking]),
            "thresholds": _sums([(int(p.spiked > 0), 1) for p in spiking]),
            "biases": _sums([(p.biases_exercised, p.biases) for p in self.populations]),
        }

    def as_json(self) -> dict[str, Any]:
        """Counts over all, and by projection and population."""
        counts = self.counts()
        return {
            **{name: {"exercised": part, "of": of} for name, (part, of) in counts.items()},
            "projections": [one.as_json() for one in self.projections],
            "populations": [one.as_json() for one in self.populations],
        }

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
        return f"exercised: {', '.join(kept)}"

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


FAULT_KINDS = ("weight", "delay", "bias", "du", "dv", "vth", "weight exponent", "bias exponent")


@dataclass(frozen=True)
class Fault:
    """One stored number that is off by one unit: a step of its grid.

    Attributes:
        kind: one of `FAULT_KINDS`; `bias` is the mantissa.
        where: name of the population, or both ends of the projection.
        place: index of the projection or population, then (pre, post) of a synapse or the neuron.
        change: +1 or −1 unit.
    """

    kind: str
    where: str
    place: tuple[int, ...]
    change: int

    def __str__(self) -> str:
        index = "".join(f"[{i}]" for i in self.place[1:])
        return f"{self.kind} of {self.where}{index} {self.change:+d}"


@dataclass(frozen=True)
class MutationScore(Tabular):
    """The one-unit faults that a comparison would have shown.

    >>> import nmtool as nm
    >>> network = nm.round_network(nm.Network.layers([2, 3])).network
    >>> spikes = nm.Raster.from_dense([[[1, 0]] * 100])
    >>> certificate = nm.verify(network, spikes, against=nm.simulate(network, spikes))
    >>> certificate.mutation
    <MutationScore: seen 19 of 28 faults, equivalent 0>

    Attributes:
        faults: the faults that were drawn.
        seen: for each fault, True where the samples show a difference.
        equivalent: for each fault, True where it is proven that no input of this length shows
            any.
        seed: the seed of the draw.
        deep: True where u and v of every neuron are compared, too.
    """

    faults: Sequence[Fault] = field(repr=False)
    seen: Sequence[bool] = field(repr=False)
    equivalent: Sequence[bool] = field(repr=False)
    seed: int
    deep: bool

    @property
    def n_seen(self) -> int:
        """Faults that the samples show."""
        return sum(self.seen)

    @property
    def n_equivalent(self) -> int:
        """Faults that no input shows."""
        return sum(self.equivalent)

    @property
    def unseen(self) -> list[Fault]:
        """Faults that the samples do not show, although some input might."""
        rows = zip(self.faults, self.seen, self.equivalent, strict=True)
        return [fault for fault, seen, equivalent in rows if not (seen or equivalent)]

    def by_kind(self) -> dict[str, tuple[int, int, int]]:
        """Faults by kind: drawn, seen, equivalent."""
        rows = list(zip(self.faults, self.seen, self.equivalent, strict=True))
        return {
            kind: (len(mine), sum(s for s, _ in mine), sum(e for _, e in mine))
            for kind in FAULT_KINDS
            if (mine := [(s, e) for fault, s, e in rows if fault.kind == kind])
        }

    def as_json(self) -> dict[str, Any]:
        """The counts, over all and by kind."""
        return {
            "faults": len(self.faults),
            "seen": self.n_seen,
            "equivalent": self.n_equivalent,
            "deep": self.deep,
            "seed": self.seed,
            "by_kind": {
                kind: dict(zip(("faults", "seen", "equivalent"), counts, strict=True))
                for kind, counts in self.by_kind().items()
            },
            "unseen": [str(fault) for fault in self.unseen],
        }

    def sentence(self) -> str:
        """One line: how many, and of which kinds some remain unseen."""
        missed = dict.fromkeys(FAULT_KINDS, 0)
        for fault in self.unseen:
            missed[fault.kind] += 1
        text = f"of {len(self.faults)} one-unit faults these samples would have shown {self.n_seen}"
        if any(missed.values()):
            kinds = [f"{count} of {kind}" for kind, count in missed.items() if count]
            text += f"; not shown: {', '.join(kinds)}"
        if self.n_equivalent:
            text += f"; no input shows {self.n_equivalent}"
        return text

    def tables(self) -> list[Table]:
        """One row per kind."""
        rows = [(kind, *counts) for kind, counts in self.by_kind().items()]
        total = ("all", len(self.faults), self.n_seen, self.n_equivalent)
        header = ("one-unit faults of", "drawn", "seen", "no input shows")
        return [Table("mutation score", header, [*rows, total])]

    def __repr__(self) -> str:
        return (
            f"<MutationScore: seen {self.n_seen} of {len(self.faults)} faults, "
            f"equivalent {self.n_equivalent}>"
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

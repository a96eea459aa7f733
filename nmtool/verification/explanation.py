"""`Explanation`: where two recordings of a network differ, how much, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from nmtool.arithmetic import LOIHI2, Arithmetic, arithmetic_named
from nmtool.errors import visible
from nmtool.tables import NOT_IN_JSON, Plain, Result, Table, counted, in_json, shown
from nmtool.verification.comparison import Divergence

DEEP, OUTSIDE, NOTHING = "u-and-v", "spikes-and-outputs", "nothing"
"""Values that a cause has to explain: u and v of every neuron, spikes and outputs, or none."""

CAUSES_SHOWN = 6
ARRIVALS_SHOWN = 12

_SENTENCES = {
    "decay-plus-one": "the +1 of the decay: {population} {detail}",
    "truncation": "{detail} of {population} rounds toward zero, not {rounding}",
    "floor": "{detail} of {population} rounds down, not {rounding}",
    "rounding": "{detail} of {population} rounds {nearest}, not {rounding}",
    "u-overflow": "u of {population} {detail}, but should {u_limit}",
    "v-overflow": "v of {population} {detail}, but should stop at {v_limit}",
    "sums": "sums of arriving weights at {population} do not stop at their limit",
    "at-threshold": "{population} spikes where v equals the threshold, too (≥ for >)",
    "above-threshold": "{population} does not spike where v equals the threshold (> for ≥)",
    "reset": "after a spike of {population}, {detail}",
    "update-order": "v of {population} adds u of the previous step",
    "latency": "{detail} a step {side}",
    "counts-ignored": "several spikes of {detail} in a step arrive like a single one",
    "input": "the input differs: {detail}",
    "projection-missing": "{projection} delivers nothing",
    "delays-ignored": "{projection} has no delays",
    "projection-transposed": "{detail} of {projection} are transposed",
    "state-kept": "a sample begins with u, v and spikes left over from the previous sample",
    "expected-differs": "the network produces the actual recording, not the expected one",
}
"""Sentences for causes other than a wrong number, by kind."""


@dataclass(frozen=True)
class Cause(Plain):
    """One fault that explains all examined deviations.

    >>> import nmtool as nm
    >>> network = nm.round_network(nm.Network.layers([2, 2])).network
    >>> arrived, lost = (nm.Raster.from_dense([[[0, 1], [n, 0], [1, 0], [0, 0]]]) for n in (1, 0))
    >>> recordings = [nm.simulate(network, spikes, deep=True) for spikes in (arrived, lost)]
    >>> print(nm.explain(network, arrived, *recordings).single)
    the input differs: a spike of channel 0 at step 1 is missing

    Attributes:
        kind: stable code: the name of the wrong number, e.g. `weight`, `vth` or `bias_mantissa`, or
            another mistake, e.g. `latency`.
        population: population, or target of the projection; '' for all populations.
        source: source of the projection; '' for causes without projection.
        pre: source neuron or channel of a synapse; for `input`, the channel.
        neuron: index of the neuron in the population.
        step: for `input`, step of the additional or missing spike.
        expected: value in the network.
        actual: of the values that explain the recording, the nearest to `expected`; for
            `latency`, +1 or −1 step.
        span: smallest and largest explaining value, if there are several.
        detail: further details, in words.
        arithmetic: name of the network's arithmetic.
    """

    _left_out = (None, "")

    kind: str
    population: str = ""
    source: str = ""
    pre: int | None = None
    neuron: int | None = None
    step: int | None = None
    expected: int | None = None
    actual: int | None = None
    span: tuple[int, int] | None = None
    detail: str = ""
    arithmetic: str = field(default=LOIHI2.name, metadata=NOT_IN_JSON)

    def __str__(self) -> str:
        words = (
            asdict(self)
            | _rules_in_words(arithmetic_named(self.arithmetic))
            | {
                "population": self.population or "all populations",
                "cell": f"{self.population}[{self.neuron}]",
                "projection": f"{self.source} → {self.population}",
                "synapse": f"{self.source}[{self.pre}] → {self.population}[{self.neuron}]",
                "side": "late" if (self.actual or 0) > 0 else "early",
            }
        )
        if self.kind in _SENTENCES:
            return _SENTENCES[self.kind].format(**words)
        place = "population" if self.neuron is None else "cell"
        if self.source:
            place = "projection" if self.pre is None else "synapse"
        span = "" if self.span is None else f" (or another in {self.span[0]} … {self.span[1]})"
        return f"{self.kind} of {words[place]} is {self.actual}, not {self.expected}{span}"


def _rules_in_words(arithmetic: Arithmetic) -> dict[str, str]:
    """Describe rounding and limits of an arithmetic in words, for `_SENTENCES`."""
    power = arithmetic.state_limit.bit_length() - 1
    symmetric = arithmetic.lowest == -arithmetic.highest
    v_limit = f"±(2^{power} − 1)" if symmetric else f"−2^{power} and 2^{power} − 1"
    wraps = arithmetic.neuron.u_overflow == "wraps"
    rounding = arithmetic.neuron.rounding
    roundings = {"towards zero": "toward zero", "nearest": "to the nearest, halves up"}
    return {
        "rounding": roundings.get(str(rounding), str(rounding)),
        "nearest": "halves away from zero" if rounding == "nearest" else "to the nearest",
        "u_limit": f"wrap around once beyond ±2^{power}" if wraps else f"stop at {v_limit}",
        "v_limit": v_limit,
    }


@dataclass(frozen=True)
class Arrival:
    """A spike, or several spikes sent together, that reach a neuron at some step.

    >>> import nmtool as nm
    >>> network = nm.round_network(nm.Network.layers([2, 2])).network
    >>> arrived, lost = (nm.Raster.from_dense([[[0, 1], [n, 0], [1, 0], [0, 0]]]) for n in (1, 0))
    >>> recordings = [nm.simulate(network, spikes, deep=True) for spikes in (arrived, lost)]
    >>> [str(arrival) for arrival in nm.explain(network, arrived, *recordings).arrivals]
    ['input[0] +129 (sent at step 1, delay 0)']

    Attributes:
        source: population, or `input`.
        neuron: index of the neuron in the source.
        weight: weight shifted by the projection's exponent; for a float network, a float.
        delay: delay in steps.
        step: step at which the spike was sent.
        count: number of spikes that were sent together.
    """

    source: str
    neuron: int
    weight: float
    delay: int
    step: int
    count: int = 1

    def as_json(self) -> dict[str, Any]:
        """The fields; `count` only for several spikes."""
        fields = asdict(self)
        if self.count == 1:
            del fields["count"]
        return fields

    def __str__(self) -> str:
        sent = f"sent at step {self.step}, delay {self.delay}"
        times = f" × {self.count}" if self.count > 1 else ""
        return f"{self.source}[{self.neuron}] {self.weight:+.6g}{times} ({sent})"


@dataclass(frozen=True, repr=False, kw_only=True)
class Explanation(Result):
    """Place and causes of the difference between two recordings; float networks have no causes.

    >>> import nmtool as nm
    >>> network = nm.round_network(nm.Network.layers([2, 2])).network
    >>> arrived, lost = (nm.Raster.from_dense([[[0, 1], [n, 0], [1, 0], [0, 0]]]) for n in (1, 0))
    >>> recordings = [nm.simulate(network, spikes, deep=True) for spikes in (arrived, lost)]
    >>> print(nm.explain(network, arrived, *recordings))
    first difference: sample 0, step 2, output[0], u: expected 23022, got 14766
    1 of 1 samples differ; bins with other spikes, u or v: output 4
    cause: the input differs: a spike of channel 0 at step 1 is missing

    Attributes:
        place: the first difference; None if nothing differs.
        causes: single faults, each of which explains all differences; at most 100. Empty if no
            single fault explains them.
        n_causes: number of causes, listed or not.
        tried_on: values that a cause has to explain: `u-and-v` of every neuron;
            `spikes-and-outputs`, if u and v were not recorded; `nothing`, if causes were not
            searched: nothing differs, or a network or recording has real numbers.
        neurons: number of neurons that deviate from the network, given the recorded spikes of
            their sources.
        arrivals: spikes that reach the neuron of `place` at its step in the network.
        other_arrivals: spikes that reach this neuron in the other network; None without another
            network.
        different: number of bins with any difference, by population.
        samples_different: number of samples with any difference.
        samples: number of samples.
        backend: name of the backend of the actual recording; '' if not given.
        remark: why the sample has no new recording with u and v; usually ''.

    `print(explanation)` gives sentences.
    """

    backend: str = ""
    place: Divergence | None
    causes: Sequence[Cause] = ()
    n_causes: int = 0
    tried_on: str = NOTHING
    neurons: int = 0
    arrivals: Sequence[Arrival] = ()
    other_arrivals: Sequence[Arrival] | None = field(default=None, metadata=in_json("others"))
    different: Mapping[str, int]
    samples_different: int
    samples: int
    remark: str = ""

    @property
    def single(self) -> Cause | None:
        """The cause, if there is exactly one; else None."""
        return self.causes[0] if self.n_causes == 1 else None

    def sentences(self) -> list[str]:
        """The first difference, the counts of differences, and the causes, as lines of text."""
        lines = [] if self.place is None else [f"first difference: {self.place}"]
        return lines + list(self.details())

    def details(self) -> Iterator[str]:
        """Yield the sentences that follow the first difference."""
        if self.samples_different:
            bins = ", ".join(f"{name} {shown(n)}" for name, n in self.different.items() if n)
            many = f"{self.samples_different} of {self.samples} samples differ"
            yield f"{many}; bins with other spikes, u or v: {bins}"
        yield from self._causes()
        if self.remark:
            yield self.remark
        if self.place is not None and (not self.causes or self.other_arrivals is not None):
            yield from self._arrivals("arrivals", self.arrivals)
            if self.other_arrivals is not None:
                yield from self._arrivals("arrivals in the other network", self.other_arrivals)

    def _causes(self) -> Iterator[str]:
        """Yield lines on the causes, or on the search that found no single cause."""
        where = "" if self.tried_on == DEEP else ", judged by spikes and outputs only"
        if self.n_causes == 1:
            yield f"cause{where}: {self.causes[0]}"
        elif self.causes:
            yield f"{self.n_causes} causes explain the differences equally well{where}:"
            yield from (f"  {cause}" for cause in self.causes[:CAUSES_SHOWN])
            if self.n_causes > CAUSES_SHOWN:
                yield f"  and {self.n_causes - CAUSES_SHOWN} more"
        elif self.tried_on != NOTHING and self.place is not None:
            many = f"{counted(self.neurons, 'neuron')} deviate from the network"
            yield f"no single cause explains the differences{where}: {many}"

    def _arrivals(self, label: str, arrivals: Sequence[Arrival]) -> Iterator[str]:
        """Yield the line on spikes that arrive at the first difference."""
        assert self.place is not None
        cell = f"{self.place.population}[{self.place.neuron}]"
        if not arrivals:
            yield f"{label}: nothing reaches {cell} at step {self.place.step}"
            return
        listed = "; ".join(map(str, arrivals[:ARRIVALS_SHOWN]))
        more = len(arrivals) - ARRIVALS_SHOWN
        more_text = f"; and {more} more" if more > 0 else ""
        yield f"{label} at {cell}, step {self.place.step}: {listed}{more_text}"

    def tables(self) -> list[Table]:
        """A table of the sentences."""
        return [Table("explanation", ("",), [(line,) for line in str(self).splitlines()])]

    def __str__(self) -> str:
        return "\n".join(map(visible, self.sentences())) or "nothing differs"

    def __repr__(self) -> str:
        many = f"{self.n_causes} equal causes" if self.causes else "no single cause"
        cause = str(self.single) if self.single is not None else many
        cause = "" if self.tried_on == NOTHING else f"; {cause}"
        return f"<Explanation: {self.place or 'nothing differs'}{cause}>"

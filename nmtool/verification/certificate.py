"""`Certificate`: the result of a verification, for people and for scripts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from nmtool.data.samples import only_classes
from nmtool.recording import Recording
from nmtool.running import SIMULATOR
from nmtool.tables import Result, Table, Tabular
from nmtool.verification.comparison import Agreement, Comparison, Divergence
from nmtool.verification.coverage import Coverage
from nmtool.verification.explanation import Explanation
from nmtool.verification.faults import MutationScore
from nmtool.verification.overflows import answers_depend, overflow_sentence

_HEADER = (
    *("backend", "accuracy", "spikes compared", "different", "u, v different"),
    *("predictions different", "s per sample"),
)


@dataclass(frozen=True)
class StockCheck:
    """A stretch of one sample on Lava's own model, for the fast one that stands in for it.

    Attributes:
        sample: index of the sample.
        first: the step of the sample at which the stretch begins, from a fresh state.
        steps: number of steps that were run.
        comparison: of Lava's own model with the simulator, u and v of every neuron included.
        fast: of the fast model with Lava's own, on the same stretch, likewise; None where both
            equal the simulator, and there is nothing to tell apart.
    """

    sample: int
    first: int
    steps: int
    comparison: Comparison
    fast: Comparison | None = None

    @property
    def stands_in(self) -> bool:
        """True where the fast model answers as Lava's own: what it says of all samples counts."""
        return self.comparison.identical if self.fast is None else self.fast.identical

    @property
    def first_divergence(self) -> Divergence | None:
        """The first difference, by the sample's own number and steps; None without any."""
        return self._in_sample(self.comparison.first_divergence)

    @property
    def first_between_models(self) -> Divergence | None:
        """The first difference of the fast model from Lava's own, likewise."""
        return None if self.fast is None else self._in_sample(self.fast.first_divergence)

    def _in_sample(self, found: Divergence | None) -> Divergence | None:
        if found is None:
            return None
        return replace(found, sample=self.sample, step=self.first + found.step)

    @property
    def stretch(self) -> str:
        """The steps that were run, in words."""
        since = f" from step {self.first}" if self.first else ""
        return f"{self.steps} steps of sample {self.sample}{since}"


@dataclass(frozen=True)
class Check(Tabular):
    """One backend, compared with what it must answer.

    >>> import nmtool as nm
    >>> network = nm.round_network(nm.Network.layers([5, 8, 3])).network
    >>> spikes = nm.Raster.from_dense([[[1, 0, 1, 0, 1]] * 100])
    >>> certificate = nm.verify(network, spikes, against=nm.simulate(network, spikes))
    >>> certificate.checks["recording"]
    <Check: 800 spikes compared, identical>

    Attributes:
        comparison: of all samples.
        recording: what the backend answered.
        seconds: it took.
        model: which of the backend's models ran, '' where it has only one.
        stock: the check of the model itself, where one was made.
        agreement: for real numbers, how far they follow the integers; no reason to fail.
        explanation: of the first sample that differs.
        steps_later: of recordings of others, by population the steps by which they lie later than
            the network runs; negative ones are earlier.
        shift_explains: True where these steps alone are what differs.
    """

    comparison: Comparison
    recording: Recording = field(repr=False)
    seconds: float
    model: str = ""
    stock: StockCheck | None = None
    agreement: Agreement | None = None
    explanation: Explanation | None = field(default=None, repr=False)
    steps_later: Mapping[str, int] = field(default_factory=dict)
    shift_explains: bool = False

    @property
    def identical(self) -> bool:
        """True where nothing differs, in the check of the model neither."""
        stock = self.stock
        same = stock is None or (stock.comparison.identical and stock.stands_in)
        return self.comparison.identical and same

    @property
    def first_divergence(self) -> Divergence | None:
        """The first difference in all samples, else in the check of the model."""
        if self.comparison.first_divergence is not None or self.stock is None:
            return self.comparison.first_divergence
        return self.stock.first_divergence or self.stock.first_between_models

    def as_json(self) -> dict[str, Any]:
        """The counts, by the names scripts rely on."""
        entry = {**self.comparison.as_json(), "seconds": round(self.seconds, 3)}
        if self.model:
            entry["model"] = self.model
        if self.stock is not None:
            entry |= {"stock_sample": self.stock.sample, "stock_first_step": self.stock.first}
            entry["stock_steps"] = self.stock.steps
            counts = self.stock.comparison.as_json()
            del counts["predictions_different"]
            entry |= {f"stock_{name}": count for name, count in counts.items()}
            entry["stock_equals_fast"] = self.stock.stands_in
        if self.agreement is not None:
            entry["integer"] = asdict(self.agreement)
        if self.explanation is not None:
            entry["explanation"] = self.explanation.as_json()
        if self.steps_later:
            entry |= {"steps_later": dict(self.steps_later), "shift_explains": self.shift_explains}
        return entry

    def tables(self) -> list[Table]:
        """The comparison, and that of the model where one was made."""
        found = self.comparison.tables()
        if self.stock is not None:
            stock = self.stock.comparison.tables()[0]
            found.append(replace(stock, title=f"stock model, {self.stock.stretch}"))
        return found

    def __repr__(self) -> str:
        state = "identical" if self.identical else f"differs at {self.first_divergence}"
        return f"<Check: {self.comparison.spikes_compared} spikes compared, {state}>"


@dataclass(frozen=True)
class Certificate(Result):
    """Everything that was compared of one network, or of one artefact.

    >>> import nmtool as nm
    >>> network = nm.round_network(nm.Network.layers([5, 8, 3])).network
    >>> spikes = nm.Raster.from_dense([[[1, 0, 1, 0, 1]] * 100])
    >>> certificate = nm.verify(network, spikes, against=nm.simulate(network, spikes))
    >>> certificate
    <Certificate: recording on 1 samples, spikes compared 800, different 0>
    >>> certificate.identical
    True

    Attributes:
        samples: number of samples.
        network_hash: content hash of the network that was compared.
        checks: by the name of the backend.
        accuracy: share of samples classified rightly, 0 … 1, by backend, the integer simulator
            among them; empty where samples have no labels.
        on_known_answers: True where an artefact was compared on the answers it carries, or a
            network on inputs made for it.
        generated: by backend, the comparison of samples that were made to exercise the network,
            with u and v of every neuron where the backend records them.
        coverage: what all these samples exercised; None where that was not measured.
        mutation: how many one-unit faults they would have shown; None likewise.
        overflows: `u_wraps`, `v_clips` and the `neuron_updates` among which they were counted,
            in the integer simulator; `v_clips_outputs` of non-spiking populations alone;
            `spikes_if_v_grows` and others: samples whose answers depend on clips
            (`overflows.count_dependent`). Of a network in `fenn16` `u_clips`, and no such samples.
        generated_overflows: the same of the generated samples.
        artefacts: by backend, the digest of what ran (`nmtool/verification/digest.py`).
        class_samples: number of samples of each class; empty where they have no labels.

    `print(certificate)` says what was compared and what differs, a line per backend;
    `certificate.summary()` shows it as a table.
    """

    _json = "generated coverage mutation overflows generated_overflows artefacts"

    samples: int
    network_hash: str
    checks: Mapping[str, Check]
    accuracy: Mapping[str, float] = field(default_factory=dict)
    on_known_answers: bool = False
    generated: Mapping[str, Check] = field(default_factory=dict)
    coverage: Coverage | None = None
    mutation: MutationScore | None = None
    overflows: Mapping[str, int] = field(default_factory=dict)
    generated_overflows: Mapping[str, int] = field(default_factory=dict)
    artefacts: Mapping[str, str] = field(default_factory=dict)
    class_samples: Sequence[int] = ()

    @property
    def identical(self) -> bool:
        """True where no backend differs anywhere."""
        return all(check.identical for _, check in self._all())

    def _all(self) -> list[tuple[str, Check]]:
        """All checks, those of generated samples last."""
        return [*self.checks.items(), *self.generated.items()]

    @property
    def spikes_compared(self) -> int:
        """Bins that were compared, over all backends."""
        return sum(check.comparison.spikes_compared for _, check in self._all())

    @property
    def spikes_different(self) -> int:
        """Bins that differ, over all backends."""
        return sum(check.comparison.spikes_different for _, check in self._all())

    @property
    def first_divergence(self) -> tuple[str, Divergence] | None:
        """The first backend that differs, and where; None if none does."""
        found = ((name, check.first_divergence) for name, check in self._all())
        return next(((name, place) for name, place in found if place is not None), None)

    def as_json(self) -> dict[str, Any]:
        """Plain values, by the names scripts rely on."""
        about: dict[str, Any] = {"samples": self.samples, "hash": self.network_hash}
        if not self.on_known_answers:
            about["accuracy"] = dict(self.accuracy)
            if few := only_classes(self.class_samples):
                about["only_classes"] = few
        return {**about, **self.findings_json(), **super().as_json()}

    def findings_json(self) -> dict[str, Any]:
        """Counts by backend, and the place of the first difference, as plain values."""
        first = self.first_divergence
        return {
            "backends": {name: check.as_json() for name, check in self.checks.items()},
            "first_divergence": None
            if first is None
            else {"backend": first[0], **asdict(first[1])},
        }

    def tables(self) -> list[Table]:
        """One row per backend, the integer simulator first."""
        rows = []
        if SIMULATOR in self.accuracy:
            rows.append((SIMULATOR, f"{self.accuracy[SIMULATOR]:.2%}", *[""] * 5))
        for name, check in self.checks.items():
            rows += self._rows(name, check)
        what = "known answers" if self.on_known_answers else "samples"
        few = only_classes(self.class_samples)
        return [Table(f"{self.samples} {what}{f', {few}' if few else ''}", _HEADER, rows)]

    def _rows(self, name: str, check: Check) -> Iterator[tuple[str, ...]]:
        accuracy = f"{self.accuracy[name]:.2%}" if name in self.accuracy else ""
        label = f"{name} ({check.model})" if check.model else name
        pace = f"{check.seconds / max(1, self.samples):.3g}"
        yield label, accuracy, *_counts(check.comparison), pace
        if check.stock is not None:
            yield f"{name} (stock)", "", *_counts(check.stock.comparison), ""

    def sentences(self) -> list[tuple[str, str]]:
        """Lines for people, each with its weight: '', `warning` or `alarm`."""
        lines = [line for name, check in self.checks.items() for line in _sentences(name, check)]
        for name, check in self.generated.items():
            many = check.recording.n_samples
            lines += _sentences(f"{name}, {many} generated samples", check)
        return [*lines, *self._extent()]

    def _extent(self) -> Iterator[tuple[str, str]]:
        """Lines on the extent of the comparison: coverage, faults and overflows."""
        if self.coverage is not None:
            yield self.coverage.sentence(), ""
            yield from ((remark, "") for remark in self.coverage.remarks())
        if self.mutation is not None:
            yield self.mutation.sentence(), ""
        if self.on_known_answers:
            made = " of known answers, which reach further than data"
            yield from _overflowing(self.overflows, made)
        else:
            yield from _overflowing(self.overflows, of_data=True)
        yield from _overflowing(self.generated_overflows, " of generated samples")

    def __str__(self) -> str:
        return "\n".join(text for text, _ in self.sentences())

    def __repr__(self) -> str:
        return (
            f"<Certificate: {', '.join(self.checks)} on {self.samples} samples, "
            f"spikes compared {self.spikes_compared}, different {self.spikes_different}>"
        )


def _overflowing(
    counts: Mapping[str, int], of: str = "", *, of_data: bool = False
) -> Iterator[tuple[str, str]]:
    """The sentence on overflows; a warning where answers to data depend on them."""
    if sentence := overflow_sentence(counts, of):
        yield sentence, "warning" if of_data and answers_depend(counts) else ""


def _counts(comparison: Comparison) -> tuple[str, str, str, str]:
    return (
        f"{comparison.spikes_compared:,}",
        f"{comparison.spikes_different:,}",
        f"{comparison.membrane_different:,} of {comparison.membrane_compared:,}",
        f"{comparison.predictions_different:,}",
    )


def _sentences(name: str, check: Check) -> Iterator[tuple[str, str]]:
    """`spikes compared N, different 0`, how many there are, and where a divergence begins."""
    yield from _compared(name, check.comparison, check.comparison.first_divergence)
    if check.steps_later:
        yield from _shifted(name, check)
    if check.explanation is not None:
        said = f"first difference: {check.comparison.first_divergence}"
        yield from ((f"  {one}", "") for one in check.explanation.sentences() if one != said)
    if check.agreement is not None:
        yield (
            f"{name}: float, compared with a float reference; of the spikes that it or the integer "
            f"simulator emits, {check.agreement.share:.1%} are shared; predictions different "
            f"{check.agreement.predictions_different}",
            "",
        )
    stock = check.stock
    if stock is None:
        return
    label = f"{name}, stock model, {stock.stretch}"
    yield from _compared(label, stock.comparison, stock.first_divergence)
    if not stock.stands_in:
        yield (
            f"{name}: the fast model differs from Lava's own, which it stands in for, so the "
            "comparison of all samples proves nothing",
            "alarm",
        )
        if stock.first_between_models is not None:
            yield f"  first divergence: {stock.first_between_models}", ""
    elif not check.identical:
        yield (
            f"{name}: the fast model answers as Lava's own there, so the comparison counts: the "
            "export is not what it is compared with",
            "",
        )


def _shifted(name: str, check: Check) -> Iterator[tuple[str, str]]:
    """Tell by how many steps a recording of others lies beside the network's run."""
    texts = {}
    for population, steps in check.steps_later.items():
        count = f"{abs(steps)} step{'s' if abs(steps) > 1 else ''}"
        texts[population] = f"{count} {'later' if steps > 0 else 'earlier'}"
    groups = ("spikes", "membrane", "current", "potential")
    recorded = {n for group in groups for n in getattr(check.recording, group)}
    if len({*texts.values()}) == 1 and len(texts) == len(recorded):
        words = next(iter(texts.values()))
    else:
        words = ", ".join(f"{population} {text}" for population, text in texts.items())
    if not check.shift_explains:
        yield f"{name}: hops are free there; compared as recorded, {words} than it runs here", ""
        return
    yield (
        f"  [recording-shifted] it is the network's own run, {words}: nothing else differs",
        "warning",
    )
    if max(check.steps_later.values()) < 0:
        yield "  hops cost a step here; where they cost none, write hops='free' into the file", ""
    else:
        yield "  record every step, the first one too, and from a fresh state", ""


def _compared(
    label: str, comparison: Comparison, first: Divergence | None
) -> Iterator[tuple[str, str]]:
    predictions = comparison.predictions_different
    yield (
        f"{label}: spikes compared {comparison.spikes_compared}, "
        f"different {comparison.spikes_different}; spikes emitted {comparison.spikes_emitted}"
        + (f"; predictions different {predictions}" if predictions else ""),
        "",
    )
    silent = not (comparison.spikes_emitted or comparison.spikes_different)
    if comparison.spikes_compared and silent:
        yield "  warning: no neuron spikes, silence was compared with silence", "warning"
    if first is not None:
        yield f"  first divergence: {first}", ""

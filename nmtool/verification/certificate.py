"""`Certificate`: the result of a verification, as text, tables and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from nmtool.data.samples import only_classes
from nmtool.errors import visible
from nmtool.recording import Recording
from nmtool.tables import Result, Table, Tabular, counted, plain
from nmtool.verification.comparison import Agreement, Comparison, Divergence
from nmtool.verification.explanation import Explanation
from nmtool.verification.faults import MutationScore

SIMULATOR = "hardware_sim"
"""The name of the integer simulator among runtimes."""

_HEADER = (
    *("backend", "accuracy", "spikes compared", "different", "u, v different"),
    *("predictions different", "s per sample"),
)


@dataclass(frozen=True)
class StockCheck:
    """Check of an export's fast neuron model against Lava's own model, on part of one sample.

    Attributes:
        sample: index of the sample.
        first: first step of the excerpt, which starts from a fresh state.
        steps: number of steps of the excerpt.
        comparison: Lava's own model compared with the simulator, including u and v of every
            neuron.
        fast: the fast model compared with Lava's own, including u and v; None if both equal the
            simulator.
    """

    sample: int
    first: int
    steps: int
    comparison: Comparison
    fast: Comparison | None = None

    @property
    def stands_in(self) -> bool:
        """True if the fast model equals Lava's own model, so that it may replace that model."""
        return self.comparison.identical if self.fast is None else self.fast.identical

    @property
    def first_divergence(self) -> Divergence | None:
        """The first difference, with steps counted in the whole sample; None if there is none."""
        return self._in_sample(self.comparison.first_divergence)

    @property
    def first_between_models(self) -> Divergence | None:
        """The first difference between the fast model and Lava's own model; None without any."""
        return None if self.fast is None else self._in_sample(self.fast.first_divergence)

    def _in_sample(self, divergence: Divergence | None) -> Divergence | None:
        """Convert a difference in the excerpt to its sample and step in the whole input."""
        if divergence is None:
            return None
        return replace(divergence, sample=self.sample, step=self.first + divergence.step)

    @property
    def stretch(self) -> str:
        """Steps and sample of the excerpt, in words."""
        begin = f" from step {self.first}" if self.first else ""
        return f"{self.steps} steps of sample {self.sample}{begin}"


@dataclass(frozen=True)
class Check(Tabular):
    """Comparison of one backend with the expected recording.

    >>> import nmtool as nm
    >>> network = nm.round_network(nm.Network.layers([5, 8, 3])).network
    >>> spikes = nm.Raster.from_dense([[[1, 0, 1, 0, 1]] * 100])
    >>> certificate = nm.verify(network, spikes, against=nm.simulate(network, spikes))
    >>> certificate.checks["recording"]
    <Check: 800 spikes compared, identical>

    Attributes:
        comparison: comparison of all samples.
        recording: the backend's recording; if the samples ran in several portions, of the first
            portion that differs, else of the first portion.
        recorded_from: index of the recording's first sample.
        seconds: time that the backend took.
        model: neuron model that the backend ran; '' if it has only one.
        stock: check of the fast model against Lava's own; None if there was none.
        agreement: for exports of real numbers, agreement with the integer simulator; differences
            are not failures.
        explanation: explanation of the first sample that differs.
        steps_later: for recordings by other frameworks, steps by which each population is later
            than in nmtool; negative: earlier.
        shift_explains: True if the shifts in `steps_later` explain all differences.
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
    recorded_from: int = 0

    @property
    def identical(self) -> bool:
        """True if nothing differs, including the check of the fast model."""
        stock = self.stock
        same = stock is None or (stock.comparison.identical and stock.stands_in)
        return self.comparison.identical and same

    @property
    def first_divergence(self) -> Divergence | None:
        """The first difference in the samples or, without any, in the check of the fast model."""
        if self.comparison.first_divergence is not None or self.stock is None:
            return self.comparison.first_divergence
        return self.stock.first_divergence or self.stock.first_between_models

    def as_json(self) -> dict[str, Any]:
        """Counts of the comparison, under stable names for scripts."""
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
        """The comparison, and the check of the fast model if there was one."""
        tables = self.comparison.tables()
        if self.stock is not None:
            stock = self.stock.comparison.tables()[0]
            tables.append(replace(stock, title=f"stock model, {self.stock.stretch}"))
        return tables

    def __repr__(self) -> str:
        state = "identical" if self.identical else f"differs at {self.first_divergence}"
        return f"<Check: {self.comparison.spikes_compared} spikes compared, {state}>"


@dataclass(frozen=True)
class Certificate(Result):
    """All comparisons of one network or export.

    >>> import nmtool as nm
    >>> network = nm.round_network(nm.Network.layers([5, 8, 3])).network
    >>> spikes = nm.Raster.from_dense([[[1, 0, 1, 0, 1]] * 100])
    >>> certificate = nm.verify(network, spikes, against=nm.simulate(network, spikes))
    >>> certificate
    <Certificate: recording on 1 sample, spikes compared 800, different 0>
    >>> certificate.identical
    True

    Attributes:
        samples: number of samples.
        network_hash: content hash of the network.
        checks: the comparison of each backend, by name.
        accuracy: share of samples classified correctly, 0 … 1, by backend, including the integer
            simulator; empty for samples without labels, or with most events beyond the last step.
        on_known_answers: True if the inputs were the known answers of an export, or were generated
            for the network.
        generated: by backend, comparison of samples generated to exercise the network, including
            u and v of every neuron if the backend records them.
        mutation: one-unit faults that the samples, generated ones included, would have shown; None
            unless integers are compared with integers.
        overflows: counts in the integer simulator: `u_wraps` and `v_clips` in `neuron_updates`
            updates; `v_clips_outputs`, only the clips in non-spiking populations. Networks whose
            currents clip have `u_clips` instead of `u_wraps`.
        generated_overflows: as `overflows`, for the generated samples.
        artefacts: by backend, digest of the file or folder that ran
            (`nmtool/verification/digest.py`).
        class_samples: number of samples per class; empty if accuracy is not measured.

    `print(certificate)` prints what was compared and what differs, a line per backend;
    `certificate.summary()` is a table.
    """

    samples: int
    network_hash: str
    checks: Mapping[str, Check]
    accuracy: Mapping[str, float] = field(default_factory=dict)
    on_known_answers: bool = False
    generated: Mapping[str, Check] = field(default_factory=dict)
    mutation: MutationScore | None = None
    overflows: Mapping[str, int] = field(default_factory=dict)
    generated_overflows: Mapping[str, int] = field(default_factory=dict)
    artefacts: Mapping[str, str] = field(default_factory=dict)
    class_samples: Sequence[int] = ()

    @property
    def identical(self) -> bool:
        """True if no backend differs anywhere."""
        return all(check.identical for _, check in self._all_checks())

    def _all_checks(self) -> list[tuple[str, Check]]:
        """All checks; those of generated samples come last."""
        return [*self.checks.items(), *self.generated.items()]

    @property
    def spikes_compared(self) -> int:
        """Number of compared bins, over all backends."""
        return sum(check.comparison.spikes_compared for _, check in self._all_checks())

    @property
    def spikes_different(self) -> int:
        """Number of different bins, over all backends."""
        return sum(check.comparison.spikes_different for _, check in self._all_checks())

    @property
    def first_divergence(self) -> tuple[str, Divergence] | None:
        """The first backend that differs, and its first difference; None if no backend differs."""
        places = ((name, check.first_divergence) for name, check in self._all_checks())
        return next(((name, place) for name, place in places if place is not None), None)

    def as_json(self) -> dict[str, Any]:
        """The certificate as plain values, under stable names for scripts."""
        about: dict[str, Any] = {"samples": self.samples, "hash": self.network_hash}
        if not self.on_known_answers:
            about["accuracy"] = dict(self.accuracy)
            if class_remark := only_classes(self.class_samples):
                about["only_classes"] = class_remark
        rest = {
            "generated": self.generated,
            "mutation": self.mutation,
            "overflows": self.overflows,
            "generated_overflows": self.generated_overflows,
            "artefacts": self.artefacts,
        }
        return {**about, **self.findings_json(), **plain(rest)}

    def findings_json(self) -> dict[str, Any]:
        """Counts by backend, and the first difference of the first one that differs, as JSON."""
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
            rows.append(("simulator", f"{self.accuracy[SIMULATOR]:.2%}", *[""] * 5))
        for name, check in self.checks.items():
            rows += self._rows(name, check)
        noun = "known answer" if self.on_known_answers else "sample"
        class_remark = only_classes(self.class_samples)
        return [
            Table(
                counted(self.samples, noun) + (f", {class_remark}" if class_remark else ""),
                _HEADER,
                rows,
            )
        ]

    def lasting_tables(self) -> list[Table]:
        """The tables for a record: without run times, which vary, but with digests of exports."""
        [table] = self.tables()
        rows = [row[:-1] for row in table.rows]
        tables = [replace(table, header=table.header[:-1], rows=rows)]
        if self.artefacts:
            digests = list(self.artefacts.items())
            tables.append(Table("SHA-256 of compared files", ("", "value"), digests))
        return tables

    def _rows(self, name: str, check: Check) -> Iterator[tuple[str, ...]]:
        """Yield table rows of a backend: the comparison, and Lava's own model if it was checked."""
        accuracy = f"{self.accuracy[name]:.2%}" if name in self.accuracy else ""
        label = f"{name} ({check.model})" if check.model else name
        pace = f"{check.seconds / max(1, self.samples):.3g}"
        states = check.recording.current or check.recording.potential
        yield label, accuracy, *_count_cells(check.comparison, only_outputs=not states), pace
        if check.stock is not None:
            yield f"{name} (stock)", "", *_count_cells(check.stock.comparison), ""

    def sentences(self) -> list[tuple[str, str]]:
        """The result as lines of text, each with its severity: '', `warning` or `alarm`."""
        lines = [
            line for name, check in self.checks.items() for line in _check_sentences(name, check)
        ]
        for name, check in self.generated.items():
            many = counted(check.recording.n_samples, "generated sample")
            lines += _check_sentences(f"{name}, {many}", check)
        return [*lines, *self._extent()]

    def _extent(self) -> Iterator[tuple[str, str]]:
        """Yield sentences on the extent of the comparison: one-unit faults and overflows."""
        if self.mutation is not None:
            yield self.mutation.sentence(), ""
            if least_tested := self.mutation.least_tested():
                yield f"  {least_tested}", ""
        if not self.on_known_answers:
            yield from _overflow_lines(self.overflows, of_data=True)

    def overflows_without_data(self) -> list[tuple[str, str]]:
        """Sentences on overflows on known answers and generated samples, with their severity.

        Such samples drive neurons harder than data do.
        """
        of_answers = self.overflows if self.on_known_answers else {}
        return [
            *_overflow_lines(of_answers, " on known answers, which drive neurons harder than data"),
            *_overflow_lines(self.generated_overflows, " on generated samples"),
        ]

    def __str__(self) -> str:
        return "\n".join(visible(text) for text, _ in self.sentences())

    def __repr__(self) -> str:
        return (
            f"<Certificate: {', '.join(self.checks)} on {counted(self.samples, 'sample')}, "
            f"spikes compared {self.spikes_compared}, different {self.spikes_different}>"
        )


def _overflow_lines(
    counts: Mapping[str, int], of: str = "", *, of_data: bool = False
) -> Iterator[tuple[str, str]]:
    """Yield the sentence on overflows; it is a warning if spikes on data may depend on them.

    Args:
        counts: counts as in `Certificate.overflows`.
        of: origin of the samples in words, e.g. ` on generated samples`.
        of_data: True if the samples come from data.
    """
    u, consequence = (
        "u_wraps",
        "chips and simulators that treat them otherwise may answer otherwise",
    )
    if "u_clips" in counts:
        u, consequence = "u_clips", "the chip clips them, too"
    if not (counts.get(u) or counts.get("v_clips")):
        return
    hidden = counts[u] or counts["v_clips"] > counts["v_clips_outputs"]
    yield (
        f"overflows in {counts['neuron_updates']} updates of neurons{of}: u {u[2:]} "
        f"{counts[u]} times, v clips {counts['v_clips']} times, {counts['v_clips_outputs']} of "
        f"these in outputs; {consequence}",
        "warning" if of_data and hidden and u == "u_wraps" else "",
    )


def _count_cells(
    comparison: Comparison, *, only_outputs: bool = False
) -> tuple[str, str, str, str]:
    """Format the counts of a comparison as table cells, blank if values were not compared.

    Args:
        comparison: the comparison.
        only_outputs: True if membranes of outputs were compared, but not u and v of every neuron.
    """
    compared, predictions = comparison.membrane_compared, comparison.predictions_different
    of_outputs = " (outputs)" if only_outputs else ""
    return (
        f"{comparison.spikes_compared:,}",
        f"{comparison.spikes_different:,}",
        f"{comparison.membrane_different:,} of {compared:,}{of_outputs}" if compared else "",
        "" if predictions is None else f"{predictions:,}",
    )


def _check_sentences(name: str, check: Check) -> Iterator[tuple[str, str]]:
    """Yield the sentences of a check: the counts, e.g. `different 0`, and the first difference."""
    yield from _comparison_sentences(name, check.comparison, check.comparison.first_divergence)
    if check.steps_later:
        yield from _shift_sentences(name, check)
    if check.explanation is not None:
        same_place = str(check.explanation.place) == str(check.comparison.first_divergence)
        sentences = check.explanation.details() if same_place else check.explanation.sentences()
        yield from ((f"  {sentence}", "") for sentence in sentences)
    if check.agreement is not None:
        yield (
            f"{name}: floats, compared with a float reference; floats against integers: "
            f"{check.agreement.share:.1%} of spikes in common, predictions different "
            f"{check.agreement.predictions_different}",
            "",
        )
    stock = check.stock
    if stock is None:
        return
    label = f"{name}, stock model, {stock.stretch}"
    yield from _comparison_sentences(label, stock.comparison, stock.first_divergence)
    if not stock.stands_in:
        yield (
            f"{name}: the fast model differs from Lava's own, so the comparison of all samples "
            "proves nothing",
            "alarm",
        )
        if stock.first_between_models is not None:
            yield f"  first divergence: {stock.first_between_models}", ""
    elif not check.identical:
        yield (
            f"{name}: the fast model equals Lava's own in these steps, so the comparison counts: "
            "the export differs from the network",
            "",
        )


def _shift_sentences(name: str, check: Check) -> Iterator[tuple[str, str]]:
    """Yield sentences on the shift in time of a recording by another framework."""
    texts = {}
    for population, steps in check.steps_later.items():
        count = counted(abs(steps), "step")
        texts[population] = f"{count} {'later' if steps > 0 else 'earlier'}"
    groups = ("spikes", "membrane", "current", "potential")
    recorded = {n for group in groups for n in getattr(check.recording, group)}
    if len({*texts.values()}) == 1 and len(texts) == len(recorded):
        words = next(iter(texts.values()))
    else:
        words = ", ".join(f"{population} {text}" for population, text in texts.items())
    if not check.shift_explains:
        yield (
            f"{name}: hops take no step in the recording; its shift relative to nmtool: {words}; "
            "steps are counted as recorded",
            "",
        )
        return
    yield (
        f"  [recording-shifted] only the timing of the recording differs from nmtool: {words}",
        "warning",
    )
    if max(check.steps_later.values()) < 0:
        yield (
            "  a hop takes one step in nmtool; if it takes none in the framework, write "
            "hops='free' into the file",
            "",
        )
    else:
        yield "  record every step from the first one on, starting from a fresh state", ""


def _comparison_sentences(
    label: str, comparison: Comparison, first: Divergence | None
) -> Iterator[tuple[str, str]]:
    """Yield the sentences of a comparison: its counts, and the first difference if there is one."""
    predictions = comparison.predictions_different
    yield (
        f"{label}: spikes compared {comparison.spikes_compared}, "
        f"different {comparison.spikes_different}; {comparison.emitted}"
        + (f"; predictions different {predictions}" if predictions else ""),
        "",
    )
    silent = not (comparison.spikes_emitted or comparison.spikes_different)
    if comparison.spikes_compared and silent:
        yield "  warning: no neuron spikes, silence was compared with silence", "warning"
    if first is not None:
        # The sentence ends in `expected X, got Y`. If Y comes from another framework, Y may be
        # right and X wrong. Therefore the sentence also names the file that contains Y.
        where = f" in {label}" if label.endswith(".npz") else ""
        yield f"  first divergence: {first}{where}", ""

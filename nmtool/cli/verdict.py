"""What comparisons of backends with the simulator say: as a table, in words, as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from nmtool.cli import console
from nmtool.cli.loading import Samples
from nmtool.recording import Recording
from nmtool.verification.comparison import Agreement, Comparison, Divergence

SIMULATOR = "hardware_sim"
HEADER = (
    *("backend", "accuracy", "spikes compared", "different", "u, v different"),
    *("predictions different", "s per sample"),
)


@dataclass(frozen=True)
class StockCheck:
    """A stretch of one sample on Lava's own model, for the fast one that stands in for it.

    Attributes:
        sample: index of the sample.
        first: the step of the sample at which the stretch begins, from a fresh state.
        steps: how many steps were run.
        comparison: with the simulator, u and v of every neuron included.
    """

    sample: int
    first: int
    steps: int
    comparison: Comparison

    @property
    def first_divergence(self) -> Divergence | None:
        """Where it first differs, in the sample's own number and steps."""
        found = self.comparison.first_divergence
        if found is None:
            return None
        return replace(found, sample=self.sample, step=self.first + found.step)

    @property
    def stretch(self) -> str:
        """Which steps were run, in words."""
        since = f" from step {self.first}" if self.first else ""
        return f"{self.steps} steps of sample {self.sample}{since}"


@dataclass(frozen=True)
class Verdict:
    """A backend's comparison with the simulator.

    Attributes:
        comparison: of all samples.
        accuracy: of the backend; None where samples have no labels.
        seconds: it took.
        model: which of the backend's models ran, '' where it has only one.
        stock: the check of the model itself, where one was made.
        integers: for real numbers, how far they follow the integers; no reason to fail.
    """

    comparison: Comparison
    accuracy: float | None
    seconds: float
    model: str = ""
    stock: StockCheck | None = None
    integers: Agreement | None = None

    @property
    def identical(self) -> bool:
        """Whether nothing differs, in the check of the model neither."""
        return self.comparison.identical and (self.stock is None or self.stock.comparison.identical)

    @property
    def first_divergence(self) -> Divergence | None:
        """Where all samples first differ, else where the check of the model does."""
        if self.comparison.first_divergence is not None or self.stock is None:
            return self.comparison.first_divergence
        return self.stock.first_divergence

    def as_json(self) -> dict[str, Any]:
        """The keys scripts rely on, and those of the check."""
        entry = {**self.comparison.as_json(), "seconds": round(self.seconds, 3)}
        if self.model:
            entry["model"] = self.model
        if self.stock is not None:
            entry |= {"stock_sample": self.stock.sample, "stock_first_step": self.stock.first}
            entry["stock_steps"] = self.stock.steps
            counts = self.stock.comparison.as_json()
            del counts["predictions_different"]
            entry |= {f"stock_{name}": count for name, count in counts.items()}
        if self.integers is not None:
            entry["integer"] = asdict(self.integers)
        return entry


def all_identical(verdicts: Mapping[str, Verdict]) -> bool:
    """Whether no backend differs anywhere."""
    return all(verdict.identical for verdict in verdicts.values())


def report(
    samples: Samples, expected: Recording | None, verdicts: Mapping[str, Verdict]
) -> dict[str, Any]:
    """The object scripts rely on, of a comparison on data.

    Nothing is expected of a simulator of integers where real numbers are all there is.
    """
    accuracy = {name: verdict.accuracy for name, verdict in verdicts.items()}
    if expected is not None:
        accuracy = {SIMULATOR: expected.accuracy(samples.label), **accuracy}
    return {"samples": samples.raster.n_samples, "accuracy": accuracy, **findings(verdicts)}


def findings(verdicts: Mapping[str, Verdict]) -> dict[str, Any]:
    """What differs, by backend, and where the first difference is.

    Where only the check of a backend's model differs, that is the first divergence.
    """
    divergences = {name: verdict.first_divergence for name, verdict in verdicts.items()}
    first = next(((n, d) for n, d in divergences.items() if d is not None), None)
    return {
        "backends": {name: verdict.as_json() for name, verdict in verdicts.items()},
        "first_divergence": None if first is None else {"backend": first[0], **asdict(first[1])},
    }


def print_verdicts(
    samples: Samples, expected: Recording | None, verdicts: Mapping[str, Verdict]
) -> None:
    """The certificate as a table, and what it says in words."""
    first_rows: list[tuple[str, ...]] = []
    if expected is not None:
        first_rows = [(SIMULATOR, f"{expected.accuracy(samples.label):.2%}", *[""] * 5)]
    n_samples = samples.raster.n_samples
    print_certificate(f"{n_samples} samples", n_samples, verdicts, first_rows)


def print_certificate(
    title: str,
    n_samples: int,
    verdicts: Mapping[str, Verdict],
    first_rows: list[tuple[str, ...]],
) -> None:
    """A table of some rows and those of the verdicts, and what they say in words."""
    rows = [row for name, verdict in verdicts.items() for row in _rows(name, verdict, n_samples)]
    console.print_table(title, HEADER, [*first_rows, *rows])
    for name, verdict in verdicts.items():
        print_verdict(name, verdict)


def _rows(name: str, verdict: Verdict, n_samples: int) -> list[tuple[str, ...]]:
    accuracy = "" if verdict.accuracy is None else f"{verdict.accuracy:.2%}"
    label = f"{name} ({verdict.model})" if verdict.model else name
    rows: list[tuple[str, ...]] = [
        (
            label,
            accuracy,
            *_counts(verdict.comparison),
            f"{verdict.seconds / max(1, n_samples):.3g}",
        )
    ]
    if verdict.stock is not None:
        rows.append((f"{name} (stock)", "", *_counts(verdict.stock.comparison), ""))
    return rows


def _counts(comparison: Comparison) -> tuple[str, str, str, str]:
    return (
        f"{comparison.spikes_compared:,}",
        f"{comparison.spikes_different:,}",
        f"{comparison.membrane_different:,} of {comparison.membrane_compared:,}",
        f"{comparison.predictions_different:,}",
    )


def print_verdict(name: str, verdict: Verdict) -> None:
    """`spikes compared N, different 0`, how many there are, and where a divergence begins."""
    _print_sentence(name, verdict.comparison, verdict.comparison.first_divergence)
    if verdict.integers is not None:
        _print_agreement(name, verdict.integers)
    stock = verdict.stock
    if stock is None:
        return
    _print_sentence(
        f"{name}, stock model, {stock.stretch}", stock.comparison, stock.first_divergence
    )
    if not stock.comparison.identical:
        console.tell(
            f"{name}: Lava's own model differs. The fast model stands in for it, so the "
            "comparison of all samples proves nothing",
            style="bold red",
        )


def _print_sentence(label: str, comparison: Comparison, first: Divergence | None) -> None:
    console.tell(
        f"{label}: spikes compared {comparison.spikes_compared}, "
        f"different {comparison.spikes_different}; spikes emitted {comparison.spikes_emitted}"
    )
    if comparison.spikes_compared and not comparison.spikes_emitted:
        console.tell("  warning: no neuron spikes, silence was compared with silence", "yellow")
    if first is not None:
        console.tell(f"  first divergence: {_located(first)}")


def _print_agreement(name: str, integers: Agreement) -> None:
    console.tell(
        f"{name}: float, compared with a float reference; of the spikes that it or the integer "
        f"simulator emits, {integers.share:.1%} are shared; predictions different "
        f"{integers.predictions_different}"
    )


def _located(divergence: Divergence) -> str:
    return (
        f"sample {divergence.sample}, step {divergence.step}, {divergence.population}"
        f"[{divergence.neuron}], {divergence.quantity}: expected {divergence.expected:.12g}, "
        f"got {divergence.actual:.12g}"
    )

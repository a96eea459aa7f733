"""Functions that make the sections of a report from results, in the order of the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool import plot
from nmtool.data.samples import Samples
from nmtool.description import describe_network, tables_of
from nmtool.errors import Finding
from nmtool.evaluation.confusion import Confusion, interval_text
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork
from nmtool.quantisation import Quantisation, RoundingCost
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.reporting.report import Figure, Section, section_of
from nmtool.tables import Table, listed
from nmtool.verification.certificate import Certificate
from nmtool.verification.comparison import Divergence

SATURATED = 0.5
"""Share of steps with a spike, mean over samples, from which a neuron counts as saturated."""

_OVERFLOWS = {"u_wraps": "currents that wrap around", "v_clips": "membranes that clip"}

_ONLY_IN_LOG = ("seconds",)
"""Values of an epoch that its table leaves out."""

_IF_NOT_ZERO = ("surplus_events", "dropped_events")
"""Values of an epoch that its table leaves out if they are 0."""

_MAX_NARROW_CLASSES = 15
"""Largest number of classes whose names fit beside a confusion matrix in one column of the page."""

_MAX_PLOTTED = 12
"""Largest number of projections with histograms; the table lists all projections."""


def network_section(network: Network | IntegerNetwork) -> Section:
    """Section on the populations, projections and constants of a network."""
    facts = describe_network(network)
    for projection in facts["projections"]:
        projection.pop("delay_histogram")
    return Section("description", "Network", tables=tables_of("network", facts), facts=facts)


def accuracy_section(
    where: str, samples: int, accuracy: Mapping[str, float], notes: Sequence[str]
) -> Section:
    """Section on the accuracy of each network and backend that ran.

    Args:
        where: number, data set and split of the samples, in words; '' without samples.
        samples: number of samples.
        accuracy: share classified correctly, by network or backend.
        notes: sentences on evaluations that did not run or lack events, with reasons.
    """
    header = ("network or backend", "accuracy", "95 % interval", "samples")
    rows = [
        (
            name,
            f"{share:.2%}",
            interval_text(share, samples),
            f"{round(share * samples):,} of {samples:,}",
        )
        for name, share in accuracy.items()
    ]
    return Section(
        "accuracy",
        "Accuracy",
        [*([(f"On {where}.", "")] if where else []), *((note, "warning") for note in notes)],
        [Table("samples classified correctly", header, rows)] if rows else [],
        facts={"on": where, "samples": samples, "accuracy": dict(accuracy)},
    )


def learning_section(
    log: Sequence[Mapping[str, Any]],
    best: Mapping[str, Any] | None,
    epochs: int,
    advice: Sequence[Finding] = (),
    search: Table | None = None,
    class_names: Sequence[str] = (),
) -> Section:
    """Section on a training run: curves, hyperparameter search, suggestions for another run.

    Args:
        log: an entry per epoch.
        best: entry of the best epoch, whose network was kept; None if no epoch ended.
        epochs: requested number of epochs.
        advice: suggestions for another run.
        search: the best trials of the run's hyperparameter search; None without a search.
        class_names: name of each class.
    """
    if best is None:
        return Section("learning", "Learning", [("No epoch of the run has ended.", "warning")])
    sentences = [f"Epoch {best['epoch']} was the best of {len(log)} (of {epochs} requested)."]
    if log[-1].get("stopped_early"):
        sentences.append("Early stopping: the last epochs were no better than the best before.")
    if "settled_accuracy" in best:
        sentences.append(
            "At the end, scales of integers were changed so that nothing overflows: accuracy "
            f"{_percent(best['validation_accuracy'])} before, {best['settled_accuracy']:.2%} after."
        )
    figures = [
        Figure(f"{quantity} by epoch", [partial(plot.learning, log, quantity, best=best["epoch"])])
        for quantity, keys in plot.LEARNING.items()
        if any(entry.get(key) for entry in log for key in keys)
    ]
    rows = [
        (key.replace("_", " "), _log_value(key, value))
        for key, value in _with_class_names(best, class_names)
        if value is not None and key not in _ONLY_IN_LOG and (value or key not in _IF_NOT_ZERO)
    ]
    tables = [Table("best epoch", ("", "value"), rows)]
    if search is not None:
        tables.append(replace(search, title=f"search for its settings: {search.title}"))
    facts = {
        "kept_epoch": best["epoch"],
        "epochs": epochs,
        "log": [dict(entry) for entry in log],
        "next": [asdict(finding) for finding in advice],
    }
    return Section(
        *("learning", "Learning", [(sentence, "") for sentence in sentences], tables, figures),
        findings=advice,
        facts=facts,
    )


def classes_section(name: str, confusion: Confusion) -> Section:
    """Section on the accuracy per class, with the confusion matrix.

    Args:
        name: name of the network or backend that ran.
        confusion: the confusion matrix.
    """
    figures = []
    if not confusion.has_many_classes:
        caption = "Rows are true classes, columns predictions; shades are shares of a row."
        is_wide = len(confusion.class_names) > _MAX_NARROW_CLASSES
        height = 3.0 if is_wide else 1.5
        figures.append(Figure(caption, [partial(plot.confusion, confusion)], [height], is_wide))
    return section_of(
        "classes",
        "Classes",
        confusion,
        sentences=[(f"Predictions of the {name}.", "")],
        figures=figures,
    )


def samples_section(
    samples: Samples,
    predictions: NDArray[np.integer],
    record: Callable[[int], Recording],
    class_names: Sequence[str],
    first_difference: tuple[str, Divergence, Recording] | None = None,
) -> Section:
    """Section with the spikes and membranes of single samples.

    The samples are the first that is classified correctly, the first that is misclassified, and the
    first in which a backend differs.

    Args:
        samples: the input, and the true classes.
        predictions: [samples] predicted classes.
        record: function that returns the network's recording of a single sample.
        class_names: name of each class.
        first_difference: a backend that differs, its first difference, and its recording of the
            sample that differs.
    """

    def figure(caption: str, sample: int, *other: Any) -> Figure:
        """Figure of a sample."""
        network = record(sample)
        return _sample_figure(
            caption, samples.take(np.array([sample])), network, class_names, *other
        )

    right = predictions == samples.label
    sentences, figures, chosen = [], [], {}
    for name, mask in (("right", right), ("wrong", ~right)):
        if not mask.any():
            sentences.append(
                f"No sample is classified {'correctly' if name == 'right' else 'wrongly'}."
            )
            continue
        sample = chosen[name] = int(mask.argmax())
        answer = class_names[predictions[sample]]
        caption = f"The first {name} sample, {sample}: class {class_names[samples.label[sample]]}"
        caption += "." if name == "right" else f", predicted as {answer}."
        figures.append(figure(caption, sample))
    if first_difference is not None:
        backend, place, actual = first_difference
        chosen["first divergence"] = place.sample
        caption = f"The first difference of {backend}: {place}."
        figures.append(figure(caption, place.sample, actual, place.step))
    return Section(
        "samples",
        "Samples",
        [(sentence, "") for sentence in sentences],
        figures=figures,
        facts={"chosen": chosen},
    )


def synapses_section(
    network: Network | IntegerNetwork, before: Network | IntegerNetwork | None, note: str
) -> Section:
    """Section on weights and delays after training and, if known, before training.

    Args:
        network: the network after training.
        before: the network before training, of the same shape; None if unknown.
        note: text on the origin of `before`, or on the reason why it is unknown.
    """
    sentences, projections = [note], list[Any](network.projections)
    drawn = min(len(projections), _MAX_PLOTTED)
    if drawn < len(projections):
        sentences.append(f"Plots show the first {drawn} of {len(projections)} projections.")
    figures = [
        Figure(
            f"{quantity} of {projection.source} → {projection.target}",
            [partial(draw, network, index, before=before)],
        )
        for index, projection in enumerate(projections[:drawn])
        for quantity, draw in (("Weights", plot.weights), ("Delays", plot.delays))
    ]
    rows = []
    for index, new in enumerate(projections):
        synapses = new.weight != 0
        row: list[Any] = [
            f"{new.source} → {new.target}",
            int(synapses.sum()),
            f"{1 - _mean(synapses):.1%}",
        ]
        row += [_mean(np.abs(new.weight[synapses])), _mean(new.delay[synapses])]
        if before is not None:
            old: Any = before.projections[index]
            had_synapses = old.weight != 0
            row += [_mean(np.abs(old.weight[had_synapses])), _mean(old.delay[had_synapses])]
            row += [_mean(np.abs(new.weight - old.weight))]
            row += [_mean(np.abs(new.delay.astype(np.int64) - old.delay))]
        rows.append(tuple(row))
    header = ["projection", "synapses", "weight 0", "mean |weight|", "mean delay"]
    if before is not None:
        header += ["|weight| before", "delay before", "mean |Δ weight|", "mean |Δ delay|"]
    facts: dict[str, Any] = {
        "before": None if before is None else before.content_hash,
        "note": note,
    }
    facts["projections"] = [dict(zip(header, row, strict=True)) for row in rows]
    title = "weights, and delays in steps, of synapses with nonzero weight"
    return Section(
        "synapses",
        "Weights and delays",
        [(sentence, "") for sentence in sentences if sentence],
        [Table(title, header, rows)],
        figures,
        facts=facts,
    )


def activity_section(spikes: Raster, recording: Recording) -> Section:
    """Section on firing rates, on silent and saturated neurons, and on overflows.

    Args:
        spikes: the input.
        recording: the network's recording, of which only spikes and counts are used.
    """
    rows, sentences, populations = [], [], {}
    for name, raster in {"input": spikes, **recording.spikes}.items():
        mean = raster.counts().mean(axis=0)
        silent = np.flatnonzero(mean == 0).tolist()
        saturated = np.flatnonzero(mean >= SATURATED * max(raster.n_steps, 1)).tolist()
        median_rate = float(np.median(mean)) if mean.size else 0.0
        largest_rate = float(mean.max(initial=0))
        rows.append(
            (
                name,
                raster.n_neurons,
                _mean(mean),
                median_rate,
                largest_rate,
                len(silent),
                len(saturated),
            )
        )
        for predicate, neurons in (("never spike", silent), ("are saturated", saturated)):
            if neurons and name != "input":
                severity = (
                    "warning" if len(neurons) == raster.n_neurons or neurons is saturated else ""
                )
                line = f"{name}: {len(neurons):,} of {raster.n_neurons:,} neurons {predicate}"
                sentences.append((f"{line} ({listed(neurons)}).", severity))
        populations[name] = {"neurons": raster.n_neurons, "spikes_per_neuron": _mean(mean)}
        populations[name] |= {
            "median": median_rate,
            "max": largest_rate,
            "silent": silent,
            "saturated": saturated,
        }
    figures = []
    if recording.spikes:
        figures = [
            Figure("Histogram of firing rates.", [partial(plot.rates, recording)]),
            Figure(
                "Population activity: share of neurons that spike.",
                [partial(plot.activity, recording)],
            ),
        ]
    else:
        sentences.append(("No population of this network spikes.", ""))
    overflows = {key: recording.counts[key] for key in _OVERFLOWS if key in recording.counts}
    if any(overflows.values()):
        counts = ", ".join(f"{_OVERFLOWS[key]} {count:,}" for key, count in overflows.items())
        sentences.append((f"Overflows of the integers: {counts}.", "warning"))
    facts = {"populations": populations, "overflows": overflows}
    sentences.append((f"Saturated neurons spike at {SATURATED:.0%} of all steps or more.", ""))
    header = ("", "neurons", "mean", "median", "max", "silent", "saturated")
    table = Table("spikes per neuron and sample", header, rows)
    return Section("activity", "Activity", sentences, [table], figures, facts=facts)


def rounding_section(
    quantisation: Quantisation | None, cost: RoundingCost | None, note: str
) -> Section:
    """Section on rounding errors, findings, and the accuracy lost.

    Args:
        quantisation: the quantisation; None if the report did not quantise the network.
        cost: accuracy lost by rounding.
        note: text on the origin of the integers, or on the reason why there are none.
    """
    tables: list[Table] = []
    findings: Sequence[Finding] = ()
    facts: dict[str, Any] = {"note": note}
    if cost is not None:
        tables += cost.tables()
    if quantisation is not None:
        tables += quantisation.report.tables()
        findings = quantisation.findings
        facts |= quantisation.report.as_json()
    facts["cost"] = None if cost is None else cost.as_json()
    return Section(
        "rounding",
        "Cost of rounding",
        [(note, "")] if note else [],
        tables,
        findings=findings,
        facts=facts,
    )


def certificate_section(certificate: Certificate | None, example: str) -> Section:
    """Section on the comparison of backends with the simulator.

    Args:
        certificate: the certificate; None if no backend was compared.
        example: command that compares a backend, shown if there is no certificate.
    """
    title = "Certificate"
    if certificate is None:
        sentence = f"No backend was compared. To compare every spike: {example}"
        return Section("certificate", title, [(sentence, "")])
    # Times differ from call to call. Without times, equal results give equal pages.
    tables = [_without_column(table, "s per sample") for table in certificate.tables()]
    if certificate.artefacts:
        tables.append(
            Table("SHA-256 of compared files", ("", "value"), list(certificate.artefacts.items()))
        )
    result = "Nothing differs." if certificate.identical else "Backends differ."
    severity = "" if certificate.identical else "alarm"
    sentences = [(result, severity), *certificate.sentences()]
    return section_of("certificate", title, certificate, tables=tables, sentences=sentences)


def reproduce_section(
    values: Sequence[tuple[str, str]], code: Sequence[tuple[str, str]], facts: Mapping[str, Any]
) -> Section:
    """Section with commands, seeds, versions and hashes.

    Args:
        values: (name, formatted value) of seeds, versions and hashes.
        code: (title, text) of commands and settings.
        facts: plain values for scripts.
    """
    table = Table("seeds, versions and hashes", ("", "value"), list(values))
    return Section("reproduce", "How to reproduce", tables=[table], code=code, facts=facts)


def _sample_figure(
    caption: str,
    sample: Samples,
    recording: Recording,
    class_names: Sequence[str],
    other: Recording | None = None,
    mark: int | None = None,
) -> Figure:
    """Figure of the input, spikes and output membranes of a sample, one above the other.

    Args:
        caption: text below the figure.
        sample: input and class of a single sample.
        recording: the network's recording of this sample.
        class_names: name of each class.
        other: another backend's recording of this sample, whose spikes are drawn, too.
        mark: step to mark with a vertical line.
    """
    panels = [partial(plot.raster, sample.raster, population="input")]
    heights = [0.8]
    if recording.spikes:
        panels.append(partial(plot.raster, recording, other=other))
        heights.append(1.0)
    if recording.membrane:
        answers = recording.readout.population in recording.membrane
        text_of_classes: dict[str, Any] = {}
        if answers:
            text_of_classes = {"class_names": class_names, "label": int(sample.label[0])}
        panels.append(partial(plot.membranes, recording, **text_of_classes))
        heights.append(0.9)
    return Figure(caption, [partial(_draw_with_mark, draw, mark) for draw in panels], heights)


def _draw_with_mark(draw: Callable[..., Any], mark: int | None, *, ax: Any) -> None:
    """Draw on axes and, unless `mark` is None, mark that step with a vertical line."""
    draw(ax=ax)
    if mark is not None:
        ax.axvline(mark, color=plot.GREY, linewidth=0.8, linestyle=":")


def _without_column(table: Table, column: str) -> Table:
    """A copy of a table, without one of its columns."""
    indices = [index for index, name in enumerate(table.header) if name != column]
    rows = [[row[index] for index in indices] for row in table.rows]
    return replace(table, header=[table.header[index] for index in indices], rows=rows)


def _mean(values: NDArray[Any]) -> float:
    """Mean of values; 0 without values."""
    return float(values.mean()) if values.size else 0.0


def _percent(share: float | None) -> str:
    """A share as a percentage; `unknown` for None."""
    return "unknown" if share is None else f"{share:.2%}"


def _with_class_names(
    entry: Mapping[str, Any], class_names: Sequence[str]
) -> Iterator[tuple[str, Any]]:
    """Names and values of an epoch's log entry; confused classes are written with their names."""
    for key, value in entry.items():
        if key == "confused" and value and class_names:
            label, answer = (class_names[int(value[of])] for of in ("label", "answer"))
            value = f"{label}, of which {value['share']:.0%} are taken for {answer}"
        yield key, value


def _log_value(key: str, value: Any) -> Any:
    """A value of a log entry, formatted for a table."""
    if key.endswith(("accuracy", "sparsity")):
        return _percent(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {number:.3g}" for name, number in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value

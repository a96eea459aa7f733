"""Sections: silent and saturated neurons, chosen samples, and missing content."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nmtool as nm
from nmtool.data.samples import Samples, bin_for
from nmtool.errors import Finding, StorageError
from nmtool.evaluation.confusion import Confusion
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.reporting import Report, Section, section_of, sections
from nmtool.tables import Table, Tabular
from nmtool.verification.certificate import Certificate
from nmtool.verification.comparison import Divergence
from tests.nmtool.cli import cases
from tests.refusals import refused

NETWORK = cases.integer_network()
SAMPLES = bin_for(NETWORK, cases.spike_events(6, 2))
RECORDING = nm.simulate(NETWORK, SAMPLES.raster)


class Everything(Tabular):
    """A value with everything that a section can contain."""

    findings = (Finding("a-code", "somewhere", "what", "fix"),)

    def tables(self) -> list[Table]:
        return [Table("cost", ("a", "b"), [(1, 2)])]

    def sentences(self) -> list[tuple[str, str]]:
        return [("it fits", "")]

    def as_json(self) -> dict[str, int]:
        return {"cores": 2}


def test_any_tabular_value_is_a_section() -> None:
    section = section_of("check", "Check", Everything())
    assert section.tables[0].rows == [(1, 2)]
    assert (section.sentences, section.facts) == ([("it fits", "")], {"cores": 2})
    assert section.findings[0].code == "a-code"
    assert section_of("check", "Check", Everything(), facts={}).facts == {}
    assert section_of("input", "Input", SAMPLES).facts == {}


def test_a_report_is_json_and_tables() -> None:
    report = Report("run", [("a", "1")], [section_of("check", "Check", Everything())])
    assert report.as_json() == {"network": "run", "passed": True, "check": {"cores": 2}}
    assert [table.title for table in report.tables()] == ["report on run", "check: cost"]
    assert repr(report) == "<Report on run: check>"


def test_a_report_is_saved_as_its_page(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    report = Report("run", [("a", "1")], [section_of("check", "Check", Everything())])
    assert report.save(tmp_path / "report.html").read_text("utf-8") == report.html()
    with refused(StorageError, "file-not-written"):
        report.save(tmp_path / "report.html" / "report.html")


def samples_section(samples: Samples, recording: Recording, *difference: Any) -> Section:
    return sections.samples_section(
        samples,
        recording.predictions,
        lambda sample: recording.take([sample]),
        cases.CLASSES,
        *difference,
    )


def test_silent_and_saturated_neurons() -> None:
    dense = np.zeros((2, 10, 4), bool)
    dense[:, ::2, 1] = True
    dense[0, :9, 2] = True
    dense[0, 3, 3] = True
    recording = replace(RECORDING, spikes={"hidden": Raster.from_dense(dense)})
    section = sections.activity_section(Raster.silent(2, 10, 3), recording)
    assert section.facts["populations"]["hidden"]["silent"] == [0]
    assert section.facts["populations"]["hidden"]["saturated"] == [1]
    assert section.facts["populations"]["hidden"]["spikes_per_neuron"] == (5 + 5 + 9 + 1) / 8
    assert section.facts["populations"]["input"]["silent"] == [0, 1, 2]
    assert [weight for _, weight in section.sentences] == ["", "warning", ""]
    assert len(section.figures) == 2


def test_overflows_are_a_warning() -> None:
    counts = {"u_wraps": 0, "v_clips": 3, "v_clips.hidden": 3}
    for recording, n_warnings in (
        (RECORDING, 0),
        (replace(RECORDING, counts=counts), 1),
        (replace(RECORDING, counts={}), 0),
    ):
        section = sections.activity_section(SAMPLES.raster, recording)
        weights = [weight for _, weight in section.sentences]
        assert weights.count("warning") == n_warnings
    assert section.facts["overflows"] == {}


def test_a_population_that_never_spikes_is_a_warning() -> None:
    recording = replace(RECORDING, spikes={"hidden": Raster.silent(2, 10, 4)})
    section = sections.activity_section(Raster.silent(2, 10, 3), recording)
    assert section.sentences[0][1] == "warning"


def test_networks_without_spikes() -> None:
    recording = replace(RECORDING, spikes={})
    section = sections.activity_section(SAMPLES.raster, recording)
    assert section.figures == []
    assert list(section.facts["populations"]) == ["input"]
    shown = samples_section(SAMPLES, recording)
    assert {len(figure.panels) for figure in shown.figures} == {2}


def test_right_wrong_and_diverging_samples() -> None:
    label = RECORDING.predictions.copy()
    label[:2] = 1 - label[:2]
    place = Divergence(4, 7, "hidden", 1, "spike", 1, 0)
    difference = "c", place, RECORDING.take([4])
    shown = samples_section(replace(SAMPLES, label=label), RECORDING, difference)
    assert shown.facts["chosen"] == {"right": 2, "wrong": 0, "first divergence": 4}
    assert [len(figure.panels) for figure in shown.figures] == [3, 3, 3]


def test_membranes_are_drawn_with_class_and_prediction() -> None:
    figures = pytest.importorskip("matplotlib.figure")
    shown = samples_section(replace(SAMPLES, label=RECORDING.predictions), RECORDING)
    axes = figures.Figure().subplots()
    shown.figures[0].panels[-1](ax=axes)
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    name = cases.CLASSES[RECORDING.predictions[shown.facts["chosen"]["right"]]]
    assert legend[0] == f"label and prediction: {name}"


@pytest.mark.parametrize("right", [True, False])
def test_samples_that_are_all_right_or_all_wrong(right: bool) -> None:
    label = RECORDING.predictions if right else 1 - RECORDING.predictions
    shown = samples_section(replace(SAMPLES, label=label), RECORDING)
    assert list(shown.facts["chosen"]) == ["right" if right else "wrong"]
    assert len(shown.sentences) == len(shown.figures) == 1


def entry(epoch: int, **more: object) -> dict[str, object]:
    values = {"epoch": epoch, "loss": 1.0, "train_accuracy": 0.5, "validation_accuracy": None}
    return {**values, "spikes_per_neuron": {}, "silent_neurons": 0, **more}


def test_learning_draws_the_quantities_of_the_log() -> None:
    log = [entry(1), entry(2, silent_neurons=3)]
    section = sections.learning_section(log, log[1], 5)
    captions = [figure.caption for figure in section.figures]
    assert captions == ["loss by epoch", "accuracy by epoch", "silent neurons by epoch"]
    assert (section.facts["kept_epoch"], section.facts["epochs"]) == (2, 5)
    assert len(section.sentences) == 1
    stopped = [entry(1), entry(2, stopped_early=True, settled_accuracy=0.25)]
    assert len(sections.learning_section(stopped, stopped[1], 5).sentences) == 3
    assert sections.learning_section([], None, 5).figures == ()


def test_the_table_of_the_best_epoch_has_percentages_and_only_what_says_something() -> None:
    lost = {"surplus_events": 0, "dropped_events": 3, "seconds": 1.5}
    best = entry(1, train_accuracy=0.93489, delay_sparsity=0.25, **lost)
    [table] = sections.learning_section([best], best, 1).tables
    rows = dict(map(tuple, table.rows))
    assert (rows["train accuracy"], rows["delay sparsity"]) == ("93.49%", "25.00%")
    assert rows["dropped events"] == 3
    assert not {"validation accuracy", "surplus events", "seconds"} & {*rows}


@pytest.mark.parametrize(("n_classes", "is_wide"), [(10, False), (40, True)])
def test_a_large_confusion_matrix_takes_the_width_of_the_page(
    n_classes: int, is_wide: bool
) -> None:
    labels = np.arange(n_classes)
    [figure] = sections.classes_section(
        "x", Confusion.of(labels, labels, [*map(str, labels)])
    ).figures
    assert figure.is_wide == is_wide


def test_changes_of_weights_and_delays() -> None:
    before = cases.float_network()
    first, *others = before.projections
    weight, delay = first.weight.copy(), first.delay.copy()
    weight[0] = 0.0
    delay += 2
    after = before.with_projections([replace(first, weight=weight, delay=delay), *others])
    section = sections.synapses_section(after, before, "made again")
    (row, *rest) = section.facts["projections"]
    assert (row["projection"], row["synapses"], row["weight 0"]) == ("input → hidden", 9, "25.0%")
    assert row["mean |Δ delay|"] == 2.0
    assert row["mean |Δ weight|"] == np.abs(first.weight - weight).mean()
    assert all(other["mean |Δ weight|"] == other["mean |Δ delay|"] == 0 for other in rest)
    alone = sections.synapses_section(after, None, "")
    assert "delay before" not in alone.facts["projections"][0]
    assert alone.sentences == []


def test_no_backend_no_certificate() -> None:
    section = sections.certificate_section(None, "nmtool report run --against c")
    assert section == Section("certificate", "Certificate", section.sentences)
    assert "--against c" in section.sentences[0][0]


def test_a_certificate_without_times() -> None:
    pytest.importorskip("nir")
    certificate = nm.verify(NETWORK, SAMPLES, against=["nir"])
    assert isinstance(certificate, Certificate)
    section = sections.certificate_section(certificate, "")
    assert all("s per sample" not in table.header for table in section.tables)
    assert "different" in section.tables[0].header
    assert all(len(row) == len(section.tables[0].header) for row in section.tables[0].rows)

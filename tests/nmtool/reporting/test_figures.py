"""The figures of a report: chosen panels, highlighted classes, and their width."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import nmtool as nm
from nmtool.data.samples import bin_for
from nmtool.evaluation.confusion import Confusion
from nmtool.reporting import results as figures
from tests.nmtool.cli import cases

NETWORK = cases.integer_network()
SAMPLES = bin_for(NETWORK, cases.spike_events(6, 2))
RECORDING = nm.simulate(NETWORK, SAMPLES.raster)
SAMPLE = replace(SAMPLES, label=RECORDING.predictions).take(np.array([2]))


def test_membranes_are_drawn_with_class_and_prediction() -> None:
    plots = pytest.importorskip("matplotlib.figure")
    figure = figures.sample_figure("", SAMPLE, RECORDING.take([2]), cases.CLASSES)
    assert len(figure.panels) == len(figure.heights) == 3
    axes = plots.Figure().subplots()
    figure.panels[-1](ax=axes)
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert legend[0] == f"label and prediction: {cases.CLASSES[RECORDING.predictions[2]]}"


def test_a_sample_of_a_network_without_spikes_has_two_panels() -> None:
    silent = replace(RECORDING.take([2]), spikes={})
    assert len(figures.sample_figure("", SAMPLE, silent, cases.CLASSES).panels) == 2


@pytest.mark.parametrize(("n_classes", "is_wide"), [(10, False), (40, True)])
def test_a_large_confusion_matrix_takes_the_width_of_the_page(
    n_classes: int, is_wide: bool
) -> None:
    labels = np.arange(n_classes)
    confusion = Confusion.of(labels, labels, [*map(str, labels)])
    [figure] = figures.confusion_figures(confusion)
    assert figure.is_wide == is_wide


def test_only_the_first_projections_are_drawn() -> None:
    network = cases.float_network()
    assert len([*figures.synapse_figures(network)]) == 2 * len(network.projections)
    many = replace(network, projections=network.projections * 5)
    assert len([*figures.synapse_figures(many)]) == 24


def test_learning_has_a_curve_of_each_quantity_of_the_log() -> None:
    entry = {"epoch": 1, "loss": 1.0, "train_accuracy": 0.5, "silent_neurons": 0}
    log = [entry, entry | {"epoch": 2, "silent_neurons": 3}]
    captions = [figure.caption for figure in figures.learning_figures(log, 2)]
    assert captions == ["loss by epoch", "accuracy by epoch", "silent neurons by epoch"]
    assert figures.learning_figures([], None) == []

"""`nmtool.plot`: content of the axes, and errors."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import nmtool as nm
from nmtool.errors import DataError, MissingError, UsageError
from nmtool.evaluation.confusion import Confusion
from nmtool.raster import Raster
from tests.nmtool.cli import cases
from tests.refusals import refused

plot = nm.plot
pyplot = pytest.importorskip("matplotlib.pyplot")

NETWORK = cases.integer_network()
EVENTS = cases.spike_events(6, 2)
RECORDING = nm.simulate(NETWORK, EVENTS)
LOG = [
    {
        "epoch": epoch,
        "loss": 1.0 / epoch,
        "train_accuracy": 0.5,
        "validation_accuracy": None if epoch == 1 else 0.25,
        "spikes_per_neuron": {"hidden1": 1.0, "hidden2": 2.0},
        "silent_neurons": 0,
    }
    for epoch in (1, 2, 3)
]


@pytest.fixture(autouse=True)
def _close() -> Iterator[None]:
    pyplot.switch_backend("agg")
    yield
    pyplot.close("all")


def drawn(ax: Any) -> list[tuple[int, float]]:
    """Steps and rows of the spikes on axes."""
    marks = []
    for line in ax.lines:
        x, y = (np.asarray(values, float) for values in line.get_data())
        if x.size % 3 == 0 and np.isnan(y[2::3]).all():
            middle = (y[0::3] + y[1::3]) / 2
            marks += [(int(step), float(row)) for step, row in zip(x[0::3], middle, strict=True)]
    return sorted(marks)


def assert_apart(boxes: list[Any]) -> None:
    """Assert that no two of the boxes, in pixels, overlap; they may touch."""
    for index, box in enumerate(boxes):
        assert not any(box.padded(-1).overlaps(other) for other in boxes[:index])


def test_subplots_and_legends_do_not_overlap() -> None:
    figure, grid = pyplot.subplots(2, 2)
    plot.rates(RECORDING, ax=grid[0, 0])
    many = replace(RECORDING, membrane={"out": np.zeros((6, 9, 10))})
    plot.membranes(many, ax=grid[0, 1])
    plot.learning(LOG, ax=grid[1, 0])
    plot.activity(RECORDING, ax=grid[1, 1])
    figure.canvas.draw()
    assert_apart([ax.get_tightbbox() for ax in grid.flat])
    for ax in grid.flat:
        parts = [ax.patch, ax.get_legend(), *([ax.title] if ax.get_title() else [])]
        assert_apart([part.get_window_extent() for part in parts])


def test_the_layout_of_a_figure_stays_if_there_is_one() -> None:
    figure, ax = pyplot.subplots(layout="compressed")
    layout = figure.get_layout_engine()
    plot.rates(RECORDING, ax=ax)
    assert figure.get_layout_engine() is layout
    figure = pyplot.figure()
    plot.rates(RECORDING, ax=figure.add_axes((0.1, 0.1, 0.8, 0.8)))
    assert figure.get_layout_engine() is None


def test_spikes_of_one_sample() -> None:
    raster = RECORDING.spikes["hidden"]
    ax = plot.raster(RECORDING, 3)
    own = raster.take([3])
    assert own.n_spikes > 2
    assert drawn(ax) == sorted(zip(own.step.tolist(), own.neuron.tolist(), strict=True))
    assert (ax.get_ylabel(), ax.get_xlim()) == ("hidden", (-0.5, raster.n_steps - 0.5))
    assert drawn(plot.raster(raster, 3)) == drawn(ax)


def test_populations_one_above_the_other() -> None:
    first = Raster.from_dense([[[1, 0], [0, 0]]])
    second = Raster.from_dense([[[0, 0, 0], [0, 0, 1]]])
    both = replace(RECORDING, spikes={"one": first, "two": second})
    ax = plot.raster(both)
    assert drawn(ax) == [(0, 0.0), (1, 4.0)]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["one", "two"]
    assert drawn(plot.raster(both, population="two")) == [(1, 2.0)]


def test_bins_with_several_spikes_are_thicker() -> None:
    thin, thick = plot.raster(Raster.from_dense([[[1, 0, 3], [0, 2, 0]]])).lines
    assert len(thick.get_data()[0]) == 2 * len(thin.get_data()[0]) == 6
    assert thick.get_linewidth() > thin.get_linewidth()


def test_many_spikes_are_an_image() -> None:
    dense = np.zeros((1, 100, 50))
    few, many = dense.copy(), dense + 1
    few[0, :5] = 1
    rasterised = [plot.raster(Raster.from_dense(d)).lines[0].get_rasterized() for d in (few, many)]
    assert rasterised == [False, True]


def test_a_signal_is_drawn_behind_its_spikes() -> None:
    signal = np.array([[0.0, 1.0], [2.0, 0.5], [0.0, 0.0]])
    ax = plot.raster(Raster.from_dense([[[1, 0], [0, 1], [0, 0]]]), signal=signal)
    assert drawn(ax) == [(0, 0.0), (1, 1.0)]
    (behind,) = (other for other in ax.figure.axes if other is not ax)
    assert [line.get_ydata().tolist() for line in behind.lines] == signal.T.tolist()
    assert behind.get_zorder() < ax.get_zorder()
    with refused(DataError, "values-not-numbers"):
        plot.raster(RECORDING, signal=["high"])


def test_a_silent_sample_is_drawn() -> None:
    assert drawn(plot.raster(Raster.silent(1, 20, 3))) == []


def test_membranes_are_drawn() -> None:
    ax = plot.membranes(RECORDING, 1, class_names=cases.CLASSES)
    assert len(ax.lines) == 2
    for index, line in enumerate(ax.lines):
        assert np.array_equal(line.get_ydata(), RECORDING.membrane["out"][1, :, index])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(cases.CLASSES)


def test_label_and_prediction_are_highlighted() -> None:
    predicted = int(RECORDING.predictions[1])
    right = plot.membranes(RECORDING, 1, label=predicted)
    wrong = plot.membranes(RECORDING, 1, label=1 - predicted)
    legends = [[t.get_text() for t in ax.get_legend().get_texts()] for ax in (right, wrong)]
    assert legends[0] == [f"label and prediction: {predicted}"]
    assert sorted(legends[1]) == [f"label: {1 - predicted}", f"predicted: {predicted}"]


def test_a_confusion_matrix_is_drawn() -> None:
    confusion = Confusion.of(np.array([0, 0, 1]), np.array([0, 1, 1]), ["$a$", "b"])
    ax = plot.confusion(confusion)
    places = {text.get_position(): text.get_text() for text in ax.texts}
    assert places == {(0, 0): "1", (1, 0): "1", (1, 1): "1"}
    assert ax.collections[0].get_array().ravel().tolist() == [0.5, 0.5, 0.0, 1.0]
    assert ax.get_yticklabels()[0].get_text() == "\\$a\\$"


@pytest.mark.parametrize(("n_classes", "has_counts"), [(12, True), (40, False)])
def test_every_class_of_a_confusion_matrix_is_named(n_classes: int, has_counts: bool) -> None:
    names = [f"class {index}" for index in range(n_classes)]
    ax = plot.confusion(Confusion.of(np.arange(n_classes), np.arange(n_classes), names))
    for axis in (ax.xaxis, ax.yaxis):
        assert [label.get_text() for label in axis.get_ticklabels()] == names
        assert_apart([label.get_window_extent() for label in axis.get_ticklabels()])
    assert bool(ax.texts) == has_counts


@pytest.mark.parametrize("network", [NETWORK, cases.float_network()], ids=["integers", "floats"])
def test_histograms_count_every_synapse(network: Any) -> None:
    for index, projection in enumerate(network.projections):
        n_synapses = int((projection.weight != 0).sum())
        for draw in (plot.weights, plot.delays):
            ax = draw(network, index)
            corners = ax.patches[0].get_xy()
            # The outline of a filled histogram goes up and down at each bin, to the height of the
            # bin.
            heights = corners[1 : 2 * ((len(corners) - 1) // 4) + 1 : 2, 1]
            assert round(heights.sum()) == n_synapses
            assert ax.get_title() == f"{projection.source} → {projection.target}"
            assert ax.get_legend() is None


def test_a_projection_without_synapses() -> None:
    first, *others = NETWORK.projections
    nothing = replace(first, weight=np.zeros(first.shape, np.int16))
    empty = replace(NETWORK, projections=[nothing, *others])
    assert [text.get_text() for text in plot.delays(empty).texts] == ["no synapse"]


def test_labels_already_on_axes_stay() -> None:
    ax = pyplot.figure().add_subplot()
    ax.plot([0, 1], label="mine")
    plot.weights(NETWORK, ax=ax)
    assert ax.get_legend_handles_labels()[1] == ["mine"]


def test_a_run_is_drawn_as_its_network() -> None:
    floats = cases.float_network()
    run = nm.Run(nm.TrainOptions(), floats, None, LOG)
    for drawn_run, network in ((run, floats), (replace(run, integers=NETWORK), NETWORK)):
        for draw in (plot.weights, plot.delays):
            ax, expected = (draw(source, 1) for source in (drawn_run, network))
            assert ax.patches[0].get_xy().tolist() == expected.patches[0].get_xy().tolist()


@pytest.mark.parametrize(
    ("what", "labels"),
    [
        ("loss", ["loss", "best"]),
        ("accuracy", ["train", "validation", "best"]),
        ("spikes", ["hidden1", "hidden2", "best"]),
        ("sparsity", ["best"]),
    ],
)
def test_curves_of_a_run_are_drawn(what: str, labels: list[str]) -> None:
    ax = plot.learning(LOG, what, best=2)
    assert [line.get_label() for line in ax.lines] == labels
    if what == "loss":
        assert ax.lines[0].get_ydata().tolist() == [1.0, 0.5, 1 / 3]


def test_rates_and_activity() -> None:
    raster = Raster.from_dense([[[1, 0], [1, 0]], [[1, 0], [0, 0]]])
    assert plot.activity(raster).lines[0].get_ydata().tolist() == [0.5, 0.25]
    ax = plot.rates(raster)
    assert ax.get_xlim()[1] >= 1.5
    assert plot.rates(Raster.silent(2, 5, 3)).get_xlabel() == ax.get_xlabel()


def test_functions_draw_on_the_given_axes() -> None:
    _, ax = pyplot.subplots()
    calls: list[Callable[[], Any]] = [
        lambda: plot.raster(RECORDING, ax=ax),
        lambda: plot.membranes(RECORDING, ax=ax),
        lambda: plot.weights(NETWORK, ax=ax),
        lambda: plot.delays(NETWORK, ax=ax),
        lambda: plot.learning(LOG, ax=ax),
        lambda: plot.rates(RECORDING, ax=ax),
        lambda: plot.activity(RECORDING, ax=ax),
        lambda: plot.confusion(Confusion.of(np.array([0]), np.array([0]), ["a"]), ax=ax),
    ]
    assert all(call() is ax for call in calls)


def test_unknown_samples_and_populations_are_refused() -> None:
    silent = replace(RECORDING, spikes={})
    calls: list[tuple[str, Callable[[], Any]]] = [
        ("plot-impossible", lambda: plot.raster(RECORDING, 6)),
        ("plot-impossible", lambda: plot.membranes(RECORDING, -1)),
        ("plot-impossible", lambda: plot.raster(RECORDING, population="out")),
        ("plot-impossible", lambda: plot.membranes(RECORDING, population="hidden")),
        ("plot-impossible", lambda: plot.raster(silent)),
        ("plot-impossible", lambda: plot.rates(silent)),
        ("plot-impossible", lambda: plot.weights(NETWORK, 3)),
        ("argument-type", lambda: plot.delays(RECORDING)),
        ("plot-impossible", lambda: plot.learning(LOG, "joy")),
        ("plot-impossible", lambda: plot.learning("run")),
        ("plot-impossible", lambda: plot.membranes(RECORDING, label=7)),
        ("plot-impossible", lambda: plot.membranes(RECORDING, label=-1)),
        ("plot-impossible", lambda: plot.membranes(RECORDING, class_names=["a"])),
        ("argument-type", lambda: plot.raster(RECORDING, 1.5)),
        ("argument-type", lambda: plot.membranes(RECORDING, "a")),
        ("argument-type", lambda: plot.weights(NETWORK, 0.5)),
        ("argument-type", lambda: plot.learning(LOG, ["loss"])),
        ("argument-type", lambda: plot.raster([[0, 1]])),
        ("argument-type", lambda: plot.confusion(RECORDING)),
    ]
    for code, call in calls:
        with refused(UsageError, code):
            call()


def test_a_missing_matplotlib_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with refused(MissingError, "library-missing") as caught:
        plot.raster(RECORDING)
    assert "'matplotlib<" in caught.value.fix

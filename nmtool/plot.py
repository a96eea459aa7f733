"""Plots of recordings, networks and runs: matplotlib axes in, axes out.

    import nmtool as nm

    recording = nm.simulate(network, data.test)
    nm.plot.raster(recording, sample=3)
    nm.plot.membranes(recording, sample=3, class_names=network.class_names)

Every function draws on the axes `ax`, by default on a new figure, and returns them. If `ax` are
among the subplots of a figure without a layout, the figure gets matplotlib's tight layout, so that
labels do not overlap; `figure.set_layout_engine("none")` ends this.

Times are in steps. The functions need matplotlib (the extra `report`) and raise
`MissingError` without it; importing this module does not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmtool.arguments import checked
from nmtool.errors import UsageError, check_type, visible
from nmtool.evaluation.confusion import Confusion
from nmtool.libraries import libraries_needed
from nmtool.loading import Source, as_network
from nmtool.network.analogue import finite_numbers
from nmtool.raster import Raster
from nmtool.recording import Recording

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

    from nmtool.network.float_parts import Projection
    from nmtool.network.integer_network import IntegerProjection

DENSE_SPIKES = 4000
"""Number of spikes above which a raster is drawn as an image, to keep vector files small."""

GREY = "0.5"
"""Colour of the background layer, on light and dark pages."""

_LINES = 10
"""Number of neurons above which membranes are thin lines without a full legend."""

_SHARP_CLASSES = 20
"""Number of classes above which the cells of a confusion matrix are an image."""

_LEGIBLE_POINTS = 5
"""Smallest font of the names and counts in a confusion matrix."""

_LEGEND_COLUMNS = 3
"""Largest number of entries for which a legend is a row above the axes."""

_BINS = 60

_POINTS_PER_INCH = 72

_TITLE_PAD = 20
"""Distance of the title from axes with a legend above them, in points."""


@checked
def raster(
    spikes: Recording | Raster,
    sample: int = 0,
    *,
    population: str | None = None,
    signal: ArrayLike | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the spikes of one sample, a row per neuron; marks of several spikes are thicker.

    >>> silent = Raster.silent(n_samples=1, n_steps=20, n_neurons=3)
    >>> raster(silent).get_ylabel()  # doctest: +SKIP
    'neuron'

    Args:
        spikes: a recording or a raster, e.g. of the input.
        sample: index of the sample.
        population: population of a recording; by default all spiking populations, one above the
            other.
        signal: [steps] or [steps, channels] numbers, such as the signal that the spikes encode, to
            draw as lines behind the spikes, with an axis of its own on the right.
        ax: axes to draw on.

    Raises:
        UsageError: there is no such sample or population.
        MissingError: matplotlib is not installed.
    """
    rasters = _rasters(spikes, population)
    ax = _axes(ax)
    ticks, first, n_steps = [], 0, 0
    # With many neurons, rows are too thin to be seen. The marks of spikes are then taller than
    # their rows.
    half_height = max(0.4, sum(raster.n_neurons for raster in rasters.values()) / 150)
    for name, raster in rasters.items():
        _check_sample(sample, raster.n_samples)
        own = raster.take([sample])
        n_steps = max(n_steps, own.n_steps)
        flat, several = own.flat_index(), own.bin_counts() > 1
        for marks, width in ((flat[~several], 1.5), (flat[several], 3)):
            step, neuron = np.divmod(marks, max(own.n_neurons, 1))
            _draw_spikes(ax, step, neuron + first, half_height, width)
        ticks.append((name, first + (raster.n_neurons - 1) / 2))
        if first:
            ax.axhline(first - 0.5, color=GREY, linewidth=0.6)
        first += raster.n_neurons
    ax.set_xlim(-0.5, max(n_steps, 1) - 0.5)
    ax.set_ylim(-0.5, max(first, 1) - 0.5)
    ax.set_xlabel("step")
    if len(rasters) > 1:
        ax.set_yticks([place for _, place in ticks], [plain_text(name) for name, _ in ticks])
    else:
        _whole_ticks(ax.yaxis)
        ax.set_ylabel(plain_text(next(iter(rasters))))
    if signal is not None:
        _draw_signal(ax, signal)
    return ax


@checked
def membranes(
    recording: Recording,
    sample: int = 0,
    *,
    population: str | None = None,
    class_names: Sequence[str] = (),
    label: int | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the membranes of a population that does not spike, by default the output's.

    >>> membranes(evaluation.recording, 3, class_names=network.class_names)  # doctest: +SKIP

    Args:
        recording: the recording.
        sample: index of the sample.
        population: the population to draw; by default the readout's, or the first population
            with membranes.
        class_names: names of the classes, one per neuron, for the legend.
        label: class of the sample. In the readout's population, its neuron and the neuron of the
            predicted class are highlighted.
        ax: axes to draw on.

    Raises:
        UsageError: there is no such sample, population or class, names are missing, or the
            recording has no membranes.
        MissingError: matplotlib is not installed.
    """
    check_type(recording, Recording, "a recording", "pass a Recording of simulate or evaluate")
    _check_sample(sample, recording.n_samples)
    name = population or recording.readout.population
    if population is None and name not in recording.membrane:
        name = next(iter(recording.membrane), name)
    values = _recorded_values(recording.membrane, name, "membranes")[sample]
    n_neurons = values.shape[1]
    names = list(class_names) or [str(index) for index in range(n_neurons)]
    if len(names) != n_neurons:
        raise _impossible(
            f"there are {len(names)} names for the {n_neurons} neurons of '{name}'",
            "give one name per neuron, or none",
        )
    if label is not None and not (name == recording.readout.population and 0 <= label < n_neurons):
        raise _impossible(
            f"'{name}' has no neuron for class {label}",
            f"classes count from 0 to {n_neurons - 1}"
            if name == recording.readout.population
            else f"leave the label out, or draw '{recording.readout.population}'",
        )
    ax = _axes(ax)
    prominent: dict[int, tuple[str, str]] = {}
    if label is not None:
        predicted = int(recording.predictions[sample])
        prominent = {predicted: ("C1", f"predicted: {names[predicted]}")}
        prominent[label] = ("C0", f"label: {names[label]}")
        if predicted == label:
            prominent[label] = ("C0", f"label and prediction: {names[label]}")
    steps = np.arange(len(values))
    for index in range(n_neurons):
        if label is None:
            many = n_neurons > _LINES
            text = None if many else plain_text(_shortened(names[index]))
            ax.plot(steps, values[:, index], linewidth=0.8 if many else 1.2, label=text)
        elif index not in prominent:
            ax.plot(steps, values[:, index], color=GREY, linewidth=0.6)
    for index, (colour, text) in prominent.items():
        ax.plot(steps, values[:, index], color=colour, linewidth=1.8, label=plain_text(text))
    ax.set_xlim(-0.5, max(len(values), 1) - 0.5)
    ax.ticklabel_format(axis="y", scilimits=(-3, 4))
    ax.set_xlabel("step")
    ax.set_ylabel(plain_text(f"v of {name}"))
    if ax.get_legend_handles_labels()[0]:
        _legend(ax)
    return ax


def confusion(matrix: Confusion, *, ax: Axes | None = None) -> Axes:
    """Draw a confusion matrix: rows are true classes, columns predicted classes.

    The darker a cell, the larger its share of the row. If cells are too small for text, they have
    no counts, and only some classes are named.

    >>> confusion(evaluation.confusion)  # doctest: +SKIP

    Args:
        matrix: counts by class, e.g. `evaluate(…).confusion`.
        ax: axes to draw on.

    Raises:
        MissingError: matplotlib is not installed.
    """
    ax = _axes(ax)
    check_type(matrix, Confusion, "a confusion matrix", "pass evaluate(…).confusion")
    with libraries_needed():
        from matplotlib.colors import LinearSegmentedColormap, to_rgb
    n = len(matrix.class_names)
    rows = np.maximum(matrix.counts.sum(axis=1, keepdims=True), 1)
    blue = to_rgb("C0")
    shades = LinearSegmentedColormap.from_list("shades", [(*blue, 0.0), (*blue, 1.0)])
    edges = np.arange(n + 1) - 0.5
    mesh = ax.pcolormesh(edges, edges, matrix.counts / rows, cmap=shades, vmin=0, vmax=1)
    mesh.set_rasterized(n > _SHARP_CLASSES)
    ax.set_ylim(n - 0.5, -0.5)
    ax.set_aspect("equal")
    box = ax.get_window_extent()
    cell_points = min(box.width, box.height) / n * _POINTS_PER_INCH / ax.figure.dpi
    digits = len(str(matrix.counts.max(initial=0)))
    size = min(9.0, 1.4 * cell_points / max(digits, 2))
    if size >= _LEGIBLE_POINTS:
        for row, column in zip(*np.nonzero(matrix.counts), strict=True):
            number = str(matrix.counts[row, column])
            ax.text(column, row, number, ha="center", va="center", fontsize=size)
    size = min(10.0, max(0.9 * cell_points, _LEGIBLE_POINTS))
    shown = range(0, n, math.ceil(0.9 * size / cell_points))
    names = [plain_text(_shortened(matrix.class_names[index])) for index in shown]
    # A character is about as wide as 0.6 of its font.
    is_narrow = max(map(len, names), default=0) * 0.6 * size > cell_points * shown.step
    ax.set_xticks(shown, names, rotation=90 if is_narrow else 0, fontsize=size)
    ax.set_yticks(shown, names, fontsize=size)
    ax.set_xlabel("taken for")
    ax.set_ylabel("class")
    return ax


@checked
def weights(
    network: Source,
    projection: int = 0,
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw the histogram of a projection's weights; weights of 0 are not counted.

    >>> weights(network, 0)  # doctest: +SKIP

    Args:
        network: a float network (drawn in the paper's units), an integer network (in the chip's
            integers), a run, a torch model, or a path. For a run that trained in integers, the
            integer network is drawn.
        projection: index of the projection in the network, from 0.
        ax: axes to draw on.

    Raises:
        UsageError: there is no such projection.
        MissingError: matplotlib is not installed.
    """
    synapses = _projection_at(network, projection)
    ax = _axes(ax)
    whole = hasattr(synapses, "weight_bits")
    _histogram(ax, synapses.weight[synapses.weight != 0], whole=whole)
    ax.set_xlabel("weight, integers" if whole else "weight")
    _title(ax, f"{synapses.source} → {synapses.target}")
    return ax


@checked
def delays(
    network: Source,
    projection: int = 0,
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw the histogram of a projection's delays in steps; synapses of weight 0 do not count.

    >>> delays(network, 0)  # doctest: +SKIP

    Args:
        network, projection, ax: as for `weights`.

    Raises:
        UsageError: there is no such projection.
        MissingError: matplotlib is not installed.
    """
    synapses = _projection_at(network, projection)
    ax = _axes(ax)
    _histogram(ax, synapses.delay[synapses.weight != 0], whole=True)
    ax.set_xlabel("delay, steps")
    _title(ax, f"{synapses.source} → {synapses.target}")
    return ax


class _HasLog(Protocol):
    """The part of a `Run` that is drawn; a protocol, to avoid importing the class."""

    @property
    def log(self) -> list[dict[str, Any]]: ...

    @property
    def best(self) -> Mapping[str, Any]: ...


LEARNING = {
    "loss": ("loss",),
    "accuracy": ("train_accuracy", "validation_accuracy"),
    "spikes": ("spikes_per_neuron",),
    "silent neurons": ("silent_neurons",),
    "sparsity": ("sparsity", "delay_sparsity"),
}
"""Quantities that `learning` draws, and the keys of their curves in a run's log."""


@checked
def learning(
    log: _HasLog | Sequence[Mapping[str, Any]],
    what: str = "accuracy",
    *,
    best: int | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw a quantity of a run, such as its loss or accuracy, over the epochs.

    >>> learning(run, "loss")  # doctest: +SKIP

    Args:
        log: a run, or its log: an entry per epoch.
        what: the quantity, a key of `LEARNING`.
        best: the best epoch, marked by a line; by default the best epoch of the run.
        ax: axes to draw on.

    Raises:
        UsageError: `LEARNING` has no such quantity.
        MissingError: matplotlib is not installed.
    """
    if what not in LEARNING:
        raise _impossible(
            f"there is no curve '{what}'",
            f"choose one of {', '.join(LEARNING)}",
        )
    if isinstance(log, str | Path):
        raise _impossible(
            f"curves are drawn from a run or its log, and '{log}' is a path",
            f"read the run first: nmtool.Run.load({str(log)!r})",
        )
    if isinstance(log, Sequence):
        entries = log
    else:
        entries = log.log
        best = log.best["epoch"] if best is None and entries else best
    ax = _axes(ax)
    epochs = [entry["epoch"] for entry in entries]
    curves: dict[str, list[float]] = {}
    for key in LEARNING[what]:
        for entry in entries:
            value = entry.get(key)
            quantities = value if isinstance(value, Mapping) else {key.replace("_", " "): value}
            for name, number in quantities.items():
                curves.setdefault(name, []).append(np.nan if number is None else number)
    for name, values in curves.items():
        if len(values) == len(epochs) and np.isfinite(values).any():
            text = plain_text(name.removesuffix(f" {what}"))
            ax.plot(epochs, values, marker=".", markersize=4, label=text)
    if best is not None:
        ax.axvline(best, color=GREY, linewidth=1, linestyle="--", label="best")
    _whole_ticks(ax.xaxis)
    ax.set_xlabel("epoch")
    ax.set_ylabel("spikes per neuron" if what == "spikes" else what)
    if ax.get_legend_handles_labels()[0]:
        _legend(ax)
    return ax


def rates(spikes: Recording | Raster, *, ax: Axes | None = None) -> Axes:
    """Draw the histogram of firing rates: each neuron's mean number of spikes per sample.

    >>> rates(evaluation.recording)  # doctest: +SKIP

    Args:
        spikes: a raster, or a recording, whose spiking populations are all drawn.
        ax: axes to draw on.

    Raises:
        UsageError: no population spikes.
        MissingError: matplotlib is not installed.
    """
    rasters = _rasters(spikes, None)
    ax = _axes(ax)
    means = {
        name: raster.counts().mean(axis=0) if raster.n_samples else np.zeros(raster.n_neurons)
        for name, raster in rasters.items()
    }
    top = max((values.max(initial=0) for values in means.values()), default=0) or 1
    bins = np.linspace(0, top, 31)
    for name, values in means.items():
        ax.hist(
            values, bins=bins.tolist(), histtype="stepfilled", alpha=0.6, label=plain_text(name)
        )
    ax.set_xlabel("mean spikes per sample")
    ax.set_ylabel("neurons")
    _legend(ax)
    return ax


def activity(spikes: Recording | Raster, *, ax: Axes | None = None) -> Axes:
    """Draw population activity: the share of neurons that spike at each step, mean over samples.

    >>> activity(evaluation.recording)  # doctest: +SKIP

    Args:
        spikes: a raster, or a recording, whose spiking populations are all drawn.
        ax: axes to draw on.

    Raises:
        UsageError: no population spikes.
        MissingError: matplotlib is not installed.
    """
    rasters = _rasters(spikes, None)
    ax = _axes(ax)
    for name, raster in rasters.items():
        count = np.bincount(raster.step, minlength=raster.n_steps)
        ax.plot(count / max(raster.n_samples * raster.n_neurons, 1), label=plain_text(name))
    ax.set_ylim(bottom=0)
    ax.set_xlabel("step")
    ax.set_ylabel("share that spikes")
    _legend(ax)
    return ax


def _impossible(what: str, fix: str) -> UsageError:
    """The error for something that cannot be drawn."""
    return UsageError(what, code="plot-impossible", fix=fix)


def plain_text(text: str) -> str:
    """Prepare text for matplotlib: make it `visible`, and escape dollar signs.

    >>> print(plain_text("5 $\\n"))
    5 \\$\\n
    """
    return visible(str(text)).replace("$", r"\$")


def _axes(ax: Axes | None) -> Axes:
    """The given axes, whose figure gets a layout; for None, the axes of a new figure."""
    with libraries_needed():
        from matplotlib import pyplot
    if ax is None:
        return pyplot.subplots(layout="constrained")[1]
    figure = ax.figure.canvas.figure  # `ax.figure` may be a part of it.
    if figure.get_layout_engine() is None and all(axes.get_subplotspec() for axes in figure.axes):
        figure.set_layout_engine("tight")
    return ax


def _whole_ticks(axis: Axis) -> None:
    with libraries_needed():
        from matplotlib.ticker import MaxNLocator
    axis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 5, 10]))


def _rasters(spikes: Recording | Raster, population: str | None) -> Mapping[str, Raster]:
    """The rasters to draw, by name of the population."""
    if isinstance(spikes, Raster):
        return {population or "neuron": spikes}
    check_type(spikes, Recording, "spikes to draw", "pass a Recording or a Raster")
    if population is not None:
        return {population: _recorded_values(spikes.spikes, population, "spikes")}
    if not spikes.spikes:
        raise _impossible(
            "no population of this recording spikes",
            "draw its membranes: nmtool.plot.membranes",
        )
    return spikes.spikes


def _recorded_values(recorded: Mapping[str, Any], name: str, quantity: str) -> Any:
    """Recorded values of a population; raises `UsageError` if there are none."""
    if name not in recorded:
        raise _impossible(
            f"the recording has no {quantity} of '{name}'",
            f"populations with {quantity} in this recording: {', '.join(recorded) or 'none'}",
        )
    return recorded[name]


def _check_sample(sample: int, n_samples: int) -> None:
    if not 0 <= sample < n_samples:
        raise _impossible(
            f"there is no sample {sample}",
            f"samples count from 0 to {n_samples - 1}",
        )


def _projection_at(network: Source, index: int) -> Projection | IntegerProjection:
    """The projection with this index; raises `UsageError` if there is none."""
    projections = as_network(network).projections
    if not 0 <= index < len(projections):
        raise _impossible(
            f"there is no projection {index} to draw",
            "count the network's projections from 0",
        )
    return projections[index]


def _draw_spikes(
    ax: Axes,
    step: NDArray[np.int64],
    row: NDArray[np.int64],
    half_height: float,
    width: float,
) -> None:
    """Draw all spikes as a single line with gaps, which keeps files small.

    Args:
        ax: axes to draw on.
        step, row: [spikes] int64.
        half_height: half the height of a mark, in rows.
        width: width of the marks, in points.
    """
    if not step.size:
        return
    x = np.repeat(step.astype(np.float64), 3)
    y = np.repeat(row.astype(np.float64), 3)
    y[0::3] -= half_height
    y[1::3] += half_height
    y[2::3] = np.nan
    (line,) = ax.plot(x, y, solid_capstyle="butt", color="C0", linewidth=width)
    line.set_rasterized(step.size > DENSE_SPIKES)


def _draw_signal(ax: Axes, signal: ArrayLike) -> None:
    """Draw a signal, [steps] or [steps, channels], behind the spikes on axes."""
    numbers = finite_numbers(signal)
    behind = ax.twinx()
    behind.plot(numbers.reshape(len(numbers), -1), color=GREY, linewidth=0.8)
    behind.set_ylabel("signal")
    ax.set_zorder(behind.get_zorder() + 1)
    ax.patch.set_visible(False)


def _histogram(ax: Axes, values: NDArray[Any], *, whole: bool) -> None:
    """Draw a filled histogram of values."""
    if not values.size:
        ax.set_yticks([])
        ax.text(0.5, 0.5, "no synapse", ha="center", va="center", transform=ax.transAxes)
        return
    low, high = float(values.min()), float(values.max())
    if whole:
        width = max(1, -(-int(high - low + 1) // _BINS))
        edges = np.arange(low, high + width + 1, width) - 0.5
    else:
        edges = np.linspace(low, high if high > low else low + 1, _BINS + 1)
    ax.hist(values, bins=edges.tolist(), histtype="stepfilled", color="C0", alpha=0.7)
    ax.set_ylabel("synapses")


def _legend(ax: Axes) -> None:
    """Draw a legend outside of the axes, with each label once: above, or if long, on the right."""
    handles = dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    if not handles:
        return
    is_row = len(handles) <= _LEGEND_COLUMNS
    ax.legend(
        list(handles.values()),
        list(handles),
        frameon=False,
        fontsize="small",
        loc="lower right" if is_row else "upper left",
        bbox_to_anchor=(1, 1),
        ncols=len(handles) if is_row else 1,
        borderaxespad=0,
        handlelength=1.2,
        columnspacing=1.2,
    )


def _title(ax: Axes, text: str) -> None:
    """Set the title of axes, above their legend."""
    ax.set_title(plain_text(text), pad=None if ax.get_legend() is None else _TITLE_PAD)


def _shortened(name: str) -> str:
    """A name, cut to at most 14 characters."""
    return name if len(name) <= 14 else f"{name[:13]}…"

"""Plots of a report: functions of `nmtool.plot` on the results of its sections."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from nmtool import plot
from nmtool.data.samples import Samples
from nmtool.evaluation.confusion import Confusion
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork
from nmtool.recording import Recording
from nmtool.reporting.report import Figure

_MAX_NARROW_CLASSES = 15
"""Largest number of classes whose names fit beside a confusion matrix in one column of the page."""

_MAX_PLOTTED = 12
"""Largest number of projections with histograms; the table lists all projections."""


def learning_figures(log: Sequence[Mapping[str, Any]], best: int | None) -> list[Figure]:
    """A curve of each quantity that the log of a run contains; `best` is the best epoch."""
    return [
        Figure(f"{quantity} by epoch", [partial(plot.learning, log, quantity, best=best)])
        for quantity, keys in plot.LEARNING.items()
        if any(entry.get(key) for entry in log for key in keys)
    ]


def confusion_figures(confusion: Confusion) -> list[Figure]:
    """The confusion matrix; none of more than 1,000 classes."""
    if confusion.has_many_classes:
        return []
    caption = "Rows are true classes, columns predictions; shades are shares of a row."
    is_wide = len(confusion.class_names) > _MAX_NARROW_CLASSES
    height = 3.0 if is_wide else 1.5
    return [Figure(caption, [partial(plot.confusion, confusion)], [height], is_wide)]


def synapse_figures(
    network: Network | IntegerNetwork, before: Network | IntegerNetwork | None
) -> Iterator[Figure]:
    """Yield histograms of the weights and delays of the first projections."""
    for index, projection in enumerate(network.projections[:_MAX_PLOTTED]):
        for quantity, draw in (("Weights", plot.weights), ("Delays", plot.delays)):
            caption = f"{quantity} of {projection.source} → {projection.target}"
            yield Figure(caption, [partial(draw, network, index, before=before)])


def activity_figures(recording: Callable[[], Recording]) -> list[Figure]:
    """Firing rates, and activity over time.

    Args:
        recording: returns the recording; it is called when a figure is drawn.
    """
    return [
        Figure("Histogram of firing rates.", [lambda ax: plot.rates(recording(), ax=ax)]),
        Figure(
            "Population activity: share of neurons that spike.",
            [lambda ax: plot.activity(recording(), ax=ax)],
        ),
    ]


def sample_figure(
    caption: str,
    sample: Samples,
    recording: Recording,
    class_names: Sequence[str],
    other: Recording | None = None,
    mark: int | None = None,
) -> Figure:
    """The input, spikes and output membranes of a sample, one above the other.

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

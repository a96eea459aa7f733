"""`evaluate`: accuracy and activity of a network or an export on labelled samples."""

from __future__ import annotations

import csv
import io
import logging
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nmtool import storage, zoo
from nmtool.arguments import Count, checked
from nmtool.data.dataset import Dataset
from nmtool.data.dividing import drawn_samples
from nmtool.data.events import SpikeEvents
from nmtool.data.samples import Samples, portions_for
from nmtool.errors import check_path
from nmtool.evaluation.activity import Activity
from nmtool.evaluation.confusion import Confusion, accuracy_interval, interval_text
from nmtool.exporters.formats import artefact_at
from nmtool.loading import Source, as_network, as_samples
from nmtool.network.float_network import Network
from nmtool.network.graph import INPUT
from nmtool.network.integer_network import IntegerNetwork
from nmtool.network.readout import predict
from nmtool.progress import Progress, silent
from nmtool.recording import Recording
from nmtool.running import portion_by_portion, record_portions
from nmtool.tables import Result, Table, counted, plain, shown

if TYPE_CHECKING:
    from nmtool.exporters.format import Format

_log = logging.getLogger(__name__)

_WRONG_SAMPLES = 50
"""Largest number of misclassified samples in a table; a file of predictions lists all samples."""


@dataclass(frozen=True, repr=False, eq=False)
class Evaluation(Result):
    """Accuracy and activity of a network on labelled samples.

    >>> from nmtool import round_network
    >>> events = SpikeEvents.from_lists([[1.0, 2.0], [1.0]], [[0, 1], [0]], [0, 1])
    >>> evaluation = evaluate(round_network(Network.layers([2, 2])).network, events)
    >>> evaluation
    <Evaluation: accuracy 50.00% of 2 samples>
    >>> evaluation.predictions, evaluation.wrong
    (array([0, 0]), array([1]))

    Attributes:
        network_hash: content hash of the network that ran.
        arithmetic: `float`, or the name of the integer arithmetic.
        samples: number of samples.
        drawn_from: number of samples in the data; None if all of them ran, without a draw.
        accuracy: share of samples classified correctly, 0 … 1.
        spikes_per_neuron: by spiking population, mean number of spikes per neuron and sample.
        synaptic_events_per_sample: number of spikes, each counted once per synapse of nonzero
            weight, mean over samples.
        neuron_updates_per_sample: neurons × steps.
        counts: totals over all samples, e.g. `u_wraps` and `v_clips` of integer networks.
        scores: [samples, classes] float64, scores by the readout's rule.
        spikes: total number of spikes of all populations.
        recording: the recording; None if the samples ran in several portions: samples on disk,
            or so many that their recording would take more than 256 MiB.
        seconds: time in s that an export took; None if nmtool ran the network itself.
        runtime: the runtime of an export; '' if nmtool ran the network itself.
        confusion: the confusion matrix.
        activity: firing rates of all neurons, silent and saturated neurons, and overflows.
        label: [samples] int64, true class of each sample.
        number: [samples] int64, index of each sample in the data, from 0.
    """

    network_hash: str
    arithmetic: str
    samples: int
    accuracy: float
    spikes_per_neuron: Mapping[str, float]
    synaptic_events_per_sample: float
    neuron_updates_per_sample: float
    counts: Mapping[str, int]
    scores: NDArray[np.float64] = field(repr=False)
    spikes: int
    recording: Recording | None = field(default=None, repr=False)
    seconds: float | None = None
    runtime: str = ""
    confusion: Confusion | None = field(default=None, repr=False)
    activity: Activity | None = field(default=None, repr=False)
    label: NDArray[np.integer] | None = field(default=None, repr=False)
    number: NDArray[np.int64] | None = field(default=None, repr=False)
    drawn_from: int | None = None

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the accuracy, 0 … 1, for independent samples (`accuracy_interval`)."""
        return accuracy_interval(self.accuracy, self.samples)

    @property
    def predictions(self) -> NDArray[np.int64]:
        """[samples] int64: the predicted class of every sample."""
        return predict(self.scores)

    @property
    def wrong(self) -> NDArray[np.int64]:
        """[wrong samples] int64: indices of misclassified samples in the data."""
        if self.label is None:
            return np.zeros(0, np.int64)
        wrong = np.flatnonzero(self.predictions != self.label)
        return wrong if self.number is None else self.number[wrong]

    @property
    def only_classes(self) -> str:
        """`2 of 27 classes` if only 2 classes have samples; '' if all classes have samples."""
        return "" if self.confusion is None else self.confusion.only_classes

    def write_predictions(self, path: str | Path) -> None:
        """Write a CSV file with a row per sample.

        Columns: `sample`, counted from 0; `label` and `prediction`, numbers of classes;
        `label_name` and `prediction_name`; and `score NAME` per class.

        >>> import nmtool as nm
        >>> nm.evaluate("run", data.test).write_predictions("test.csv")  # doctest: +SKIP

        Raises:
            StorageError: the file cannot be written.
        """
        check_path(path, "the path of the predictions")
        assert self.label is not None
        assert self.confusion is not None
        names, predictions = self.confusion.class_names, self.predictions
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        header = ("sample", "label", "prediction", "label_name", "prediction_name")
        rows.writerow([*header, *(f"score {name}" for name in names)])
        numbers = range(self.samples) if self.number is None else self.number.tolist()
        labels = self.label.tolist()
        for number, label, prediction, scores in zip(
            numbers, labels, predictions.tolist(), self.scores, strict=True
        ):
            classes = (names[label], names[prediction])
            rows.writerow([number, label, prediction, *classes, *scores.tolist()])
        storage.write_text(path, text.getvalue())

    def class_tables(self) -> list[Table]:
        """Accuracy per class, the confusion matrix, and the first 50 misclassified samples."""
        assert self.label is not None
        assert self.confusion is not None
        names, predictions = self.confusion.class_names, self.predictions
        indices = np.flatnonzero(predictions != self.label)
        rows = [
            (int(number), names[self.label[sample]], names[predictions[sample]])
            for number, sample in zip(self.wrong, indices, strict=True)
        ]
        title = f"wrong samples: {len(rows):,} of {self.samples:,}"
        if len(rows) > _WRONG_SAMPLES:
            title += f", the first {_WRONG_SAMPLES}"
        wrong = Table(title, ("sample", "class", "taken for"), rows[:_WRONG_SAMPLES])
        return [*self.confusion.tables(), wrong]

    def as_json(self, *, classes: bool = False) -> dict[str, Any]:
        """The content as plain values for JSON, under names that scripts can rely on.

        Args:
            classes: add the confusion matrix and the misclassified samples.
        """
        content = plain(
            {
                "hash": self.network_hash,
                **({"format": self.runtime} if self.runtime else {}),
                "arithmetic": self.arithmetic,
                "samples": self.samples,
                "accuracy": self.accuracy,
                "accuracy_interval": self.interval,
                "spikes_per_neuron": self.spikes_per_neuron,
                "synaptic_events_per_sample": self.synaptic_events_per_sample,
                "neuron_updates_per_sample": self.neuron_updates_per_sample,
            }
        )
        if self.drawn_from is not None:
            content["drawn_from"] = self.drawn_from
        if self.only_classes:
            content["only_classes"] = self.only_classes
        content |= self.counts
        if self.seconds is not None:
            content |= {"spikes": self.spikes, "seconds": round(self.seconds, 3)}
        if classes and self.confusion is not None:
            content |= {"confusion": self.confusion.as_json(), "wrong_samples": self.wrong.tolist()}
        return content

    def tables(self, *, classes: bool = False) -> list[Table]:
        """A table with one row per value; missing values are left out.

        Args:
            classes: add accuracy per class, the confusion matrix and misclassified samples.
        """
        rates, drawn_from = self.spikes_per_neuron, self.drawn_from
        values = {
            **self.as_json(),
            "samples": f"{self.samples:,}"
            + ("" if drawn_from is None else f" of {drawn_from:,}, drawn per class"),
            "accuracy": f"{self.accuracy:.2%}",
            "accuracy_interval": f"{interval_text(self.accuracy, self.samples)} (95 %)",
            "spikes_per_neuron": ", ".join(f"{name} {rate:.3g}" for name, rate in rates.items()),
            "synaptic_events_per_sample": f"{self.synaptic_events_per_sample:,.1f}",
            "neuron_updates_per_sample": f"{self.neuron_updates_per_sample:,.1f}",
        }
        # These two values have no rows of their own, because they are shown in the rows of other
        # values.
        without_row = ("hash", "drawn_from", "only_classes")
        rows = [
            (f"accuracy, {self.only_classes}" if k == "accuracy" and self.only_classes else k, v)
            for k, v in values.items()
            if v is not None and k not in without_row
        ]
        rows = [(name.replace("_", " "), shown(value)) for name, value in rows]
        if self.confusion is not None and (weakest := self.confusion.weakest) is not None:
            rows.append(("weakest class", self.confusion.sentence(weakest)))
        return [Table("evaluation", ("", "value"), rows), *(self.class_tables() if classes else [])]

    def __repr__(self) -> str:
        few = f", {self.only_classes}" if self.only_classes else ""
        return (
            f"<Evaluation: accuracy {self.accuracy:.2%} of {counted(self.samples, 'sample')}{few}>"
        )


@checked
def evaluate(
    network: Source,
    data: SpikeEvents | Samples | Dataset | str | Path,
    *,
    samples: Count | None = None,
    trust: bool = False,
    progress: Progress = silent,
) -> Evaluation:
    """Measure accuracy and activity of a network on labelled samples.

    For the path of an export, the export itself runs in the runtime of its format.

    >>> evaluate(q.network, data.test)  # doctest: +SKIP
    <Evaluation: accuracy 89.33% of 300 samples>

    Args:
        network: float or integer network, a run, a torch model, or a path, also of an export.
        data: samples, a data set, or its name, e.g. `digits:test`; also samples already binned for
            the network.
        samples: number of samples to draw, in proportion to the classes; by default all.
        trust: run an export even if its code differs from what this nmtool writes. An export
            that is code, such as a folder for Lava, may do anything.
        progress: shows progress, e.g. `nmtool.progress_bar`.

    Raises:
        DataError: there is no sample, or most events lie beyond the network's steps.
        UsageError: the data have other channels or classes than the network.
        FileFormatError: an export is damaged, or its code differs.
        MissingError: the runtime of an export is not installed.
        BackendError: the runtime of an export failed.
    """
    artefact = runnable_export(network)
    if artefact is not None:
        return _evaluate_export(artefact, data, samples, trust, progress)
    model = as_network(network)
    events, draw = _drawn(as_samples(data, [network], progress), samples)
    return replace(_evaluated(model, record_portions(model, events, progress=progress)), **draw)


def runnable_export(network: object) -> Format | None:
    """The export at a path, if its format has a runtime; None for everything else."""
    if not isinstance(network, str | Path) or zoo.is_name(network) or not Path(network).exists():
        return None
    artefact = artefact_at(network)
    return artefact if artefact is not None and artefact.runs else None


def _drawn(
    data: SpikeEvents | Samples, count: int | None
) -> tuple[SpikeEvents | Samples, dict[str, Any]]:
    """Draw `count` samples; return them, and fields of `Evaluation` that describe the draw."""
    if count is None or not isinstance(data, SpikeEvents | Samples):
        return data, {}  # Binning refuses all other types of data.
    number = drawn_samples(data.label, count)
    if number.size == data.label.size:
        return data, {}
    return data.take(number), {"number": number, "drawn_from": data.label.size}


def _evaluate_export(
    artefact: Format,
    data: SpikeEvents | Samples | Dataset | str | Path,
    count: int | None,
    trust: bool,
    progress: Progress,
) -> Evaluation:
    """Evaluate an export in the runtime of its format, and measure the time."""
    if artefact.executes_code and not trust:
        artefact.check_written()
    artefact.require()
    network = artefact.network
    events, draw = _drawn(as_samples(data, [artefact.path], progress), count)
    portions = portions_for(network, events, measures=True)
    record = partial(artefact.run, trust=trust)
    began = time.perf_counter()
    recordings = portion_by_portion(portions, record, progress(artefact.name, events.label.size))
    result = _evaluated(network, recordings)
    seconds = time.perf_counter() - began
    return replace(result, seconds=seconds, runtime=artefact.name, **draw)


def _evaluated(
    network: Network | IntegerNetwork,
    portions: Iterator[tuple[Samples, Recording]],
) -> Evaluation:
    """Evaluate recordings of labelled samples, portion by portion.

    Args:
        network: the network that ran.
        portions: parts of its input, with at least one sample in total, and their recordings.
    """
    from nmtool.hardware_sim.operations import count_operations

    spikes, counts = Counter[str](), Counter[str]()
    spikes_of_neurons: dict[str, NDArray[np.int64]] = {}
    spiking_steps: dict[str, NDArray[np.int64]] = {}
    events = updates = 0
    scores, labels = [], []
    for samples, recording in portions:
        operations = count_operations(network, samples.raster, recording)
        events += sum(
            int(projection_events.sum()) for projection_events in operations.synaptic_events
        )
        updates = sum(operations.neurons.values()) * operations.n_steps
        spikes.update({name: raster.n_spikes for name, raster in recording.spikes.items()})
        for name, raster in {INPUT: samples.raster, **recording.spikes}.items():
            total = np.bincount(raster.neuron, raster.count, minlength=raster.n_neurons)
            spikes_of_neurons[name] = spikes_of_neurons.get(name, 0) + total.astype(np.int64)
            steps = np.bincount(raster.neuron, minlength=raster.n_neurons)
            spiking_steps[name] = spiking_steps.get(name, 0) + steps
        counts.update({name: n for name, n in recording.counts.items() if "." not in name})
        scores.append(recording.scores)
        labels.append(samples.label)
    label, score = np.concatenate(labels), np.concatenate(scores)
    predictions = predict(score)
    sizes = {population.name: population.size for population in network.populations}
    return Evaluation(
        network_hash=network.content_hash,
        arithmetic=network.arithmetic,
        samples=label.size,
        accuracy=float((predictions == label).mean()),
        spikes_per_neuron={name: n / (label.size * sizes[name]) for name, n in spikes.items()},
        synaptic_events_per_sample=events / label.size,
        neuron_updates_per_sample=float(updates),
        counts=dict(counts),
        scores=score,
        spikes=spikes.total(),
        recording=recording if len(scores) == 1 else None,
        confusion=Confusion.of(label, predictions, network.class_names),
        activity=Activity(
            {name: total / label.size for name, total in spikes_of_neurons.items()},
            samples.raster.n_steps,
            dict(counts),
            {name: total / label.size for name, total in spiking_steps.items()},
        ),
        label=label,
    )

"""`report`: gather everything known about a network, for a page or a terminal."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nmtool import plot
from nmtool.arguments import WORDS, Count, checked
from nmtool.batches import record_spikes
from nmtool.data.binning import count_dropped
from nmtool.data.catalogue import load_dataset
from nmtool.data.dataset import Dataset
from nmtool.data.events import SpikeEvents
from nmtool.data.samples import Samples, bin_for
from nmtool.description import count_synapses
from nmtool.errors import InputError, MissingError, NetworkError, UsageError
from nmtool.evaluation.confusion import Confusion
from nmtool.evaluation.evaluation import Evaluation, evaluate
from nmtool.loading import Source, as_network, float_network, run_behind, with_validation_of
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork
from nmtool.progress import Progress, silent
from nmtool.quantisation import Quantisation, RoundingCost
from nmtool.quantisation.quantising import (
    calibration_split,
    quantise,
    rounding_cost,
)
from nmtool.recording import Recording
from nmtool.reporting import Figure, Report, Section
from nmtool.reproduction import Reproduction, versions
from nmtool.running import simulate
from nmtool.tables import counted
from nmtool.targets import LOIHI2, Target, target_named
from nmtool.targets.checking import check, several_targets
from nmtool.targets.costing import cost
from nmtool.verification.certificate import SIMULATOR, Certificate
from nmtool.verification.verification import Verification
from nmtool.verification.verify import verify

if TYPE_CHECKING:
    from nmtool.training.learning import Run

FLOAT, INTEGERS = "float network", "integers (bit-accurate simulator)"


@checked(against=WORDS)
def report(
    network: Source,
    data: Dataset | SpikeEvents | str | Path | None = None,
    *,
    samples: Count | None = None,
    against: Sequence[str] = (),
    target: str | Path | Target | Sequence[str | Path | Target] = LOIHI2.name,
    trust: bool = False,
    progress: Progress = silent,
) -> Report:
    """Gather everything known about a network and the run that trained it.

    >>> report(q.network, data)  # doctest: +SKIP
    <Report on network: integers, classes, activity, description, check, cost, reproduce>

    `report(…).save("report.html")` writes a page, `print(report(…).summary())` the tables, and
    `report(…)["cost"]` is the result of a section.

    Args:
        network: a run, a float or integer network, a torch model, or the path of any file with a
            network. A float network is also quantised, with the defaults of `quantise`.
        data: samples to run, a data set, or its name, e.g. `digits:validation`; by default the data
            of the run. Without samples, sections that need them are left out.
        samples: number of samples to draw, in proportion to the classes; by default all, or 1,000
            if the data are on disk.
        against: one or more backends to compare with the simulator, as in `verify`.
        target: chips and formats to check for, as in `check`; the cost of an inference is counted
            for the first target.
        trust: run an export even if its code differs from what nmtool writes.
        progress: shows progress, e.g. `nmtool.progress_bar`.

    Raises:
        UsageError: the data do not fit the network; a backend needs data.
        DataError: the data have no samples, or most events lie beyond the network's steps.
        FileFormatError: a file is missing, damaged, or not a network.
        MissingError: the runtime of a backend is not installed; raised before anything runs.
        BackendError: a runtime failed.
    """
    run = _run_of(network)
    compared = Verification.of(network, against) if against else None
    if compared is not None:
        compared.require()
    chips = [target_named(choice) for choice in several_targets(target)]
    floats, named = float_network(network), as_network(network)
    integers = named if isinstance(named, IntegerNetwork) else None
    trained = floats or named
    dataset, missing = _data_or_reason(data, network)
    if compared is not None and dataset is None:
        raise UsageError(
            "comparing backends needs data",
            code="data-missing",
            why=missing,
            fix="name DATA, or leave out the backends",
        )
    tested = None
    if dataset is not None:
        tested = _Tested.of(dataset, samples, network, trained)
    remarks = [f"Nothing ran: {missing}."] if missing else []
    quantisation = certificate = ran = None
    if integers is None:
        quantisation = _quantised(network, named, dataset, remarks, progress)
        integers = None if quantisation is None else quantisation.network
    if tested is not None:
        ran = _Ran.of(tested, {FLOAT: floats, INTEGERS: integers}, remarks, progress)
    if compared is not None and tested is not None:
        # If an existing export is compared, the export itself runs, not a new one.
        certificate = verify(
            named if compared.takes_floats else integers or named,
            tested.binned,
            against=compared.names,
            artefact=compared.export_path,
            trust=trust,
            progress=progress,
        )
        if first_difference := certificate.first_divergence:
            remarks.append(f"Backends differ, first {first_difference[0]}.")

    sections = [] if ran is None else [*ran.sections()]
    if run is not None:
        # The curves show the first table, which has a row per epoch.
        curves = learning_figures(run.log, run.best["epoch"] if run.log else None)
        sections.append(Section("learning", "Learning", run, curves, run.tables()[1:]))
    sections.append(Section("description", "Network", named, [*synapse_figures(trained)]))
    lost = None if ran is None else ran.rounding_cost()
    rounding = lost if quantisation is None else replace(quantisation, cost=lost)
    if rounding is not None:
        sections.append(Section("rounding", "Cost of rounding", rounding))
    if integers is not None:
        sections.append(Section("check", "Does it fit", check(integers, chips)))
        if tested is not None:
            counts = cost(integers, tested.binned, target=chips[0], progress=progress)
            sections.append(Section("cost", "Cost of an inference", counts))
    if certificate is not None:
        tables = certificate.lasting_tables()
        sections.append(Section("certificate", "Certificate", certificate, (), tables))
    path = network if isinstance(network, str | Path) else getattr(network, "folder", None)
    title = ("network" if run is None else "run") if path is None else str(path)
    options: dict[str, Any] = {
        "samples": samples,
        "trust": trust,
        "against": [*against],
    }
    command = _command(title, data, options, target)
    reproduction = _reproduction(run, {FLOAT: floats, INTEGERS: integers}, tested, command)
    sections.append(Section("reproduce", "How to reproduce", reproduction))
    headline = [*_headline(named, integers or named, ran, certificate)]
    passed = certificate is None or certificate.identical
    return Report(title, headline, sections, remarks, passed)


@dataclass(frozen=True)
class _Tested:
    """Samples to run.

    Attributes:
        events: the samples.
        binned: the samples, binned for the network.
        where: names of their data set and split.
        available: number of samples in the split.
        dropped: a sentence on events after the last step; '' without any.
    """

    events: SpikeEvents
    binned: Samples
    where: str
    available: int
    dropped: str

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        count: int | None,
        source: Source,
        network: Network | IntegerNetwork,
    ) -> _Tested:
        """Choose samples of a data set; a run's own rule draws the validation split."""
        dataset = with_validation_of([source], dataset)
        chosen = dataset.default_split
        every = dataset.filled_split(chosen)
        events = every.excerpt(count)
        binned = bin_for(network, events, measures=True)
        dropped = ""
        if late := count_dropped(events, network.dt_ms, network.n_steps):
            dropped = (
                f"{late:,} of {events.n_events:,} events lie beyond the {network.n_steps} steps of "
                "the network and were dropped."
            )
        where = f"{dataset.name} ({chosen})"
        return cls(events, binned, where, every.n_samples, dropped)


@dataclass(frozen=True)
class _Ran:
    """Networks that ran on the samples, the float network first.

    Attributes:
        tested: the samples.
        networks: the networks, by name.
        evaluations: evaluation of each of them.
    """

    tested: _Tested
    networks: Mapping[str, Network | IntegerNetwork]
    evaluations: Mapping[str, Evaluation]

    @classmethod
    def of(
        cls,
        tested: _Tested,
        networks: Mapping[str, Network | IntegerNetwork | None],
        remarks: list[str],
        progress: Progress,
    ) -> _Ran | None:
        """Run networks; None if none runs. Reasons and dropped events are added to `remarks`."""
        if tested.dropped:
            remarks.append(tested.dropped)
        ran: dict[str, Network | IntegerNetwork] = {}
        evaluations: dict[str, Evaluation] = {}
        for name, network in networks.items():
            if network is None:
                continue
            try:
                evaluation = evaluate(network, tested.binned, progress=progress)
            except NetworkError as error:
                if name != FLOAT:
                    raise
                remarks.append(f"The float network does not run here: {error.clause}.")
                continue
            is_drawn = evaluation.samples < tested.available
            evaluation = replace(evaluation, drawn_from=tested.available if is_drawn else None)
            ran[name], evaluations[name] = network, evaluation
        return cls(tested, ran, evaluations) if ran else None

    @property
    def name(self) -> str:
        """Name of the network that classes and activity are shown for: the integers if they ran."""
        return list(self.networks)[-1]

    @property
    def evaluation(self) -> Evaluation:
        """Evaluation of this network."""
        return self.evaluations[self.name]

    def sections(self) -> Iterator[Section]:
        """Yield the evaluations, and the classes and the activity of one network."""
        for name, evaluation in self.evaluations.items():
            key = "integers" if name == INTEGERS else "floats"
            yield Section(key, f"Accuracy, {name}", evaluation)
        confusion, activity = self.evaluation.confusion, self.evaluation.activity
        assert confusion is not None
        assert activity is not None
        label, answer = self.tested.binned.label, self.evaluation.predictions
        plots, names = confusion_figures(confusion), confusion.class_names
        for word, mask in (("right", answer == label), ("wrong", answer != label)):
            if mask.any():
                sample = int(mask.argmax())
                caption = f"The first {word} sample, {sample}: class {names[label[sample]]}"
                caption += "." if word == "right" else f", predicted as {names[answer[sample]]}."
                plots.append(self._sample_figure(caption, sample))
        yield Section("classes", f"Classes, {self.name}", confusion, plots)
        plots = activity_figures(self._recording()) if activity.spikes else []
        yield Section("activity", "Activity", activity, plots)

    def _recording(self) -> Callable[[], Recording]:
        """A function that returns the spikes of all samples; they may have to be computed."""
        network, raster = self.networks[self.name], self.tested.binned.raster
        return cache(lambda: self.evaluation.recording or record_spikes(simulate, network, raster))

    def _sample_figure(self, caption: str, sample: int) -> Figure:
        """The figure of a sample, see `sample_figure`."""
        single, network = self.tested.binned.take(np.array([sample])), self.networks[self.name]
        if self.evaluation.recording is None:
            recording = simulate(network, single.raster)
        else:
            recording = self.evaluation.recording.take([sample])
        return sample_figure(caption, single, recording, network.class_names)

    def rounding_cost(self) -> RoundingCost | None:
        """Accuracy lost by rounding; None unless float and integer network ran."""
        if len(self.evaluations) < 2:
            return None
        before, after = (evaluation.recording for evaluation in self.evaluations.values())
        binned, compared_on = self.tested.binned, f"samples of {self.tested.where}"
        if before is not None and after is not None:
            return RoundingCost.of([(before, after, binned.label)], compared_on)
        floats, integers = self.networks[FLOAT], self.networks[INTEGERS]
        assert isinstance(floats, Network)
        assert isinstance(integers, IntegerNetwork)
        return rounding_cost(floats, integers, binned, compared_on)


def _run_of(source: Source) -> Run | None:
    """The run of a source: a run, its folder, or a network file in the folder."""
    if hasattr(source, "log"):
        run: Any = source
        return run
    folder = run_behind(source)
    if folder is None:
        return None
    from nmtool.training.learning import Run

    return Run.load(folder.path)


def _quantised(
    source: Source,
    network: Network | IntegerNetwork,
    dataset: Dataset | None,
    remarks: list[str],
    progress: Progress,
) -> Quantisation | None:
    """Round a float network; if this is impossible, add the reason to `remarks`."""
    calibrate_on = None
    if dataset is not None and "train" in dataset.splits and dataset.train.n_samples:
        calibrate_on = calibration_split(dataset, source)
    try:
        return quantise(network, calibrate_on=calibrate_on, progress=progress)
    except NetworkError as error:
        remarks.append(f"This network cannot be quantised: {error.clause}.")
        return None


def _data_or_reason(
    data: Dataset | SpikeEvents | str | Path | None, source: Source
) -> tuple[Dataset | None, str]:
    """The data set of the report, and ''; or None, and the reason why there is no data set.

    It is the named data set, or by default the data of the run.
    """
    if isinstance(data, Dataset):
        return data, ""
    if isinstance(data, SpikeEvents):
        return Dataset("the samples given", ("test",), lambda split: data), ""
    if data is not None:
        return load_dataset(data), ""
    folder = run_behind(source)
    if folder is None:
        return None, "no data are named"
    from nmtool.training.loop.run_data import data_of

    try:
        dataset = data_of(folder)
        for split in ("test", "train"):
            if split in dataset.splits:
                dataset.split(split)
    except (InputError, MissingError) as error:
        if error.code == "data-in-memory":
            return None, f"{error.what}, and no other data are named"
        name = folder.manifest().data
        return None, f"the data of the run, '{name}', cannot be read: {error.clause}"
    return dataset, ""


def _headline(
    network: Network | IntegerNetwork,
    integers: Network | IntegerNetwork,
    ran: _Ran | None,
    certificate: Certificate | None,
) -> Iterator[tuple[str, str]]:
    """Yield names and values of the most important numbers."""
    if ran is not None:
        count, tested = ran.evaluation.samples, ran.tested
        part = f" of {tested.available:,}" if count < tested.available else ""
        yield "samples", f"{count:,}{part}, {tested.where}"
        # If some classes have no samples, the accuracy does not represent all classes.
        if not ran.evaluation.only_classes:
            shares = {name: evaluation.accuracy for name, evaluation in ran.evaluations.items()}
            shares |= {} if certificate is None else certificate.accuracy
            for name, share in shares.items():
                if name != SIMULATOR:
                    right = f"{round(share * count):,} of {count:,}"
                    yield f"accuracy, {name.partition(' (')[0]}", f"{share:.2%}, {right}"
    neurons, with_relays = (sum(p.size for p in net.populations) for net in (network, integers))
    yield "neurons", f"{neurons:,}"
    if with_relays != neurons:
        yield "neurons with relays", f"{with_relays:,}"
    yield "synapses", f"{count_synapses(network):,}"
    yield "longest delay", f"{network.max_delay} steps"
    if certificate is not None:
        yield "spikes compared", f"{certificate.spikes_compared:,}"
        yield "spikes different", f"{certificate.spikes_different:,}"


def _reproduction(
    run: Run | None,
    networks: Mapping[str, Network | IntegerNetwork | None],
    tested: _Tested | None,
    command: Sequence[str],
) -> Reproduction:
    """Everything needed to repeat the run and the report."""
    hashes = {
        f"content hash, {name.partition(' (')[0]}": network.content_hash
        for name, network in networks.items()
        if network is not None
    }
    if tested is not None:
        extent = f"{counted(tested.events.n_samples, 'sample')}, {tested.where}"
        hashes[f"SHA-256 of the {extent}"] = tested.events.content_hash
    of_run = Reproduction({}) if run is None else run.reproduction()
    code = {**of_run.code, "command of this report": shlex.join(command)}
    return Reproduction({**hashes, **of_run.hashes}, of_run.settings, code, versions())


def _command(title: str, data: object, options: Mapping[str, Any], target: object) -> list[str]:
    """Words of the command that makes the report; data in memory are left out."""
    words = ["nmtool", "report", title]
    if isinstance(data, str | Path):
        words.append(str(data))
    elif isinstance(data, Dataset) and not data.in_memory:
        words.append(f"{data.name}:{data.chosen_split}" if data.chosen_split else data.name)
    targets = target if isinstance(target, list | tuple) else [target]
    names = [choice.name if isinstance(choice, Target) else str(choice) for choice in targets]
    flags = {**options, "target": [] if names == [LOIHI2.name] else names}
    for name, value in flags.items():
        flag = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            words += [flag] * value
        else:
            values = value if isinstance(value, list | tuple) else [value]
            words += [word for entry in values if entry is not None for word in (flag, str(entry))]
    return [*words, "-o", "report.html"]


# Plots

_MAX_NARROW_CLASSES = 15
"""Largest number of classes whose names fit beside a confusion matrix in one column of the page."""

_MAX_PLOTTED = 12
"""Largest number of projections with histograms."""


def learning_figures(log: Sequence[Mapping[str, Any]], best: int | None) -> list[Figure]:
    """A curve of each quantity that the log of a run contains; `best` is the best epoch."""
    return [
        Figure(f"{quantity} by epoch", [partial(plot.learning, log, quantity, best=best)])
        for quantity, keys in plot.LEARNING.items()
        if any(entry.get(key) for entry in log for key in keys)
    ]


def confusion_figures(confusion: Confusion) -> list[Figure]:
    """The confusion matrix."""
    caption = "Rows are true classes, columns predictions; shades are shares of a row."
    is_wide = len(confusion.class_names) > _MAX_NARROW_CLASSES
    height = 3.0 if is_wide else 1.5
    return [Figure(caption, [partial(plot.confusion, confusion)], [height], is_wide)]


def synapse_figures(network: Network | IntegerNetwork) -> Iterator[Figure]:
    """Yield histograms of the weights and delays of the first projections."""
    for index, projection in enumerate(network.projections[:_MAX_PLOTTED]):
        for quantity, draw in (("Weights", plot.weights), ("Delays", plot.delays)):
            caption = f"{quantity} of {projection.source} → {projection.target}"
            yield Figure(caption, [partial(draw, network, index)])


def activity_figures(recording: Callable[[], Recording]) -> list[Figure]:
    """Firing rates, and activity over time; the recording is computed when a figure is drawn."""
    return [
        Figure("Histogram of firing rates.", [lambda ax: plot.rates(recording(), ax=ax)]),
        Figure(
            "Population activity: share of neurons that spike.",
            [lambda ax: plot.activity(recording(), ax=ax)],
        ),
    ]


def sample_figure(
    caption: str, sample: Samples, recording: Recording, class_names: Sequence[str]
) -> Figure:
    """The input, spikes and output membranes of a single sample, one above the other."""
    panels = [partial(plot.raster, sample.raster, population="input")]
    heights = [0.8]
    if recording.spikes:
        panels.append(partial(plot.raster, recording))
        heights.append(1.0)
    if recording.membrane:
        answers = recording.readout.population in recording.membrane
        classes: dict[str, Any] = {}
        if answers:
            classes = {"class_names": class_names, "label": int(sample.label[0])}
        panels.append(partial(plot.membranes, recording, **classes))
        heights.append(0.9)
    return Figure(caption, panels, heights)

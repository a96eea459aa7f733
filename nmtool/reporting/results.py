"""`report`: gather everything known about a network, for a page or a terminal."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from nmtool.arguments import WORDS, Count, checked
from nmtool.batches import record_spikes
from nmtool.data.binning import count_dropped
from nmtool.data.catalogue import as_dataset
from nmtool.data.dataset import Dataset, default_split
from nmtool.data.events import SpikeEvents
from nmtool.data.samples import Samples, bin_for
from nmtool.description import count_synapses
from nmtool.errors import Finding, InputError, MissingError, NetworkError, NmtoolError, UsageError
from nmtool.evaluation.evaluation import Evaluation, evaluate
from nmtool.loading import (
    Source,
    as_network,
    float_network,
    options_behind,
    run_behind,
    shared_validation_rule,
)
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork
from nmtool.progress import Progress, silent
from nmtool.quantisation import Quantisation, RoundingCost
from nmtool.quantisation.quantising import (
    calibration_split,
    check_quantising,
    quantise,
    quantised_already,
    rounding_cost,
)
from nmtool.recording import Recording
from nmtool.reporting import PAGE, Report, Section, section_of, sections as chapters
from nmtool.running import SIMULATOR, has_torch, simulate
from nmtool.tables import Table, counted
from nmtool.targets import LOIHI2, Target, target_named
from nmtool.targets.checking import CheckReport, check, several_targets
from nmtool.targets.costing import cost
from nmtool.targets.costs import Cost
from nmtool.toml_files import toml_value
from nmtool.verification.against import Against
from nmtool.verification.certificate import Certificate
from nmtool.verification.comparison import Divergence
from nmtool.verification.verify import verify
from nmtool.version import __version__

if TYPE_CHECKING:
    from nmtool.training.loop.run_folder import RunFolder
    from nmtool.training.options import TrainOptions

FLOAT, INTEGERS = "float network", "integers (bit-accurate simulator)"


@checked(against=WORDS)
def report(
    network: Source,
    data: Dataset | SpikeEvents | str | Path | None = None,
    *,
    split: str | None = None,
    samples: Count | None = None,
    against: Sequence[str] = (),
    target: str | Path | Target | Sequence[str | Path | Target] = LOIHI2.name,
    before: Source | None = None,
    quantising: Mapping[str, Any] = MappingProxyType({}),
    trust: bool = False,
    progress: Progress = silent,
) -> Report:
    """Gather everything known about a network and the run that trained it.

    >>> report(q.network, data)  # doctest: +SKIP
    <Report on network: accuracy, classes, samples, activity, description, synapses, rounding, \
check, cost, certificate, reproduce>

    `report(…).save("report.html")` writes a page, `print(report(…).summary())` the tables.

    Args:
        network: a run, a float or integer network, a torch model, or the path of any file with a
            network. A float network is also quantised.
        data: samples to run; by default the data of the run. Without samples, sections that need
            them are left out.
        split: split of the data set; by default `test`, else `validation`, else `train`.
        samples: number of samples to draw, in proportion to the classes; by default all, or 1,000
            if the data are on disk.
        against: one or more backends to compare with the simulator, as in `verify`.
        target: chips and formats to check for, as in `check`; the cost of an inference is counted
            for the first target.
        before: the network before training; by default the initial network of the run, recomputed
            from its settings and seed.
        quantising: arguments of `quantise` for a float network, e.g. `{"weight_bits": 4}`.
        trust: run an export even if its code differs from what nmtool writes.
        progress: shows progress, e.g. `nmtool.progress_bar`.

    Raises:
        UsageError: the data do not fit the network; a backend needs data; there are quantisation
            options for an integer network; `before` has another shape.
        DataError: the data have no samples, or most events lie beyond the network's steps.
        FileFormatError: a file is missing, damaged, or not a network.
        MissingError: the runtime of a backend is not installed; raised before anything runs.
        BackendError: a runtime failed.
    """
    run = _Run.of(network)
    title = str(network) if isinstance(network, str | Path) else run.name
    compared = Against.of(network, against) if against else None
    if compared is not None:
        compared.require()
    chips = [target_named(choice) for choice in several_targets(target)]
    floats, integers = _networks(network)
    check_quantising(quantising)
    if quantising and integers is not None:
        raise quantised_already(network, quantising)
    dataset, missing = _data_or_reason(data, run)
    events, where, available = _samples_to_run(dataset, split, samples, network)
    if compared is not None and events is None:
        raise UsageError(
            "comparing backends needs data",
            code="data-missing",
            why=missing,
            fix="name DATA, or leave out the backends",
        )
    trained_network = floats or integers
    assert trained_network is not None
    binned = None if events is None else bin_for(trained_network, events, measures=True)
    network_before, before_note = _network_before(before, trained_network, run, dataset)
    quantisation, rounding_note = None, _rounding_note(floats)
    if integers is None:
        quantisation, rounding_note = _try_to_quantise(
            network, floats, dataset, quantising, progress
        )
    results = _Results(
        title=title,
        run=run,
        floats=floats,
        integers=integers if quantisation is None else quantisation.network,
        quantisation=quantisation,
        rounding_note=rounding_note,
        before=network_before,
        before_note=before_note,
        events=events,
        where=where,
        available=available,
        samples=binned,
        notes=[f"Nothing ran: {missing}."] if missing else [],
    )
    results.evaluate(progress)
    if results.integers is not None:
        results.fits = check(results.integers, chips)
        if binned is not None:
            results.cost = cost(results.integers, binned, target=chips[0], progress=progress)
    if compared is not None:
        results.verify(compared, trust, progress)
    options: dict[str, Any] = {"before": before if isinstance(before, str | Path) else None}
    options |= {"split": split, "samples": samples, "trust": trust}
    command = _command(title, data, {**options, **quantising})
    command += [word for name in against for word in ("--against", name)]
    if chips != [LOIHI2]:
        choices = [target] if isinstance(target, str | Path | Target) else target
        names = [choice.name if isinstance(choice, Target) else str(choice) for choice in choices]
        command += [word for name in names for word in ("--target", name)]
    return Report(title, _headline(results), _sections(results, command), results.passed)


@dataclass
class _Results:
    """All results for a report.

    Attributes:
        title: path or name of the network.
        run: the run that trained the network, as far as known.
        floats, integers: float and integer network; one may be missing.
        quantisation: the quantisation, if the report quantised the network.
        rounding_note: sentence on the origin of the integers, or on the reason why there are none.
        before: the network before training, if known.
        before_note: sentence on the origin of `before`, or on the reason why it is unknown.
        events: the samples to run; None without data.
        where: names of the samples' data set and split.
        available: number of samples in the split.
        samples: the samples to run, binned; None without data.
        notes: sentences on evaluations that did not run or lack events, with reasons.
        evaluations: evaluations of the networks that ran, under the names `FLOAT` and `INTEGERS`.
        fits: fit of the integers to the targets; None without integers.
        cost: cost of an inference; None if nothing ran.
        certificate: comparison with backends; None without backends.
    """

    title: str
    run: _Run
    floats: Network | None
    integers: IntegerNetwork | None
    quantisation: Quantisation | None
    rounding_note: str
    before: Network | IntegerNetwork | None
    before_note: str
    events: SpikeEvents | None
    where: str
    available: int
    samples: Samples | None
    notes: list[str]
    evaluations: dict[str, Evaluation] = field(default_factory=dict)
    fits: CheckReport | None = None
    cost: Cost | None = None
    certificate: Certificate | None = None

    @property
    def network(self) -> Network | IntegerNetwork:
        """The network that the user named; of a run in integers, its integer network."""
        network = self.floats if self.quantisation is not None else self.integers or self.floats
        assert network is not None
        return network

    @property
    def main_evaluation(self) -> Evaluation | None:
        """The evaluation of the integer network if it ran, else of the float network."""
        return self.evaluations.get(INTEGERS) or self.evaluations.get(FLOAT)

    @property
    def main_network(self) -> Network | IntegerNetwork:
        """The network of the main evaluation."""
        network = self.integers if INTEGERS in self.evaluations else self.floats
        assert network is not None
        return network

    @property
    def extent(self) -> str:
        """Number of samples that ran, in words, e.g. `100 of 2,000 samples`."""
        count = 0 if self.events is None else self.events.n_samples
        part = f"{count:,} of " if count < self.available else ""
        return part + counted(max(count, self.available), "sample")

    @property
    def accuracy(self) -> dict[str, float]:
        """Share of samples classified correctly, 0 … 1, by backend."""
        shares = {name: evaluation.accuracy for name, evaluation in self.evaluations.items()}
        by_backend = {} if self.certificate is None else dict(self.certificate.accuracy)
        by_backend.pop(SIMULATOR, None)
        return {**shares, **by_backend}

    @property
    def passed(self) -> bool:
        """False if a backend differs from the simulator."""
        return self.certificate is None or self.certificate.identical

    def evaluate(self, progress: Progress) -> None:
        """Run the float and the integer network on the samples, if there are samples."""
        if self.samples is None or self.events is None:
            return
        dropped = count_dropped(self.events, self.network.dt_ms, self.network.n_steps)
        if dropped:
            self.notes.append(
                f"{dropped:,} of {self.events.n_events:,} events lie beyond the "
                f"{self.network.n_steps} steps of the network and were dropped."
            )
        if self.floats is not None:
            try:
                self.evaluations[FLOAT] = evaluate(self.floats, self.samples, progress=progress)
            except NetworkError as error:
                self.notes.append(f"The float network does not run here: {_as_clause(error)}.")
        if self.integers is not None:
            self.evaluations[INTEGERS] = evaluate(self.integers, self.samples, progress=progress)

    def verify(self, compared: Against, trust: bool, progress: Progress) -> None:
        """Compare backends with the simulator, and set `certificate`.

        If an existing export is compared, the export itself runs, not a new one.
        """
        self.certificate = verify(
            self.network if compared.takes_floats else self.integers or self.network,
            self.samples,
            against=compared.names,
            artefact=compared.export_path,
            trust=trust,
            progress=progress,
        )

    def rounding_cost(self) -> RoundingCost | None:
        """Accuracy lost by rounding; None unless float and integer network ran."""
        if not {FLOAT, INTEGERS} <= set(self.evaluations):
            return None
        before, after = (self.evaluations[name].recording for name in (FLOAT, INTEGERS))
        compared_on = f"samples of {self.where}"
        assert self.samples is not None
        if before is not None and after is not None:
            return RoundingCost.of([(before, after, self.samples.label)], compared_on)
        assert self.floats is not None
        assert self.integers is not None
        return rounding_cost(self.floats, self.integers, self.samples, compared_on)

    def spikes(self) -> Recording:
        """The spikes of the main evaluation on all samples; membranes may be missing."""
        evaluation = self.main_evaluation
        assert evaluation is not None
        assert self.samples is not None
        return evaluation.recording or record_spikes(
            simulate, self.main_network, self.samples.raster
        )

    def record(self, sample: int) -> Recording:
        """The recording of a single sample by the network of the main evaluation."""
        evaluation = self.main_evaluation
        assert evaluation is not None
        assert self.samples is not None
        if evaluation.recording is not None:
            return evaluation.recording.take([sample])
        return simulate(self.main_network, self.samples.raster.take([sample]))

    def first_difference(self) -> tuple[str, Divergence, Recording] | None:
        """The first backend that differs, its first difference and its recording of that sample.

        None if nothing differs.
        """
        certificate, evaluation = self.certificate, self.main_evaluation
        if certificate is None or evaluation is None:
            return None
        if certificate.network_hash != evaluation.network_hash:
            return None
        for name, backend_check in certificate.checks.items():
            place = backend_check.comparison.first_divergence
            if place is not None:
                sample = place.sample - backend_check.recorded_from
                return name, place, backend_check.recording.take([sample])
        return None


def _sections(results: _Results, command: Sequence[str]) -> list[Section]:
    """The sections of a report, in order, without those that do not apply.

    Args:
        results: the results.
        command: words of the command line that makes the report again.
    """
    run, evaluation, samples = results.run, results.main_evaluation, results.samples
    extent = "" if evaluation is None else f"{results.extent} of {results.where}"
    if evaluation is not None and evaluation.only_classes:
        extent += f", which cover {evaluation.only_classes}"
    count = 0 if evaluation is None else evaluation.samples
    sections = [chapters.accuracy_section(extent, count, results.accuracy, results.notes)]
    if run.options is not None:
        sections.append(
            chapters.learning_section(
                *(run.log, run.best_entry, run.options.epochs),
                run.advice(results.floats) if results.floats else (),
                run.search(),
                results.network.class_names,
            )
        )
    if evaluation and samples and evaluation.confusion is not None:
        name = INTEGERS if INTEGERS in results.evaluations else FLOAT
        sections += [
            chapters.classes_section(name, evaluation.confusion),
            chapters.samples_section(
                samples,
                evaluation.predictions,
                results.record,
                results.network.class_names,
                results.first_difference(),
            ),
            chapters.activity_section(samples.raster, results.spikes()),
        ]
    trained_network = results.floats or results.network
    sections += [
        chapters.network_section(results.network),
        chapters.synapses_section(trained_network, results.before, results.before_note),
        chapters.rounding_section(
            results.quantisation, results.rounding_cost(), results.rounding_note
        ),
    ]
    if results.fits is not None:
        sections.append(section_of("check", "Does it fit", results.fits))
    if results.cost is not None:
        sections.append(section_of("cost", "Cost of an inference", results.cost))
    example = shlex.join([*command, *([] if samples else ["DATA"]), "--against", "c"])
    sections.append(chapters.certificate_section(results.certificate, example))
    return [*sections, _reproduce(results, command)]


@dataclass(frozen=True)
class _Run:
    """The training run of a network; fields that are unknown have their defaults."""

    name: str = "network"
    folder: RunFolder | None = None
    options: TrainOptions | None = None
    log: Sequence[Mapping[str, Any]] = ()
    n_validation: int | None = None

    @classmethod
    def of(cls, source: Source) -> _Run:
        """Find the run of a source: a run, its folder, or a network file in the folder."""
        options, folder = options_behind(source), run_behind(source)
        if options is None:
            return cls()
        if not isinstance(source, str | Path):
            path = getattr(source, "folder", None)
            log: Sequence[Mapping[str, Any]] = getattr(source, "log", ())
            number = getattr(source, "n_validation", None)
            return cls("run" if path is None else str(path), folder, options, log, number)
        assert folder is not None
        log = folder.read_log() if folder.log_file.is_file() else []
        return cls(str(source), folder, options, log, folder.manifest().validation_samples)

    @property
    def best_entry(self) -> Mapping[str, Any] | None:
        """Log entry of the best epoch, whose network was kept; None if no epoch ended."""
        if not self.log or self.options is None:
            return None
        from nmtool.training.loop.selection import best_epoch

        return best_epoch(self.log, self.options.judge_epochs)

    def advice(self, network: Network) -> list[Finding]:
        """Suggestions for another training run."""
        from nmtool.training.loop.advice import advice

        if self.options is None:
            return []
        return list(advice(self.options, self.log, network, self.n_validation))

    def search(self) -> Table | None:
        """The best trials of the hyperparameter search for the run; None if there was none."""
        from nmtool.training.studies.results import search_table

        return None if self.folder is None else search_table(self.folder.search_folder)

    def reproduction(self) -> tuple[list[tuple[str, str]], dict[str, Any], list[tuple[str, str]]]:
        """Everything needed to repeat the run.

        Returns:
            (name, value) pairs; settings by name; and (title, text) pairs to copy.
        """
        if self.options is None:
            return [], {}, []
        values = [("seed of training", str(self.options.seed))]
        settings = self.options.as_json()
        default = type(self.options)().as_json()
        manifest = None if self.folder is None else self.folder.manifest()
        start = None if manifest is None else manifest.start
        if start is None:
            settings = {name: value for name, value in settings.items() if value != default[name]}
        code = []
        if manifest is not None:
            values.append(("trained with nmtool", manifest.nmtool))
            values.append(("processes in training", str(manifest.ranks)))
            data = shlex.quote(manifest.data)
            command = f"nmtool train {data} -o RUN --config settings.toml"
            if start is not None:
                values.append(("started from the network", start))
                command = f"nmtool train {data} -o RUN --start START --config settings.toml"
            # No command can load training data that existed only in memory.
            if manifest.in_memory:
                values.append(("trained on data in memory", manifest.data))
            else:
                code.append(("command of training", command))
        lines = [f"{name} = {toml_value(value)}" for name, value in settings.items()]
        which = "all settings" if start is not None else "settings other than the defaults"
        code.append((f"settings.toml, {which}", "\n".join(lines)))
        return values, settings, code


def _networks(source: Source) -> tuple[Network | None, IntegerNetwork | None]:
    """The float and the integer network of a source; one of them may be None."""
    network = as_network(source)
    if isinstance(network, Network):
        return network, None
    return float_network(source), network


def _data_or_reason(
    data: Dataset | SpikeEvents | str | Path | None, run: _Run
) -> tuple[Dataset | None, str]:
    """The data set of the report, and ''; or None, and the reason why there is no data set.

    It is the named data set, or by default the data of the run.
    """
    if isinstance(data, Dataset):
        return data, ""
    if isinstance(data, SpikeEvents):
        return Dataset("the samples given", ("test",), lambda split: data), ""
    if data is not None:
        return as_dataset(data), ""
    if run.folder is None:
        return None, "no data are named"
    from nmtool.training.loop.run_data import data_of

    try:
        dataset = data_of(run.folder)
        for split in ("test", "train"):
            if split in dataset.splits:
                dataset.split(split)
    except (InputError, MissingError) as error:
        if error.code == "data-in-memory":
            return None, f"{error.what}, and no other data are named"
        name = run.folder.manifest().data
        return None, f"the data of the run, '{name}', cannot be read: {_as_clause(error)}"
    return dataset, ""


def _samples_to_run(
    dataset: Dataset | None, split: str | None, samples: int | None, source: Source
) -> tuple[SpikeEvents | None, str, int]:
    """The samples to run, their description, and the number of available samples."""
    if dataset is None:
        return None, "", 0
    is_validation = split == "validation" or (split is None and "test" not in dataset.splits)
    if is_validation and (rule := shared_validation_rule([source])) is not None:
        dataset = dataset.with_validation(rule)
    chosen = split or default_split(dataset)
    events = dataset.filled_split(chosen)
    return events.excerpt(samples), f"{dataset.name} ({chosen})", events.n_samples


def _rounding_note(floats: Network | None) -> str:
    """A sentence on the origin of an integer network that the report did not make."""
    if floats is None:
        return "The network was already an integer network."
    return "Trained in integers (quantisation-aware); the float weights are its shadow weights."


def _try_to_quantise(
    source: Source,
    floats: Network | None,
    dataset: Dataset | None,
    quantising: Mapping[str, Any],
    progress: Progress,
) -> tuple[Quantisation | None, str]:
    """Quantise a float network; return the result and a note, or None and why it failed."""
    assert floats is not None
    calibrate_on, note = None, "Not calibrated: there are no training samples."
    if dataset is not None and "train" in dataset.splits and dataset.train.n_samples:
        calibrate_on = calibration_split(dataset, source)
        note = "Calibrated on training samples."
    try:
        return quantise(floats, calibrate_on=calibrate_on, progress=progress, **quantising), note
    except NetworkError as error:
        return None, f"This network cannot be quantised: {_as_clause(error)}."


def _network_before(
    source: Source | None,
    network: Network | IntegerNetwork,
    run: _Run,
    dataset: Dataset | None,
) -> tuple[Network | IntegerNetwork | None, str]:
    """The network before training and its origin; or None and the reason why it is unknown."""
    if source is not None:
        return _named_before(as_network(source), network, run)
    if run.options is None or isinstance(network, IntegerNetwork):
        return None, (
            "Weights and delays before training are unknown: they can only be recomputed for a run "
            "folder, or the float network in it."
        )
    if run.folder is None:
        return None, "Weights and delays before training are unknown: the run has no folder."
    manifest = run.folder.manifest()
    if manifest.start is not None:
        return None, (
            "The run started from another network, which is not in its folder (content hash "
            f"{manifest.start}); name it with `before=RUN`."
        )
    if dataset is None or "train" not in dataset.splits:
        return None, "Recomputing weights and delays before training needs the training samples."
    if not has_torch():
        return None, "Recomputing weights and delays before training needs torch."
    from nmtool.training.loop.run import first_network

    try:
        initial_network = first_network(run.options, dataset)
    except NmtoolError as error:
        return None, f"The network before training cannot be recomputed: {_as_clause(error)}."
    origin = "Weights and delays before training are recomputed from settings and seed"
    if initial_network.content_hash != manifest.initial:
        return None, (
            f"{origin}, but differ from those of the run, since data, device or libraries differ. "
            "They are left out."
        )
    return initial_network, f"{origin}; the content hash equals that of the run."


def _named_before(
    before: Network | IntegerNetwork, network: Network | IntegerNetwork, run: _Run
) -> tuple[Network | IntegerNetwork, str]:
    """The network that the user named as `before`, and a sentence on its origin.

    Raises:
        UsageError: `before` has different projections.
    """
    shapes = [
        [
            (type(projection), projection.source, projection.target, projection.shape)
            for projection in side.projections
        ]
        for side in (before, network)
    ]
    if shapes[0] != shapes[1]:
        raise UsageError(
            "the network before training has different projections",
            code="report-before-differs",
            why="before and after are compared synapse by synapse",
            fix="name a network of the same shape and kind, float or integer",
        )
    start = None if run.folder is None else run.folder.manifest().start
    if start is None:
        return before, "Before: the named network."
    if before.content_hash == start:
        return before, "Before: the network that the run started from."
    return before, "Before: the named network; the run started from another network."


def _headline(results: _Results) -> list[tuple[str, str]]:
    """Names and values of the most important numbers of a report."""
    network, certificate = results.network, results.certificate
    evaluation, headline = results.main_evaluation, list[tuple[str, str]]()
    # If some classes have no samples, the accuracy does not represent all classes and is not shown
    # here.
    if evaluation is not None and not evaluation.only_classes:
        part = f", {results.extent}" if evaluation.samples < results.available else ""
        headline = [
            (f"accuracy, {name.partition(' (')[0]}{part}", f"{share:.2%}")
            for name, share in results.accuracy.items()
        ]
    neurons = sum(p.size for p in network.populations)
    headline.append(("neurons", f"{neurons:,}"))
    with_relays = sum(p.size for p in results.integers.populations) if results.integers else neurons
    if with_relays != neurons:
        headline.append(("neurons with relays", f"{with_relays:,}"))
    headline += [
        ("synapses", f"{count_synapses(network):,}"),
        ("longest delay", f"{network.max_delay} steps"),
    ]
    rates = {} if evaluation is None else evaluation.spikes_per_neuron
    headline += [(f"spikes per neuron, {name}", f"{rate:.3g}") for name, rate in rates.items()]
    if certificate is not None:
        headline.append(("spikes compared", f"{certificate.spikes_compared:,}"))
        headline.append(("spikes different", f"{certificate.spikes_different:,}"))
    return headline


def _command(
    title: str,
    data: Dataset | SpikeEvents | str | Path | None,
    options: Mapping[str, Any],
) -> list[str]:
    """Words of the command that makes a report; DATA are left out if in memory or not named."""
    words = ["nmtool", "report", title]
    if isinstance(data, str | Path):
        words.append(str(data))
    elif isinstance(data, Dataset) and not data.in_memory:
        words.append(data.name)
    for name, value in options.items():
        option = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            words += [option] * value
        elif value is not None:
            words += [option, str(value)]
    return words


def _reproduce(results: _Results, command: Sequence[str]) -> Section:
    """The section on repeating the results: commands, seeds, versions and hashes."""
    values: list[tuple[str, str]] = []
    for name, network in (("float network", results.floats), ("integers", results.integers)):
        if network is not None:
            values.append((f"content hash, {name}", network.content_hash))
    events = results.events
    if events is not None:
        extent = f"{counted(events.n_samples, 'sample')}, {results.where}"
        values.append((f"SHA-256 of the {extent}", events.content_hash))
    values_of_run, settings, code = results.run.reproduction()
    versions = {"Python": platform.python_version(), "nmtool": __version__, **_versions()}
    this_report = ", ".join(f"{name} {release}" for name, release in versions.items())
    values += [*values_of_run, ("this report", this_report)]
    code.append(("command of this report", shlex.join([*command, "-o", PAGE])))
    facts = {"hashes": dict(values), "settings": settings, "versions": versions}
    return chapters.reproduce_section(values, code, {**facts, "code": dict(code)})


def _versions() -> dict[str, str]:
    """Versions of the installed libraries on which results depend."""
    libraries = ("numpy", "numba", "torch") if has_torch() else ("numpy", "numba")
    return {name: version(name) for name in libraries}


def _as_clause(error: NmtoolError) -> str:
    """Message and reason of an error, as part of a sentence."""
    return f"{error.what}, since {error.why}" if error.why else error.what

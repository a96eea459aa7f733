"""`report`: everything that is known about a network, gathered for a page and a terminal."""

from __future__ import annotations

import json
import platform
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from nmtool.data import load_dataset
from nmtool.data.dataset import SPLITS, Dataset
from nmtool.data.events import SpikeEvents
from nmtool.data.samples import Samples, bin_for
from nmtool.errors import InputError, MissingError, NetworkError, NmtoolError, UsageError
from nmtool.folders import RUN_INTEGERS, RUN_NETWORK
from nmtool.integer_network import IntegerNetwork
from nmtool.network import Network
from nmtool.progress import Progress, silent
from nmtool.quantisation import Quantisation
from nmtool.reporting import Report, Section
from nmtool.reporting import sections as chapters
from nmtool.verbs.loading import Source, as_network, validated_on
from nmtool.verbs.quantising import cost_between, keep_apart, quantise
from nmtool.verbs.running import Evaluation, evaluate, has_torch
from nmtool.verbs.verifying import backends_to_run, verify
from nmtool.verification.certificate import SIMULATOR, Certificate
from nmtool.version import __version__

if TYPE_CHECKING:
    from nmtool.exporters.formats import Format
    from nmtool.training.loop.run_folder import RunFolder
    from nmtool.training.options import TrainOptions

FLOAT, INTEGERS = "float network", "integers (bit-accurate simulator)"


def report(
    network: Source,
    data: Dataset | SpikeEvents | str | Path | None = None,
    *,
    split: str | None = None,
    samples: int | None = None,
    against: Sequence[str] = (),
    before: Source | None = None,
    rounding: Mapping[str, Any] = MappingProxyType({}),
    trust: bool = False,
    progress: Progress = silent,
) -> Report:
    """Gather everything that is known about a network, or about the run that trained it.

    >>> report(q.network, data)  # doctest: +SKIP
    <Report on network: accuracy, classes, samples, description, synapses, activity, rounding, \
certificate, reproduce>

    `report(…).save("report.html")` writes a page, `print(report(…).summary())` the tables.

    Args:
        network: a run, a float or integer network, or the path of any file that holds one. A float
            network is quantised, too.
        data: samples to run; by default what the run was trained on. What needs samples is left
            out where there are none.
        split: of a data set; by default `test`, where there is none `validation`, else `train`.
        samples: number of samples, the first ones; by default all.
        against: backends to compare with the simulator, as of `verify`.
        before: the network before learning; by default that of the run, made again from its
            settings and seed.
        rounding: arguments of `quantise`, e.g. `{"weight_bits": 4}`, for a float network.
        trust: run an export that `network` names although it differs from what nmtool writes.
        progress: is shown what is being done.

    Raises:
        UsageError: the data do not fit the network; a backend is asked for without data; options
            of quantisation for integers; `before` has another shape.
        DataError: data that were named have no sample.
        FileFormatError: a file is missing, damaged, or holds no network.
        MissingError: the runtime of a backend is not installed; known before anything runs.
        BackendError: a runtime failed.
    """
    run = _Run.of(network)
    title = str(network) if isinstance(network, str | Path) else run.name
    own = _own_format(network)
    backends = backends_to_run(against, own) if against else []
    for backend in backends:
        backend.package.require()
    floats, integers = _networks(network, run)
    main = integers or floats
    assert main is not None
    dataset, data_note = _dataset(data, run)
    events, where = _samples(dataset, split, samples, network)
    if against and events is None:
        raise UsageError(
            "backends are compared on data",
            code="data-missing",
            why=data_note,
            fix="name DATA, or leave out what is compared",
        )
    binned = None if events is None else bin_for(main, events)
    quantisation, rounding_note = None, ""
    if integers is not None:
        for option in rounding:
            raise UsageError(
                f"{option} has nothing to act on",
                code="quantised-already",
                why=f"{title} is made of integers already",
                fix="leave it out, or name the float network",
            )
        rounding_note = "These integers were not rounded here."
        if floats is not None:
            rounding_note = "Trained in integers: the floats beside them are its shadow weights."
    elif floats is not None:
        quantisation, rounding_note = _quantised(network, floats, dataset, rounding, progress)
        integers = None if quantisation is None else quantisation.network
    evaluations, notes = _evaluations(network, floats, integers, binned, progress)
    certificate = None
    if backends and events is not None:
        certificate = _certificate(
            network, floats, integers, events, own, backends, trust, progress
        )
    answers = evaluations.get(INTEGERS) or evaluations.get(FLOAT)
    accuracy = {name: one.accuracy for name, one in evaluations.items()}
    if certificate is not None:
        accuracy |= {k: v for k, v in certificate.accuracy.items() if k != SIMULATOR}
    earlier, earlier_note = _before(before, floats or integers, run, dataset)
    cost = None
    if {FLOAT, INTEGERS} <= set(evaluations):
        cost = cost_between(evaluations[FLOAT], evaluations[INTEGERS], f"samples of {where}")

    found: list[Section] = []
    if answers is None:
        notes = [f"Nothing ran: {data_note}." if data_note else "Nothing ran.", *notes]
        found.append(chapters.accuracy_section("", 0, {}, notes))
    else:
        said = f"{answers.samples:,} samples of {where}"
        found.append(chapters.accuracy_section(said, answers.samples, accuracy, notes))
    if run.options is not None:
        found.append(chapters.learning_section(run.log, run.kept, run.options.epochs))
    if answers is not None and binned is not None and answers.confusion is not None:
        name = INTEGERS if INTEGERS in evaluations else FLOAT
        found.append(chapters.classes_section(name, answers.confusion))
        found.append(
            chapters.samples_section(
                binned.raster,
                binned.label,
                answers.recording,
                main.class_names,
                _parted(certificate, answers),
            )
        )
    found.append(chapters.network_section(main))
    found.append(chapters.synapses_section(floats or main, earlier, earlier_note))
    if answers is not None and binned is not None:
        found.append(chapters.activity_section(binned.raster, answers.recording))
    found.append(chapters.rounding_section(quantisation, cost, rounding_note))
    # Sections of other results with tables come here: `section_of(key, title, value)`.
    words = ["nmtool", "report", title, *_data_word(data)]
    missing = [] if answers is not None else ["DATA"]
    example = shlex.join([*words, *missing, "--against", "c"])
    found.append(chapters.certificate_section(certificate, example))
    if isinstance(before, str | Path):
        words += ["--before", str(before)]
    found.append(
        _reproduce(run, words, split, samples, against, rounding, floats, integers, events, where)
    )
    return Report(
        title,
        _headline(main, accuracy, answers, certificate),
        found,
        passed=certificate is None or certificate.identical,
    )


@dataclass(frozen=True)
class _Run:
    """What is known about the training of a network; nothing but a name for other networks."""

    name: str = "network"
    folder: RunFolder | None = None
    options: TrainOptions | None = None
    log: Sequence[Mapping[str, Any]] = ()

    @classmethod
    def of(cls, source: Source) -> _Run:
        """Find the run that a run, its folder, or a network file in it belongs to."""
        if isinstance(source, Network | IntegerNetwork):
            return cls()
        if not isinstance(source, str | Path):
            options = getattr(source, "options", None)
            if options is None:
                return cls()  # which `as_network` refuses
            kept = getattr(source, "folder", None)
            name = "run" if kept is None else str(kept)
            return cls(name, None if kept is None else _folder(kept), options, source.log)
        path = Path(source)
        folder = _folder(path.parent if path.name in (RUN_NETWORK, RUN_INTEGERS) else path)
        if not folder.manifest_file.is_file():
            return cls()
        log = folder.read_log() if folder.log_file.is_file() else []
        return cls(str(source), folder, folder.options(), log)

    @property
    def kept(self) -> Mapping[str, Any] | None:
        """The entry of the epoch whose network was kept; None where no epoch ended."""
        if not self.log or self.options is None:
            return None
        from nmtool.training.loop.selection import best_epoch

        return best_epoch(self.log, self.options.judge_epochs)


def _folder(path: str | Path) -> RunFolder:
    from nmtool.training.loop.run_folder import RunFolder

    return RunFolder(Path(path))


def _own_format(source: Source) -> Format | None:
    """The format of an export that a path names."""
    from nmtool.exporters import formats

    return formats.of_artefact(source) if isinstance(source, str | Path) else None


def _networks(source: Source, run: _Run) -> tuple[Network | None, IntegerNetwork | None]:
    """The floats and the integers that a source holds; of a run both, where it has both."""
    found = as_network(source)
    if isinstance(found, Network):
        return found, None
    floats = None
    if isinstance(source, str | Path) and Path(source).is_dir() and run.folder is not None:
        floats = run.folder.network()
    elif not isinstance(source, str | Path | IntegerNetwork):
        floats = getattr(source, "network", None)
    return floats, found


def _dataset(
    data: Dataset | SpikeEvents | str | Path | None, run: _Run
) -> tuple[Dataset | None, str]:
    """The data to run on; where they are not named and cannot be found, None and why."""
    if isinstance(data, Dataset):
        return data, ""
    if isinstance(data, SpikeEvents):
        return Dataset("the samples given", ("test",), lambda split: data), ""
    if data is not None:
        return load_dataset(data), ""
    if run.folder is None:
        return None, "no data are named"
    manifest = run.folder.manifest()
    name = str(manifest.get("data"))
    if manifest.get("in_memory"):
        return None, "the run was trained on data in memory, and no others are named"
    try:
        found = load_dataset(name)
        for split in ("test", "train"):
            if split in found.splits:
                found.split(split)
    except (InputError, MissingError) as error:
        return None, f"the data of the run, '{name}', cannot be read: {_sentence(error)}"
    return found, ""


def _data_word(data: Dataset | SpikeEvents | str | Path | None) -> list[str]:
    """DATA as a command takes it; nothing where it was not named, or is in memory."""
    if isinstance(data, Dataset):
        return [] if data.in_memory else [data.name]
    return [str(data)] if isinstance(data, str | Path) else []


def _samples(
    dataset: Dataset | None, split: str | None, samples: int | None, source: Source
) -> tuple[SpikeEvents | None, str]:
    """The samples to run, and what they are in words."""
    if dataset is None:
        return None, ""
    if split == "validation" or (split is None and "test" not in dataset.splits):
        dataset = dataset.with_validation(validated_on([source]) or 0)
    chosen = split or next(name for name in reversed(SPLITS) if name in dataset.splits)
    events = dataset.filled_split(chosen)
    return events[:samples], f"{dataset.name} ({chosen})"


def _quantised(
    source: Source,
    floats: Network,
    dataset: Dataset | None,
    rounding: Mapping[str, Any],
    progress: Progress,
) -> tuple[Quantisation | None, str]:
    """The integers of a float network, calibrated on training samples; or why there are none."""
    calibrate_on, note = None, "Not calibrated: there are no training samples."
    if dataset is not None and "train" in dataset.splits and dataset.train.n_samples:
        calibrate_on = keep_apart(dataset, validated_on([source]))[0].filled_split("train")
        note = "Calibrated on training samples."
    try:
        return quantise(floats, calibrate_on=calibrate_on, progress=progress, **rounding), note
    except NetworkError as error:
        return None, f"This network cannot be rounded: {_sentence(error)}."


def _evaluations(
    source: Source,
    floats: Network | None,
    integers: IntegerNetwork | None,
    samples: Samples | None,
    progress: Progress,
) -> tuple[dict[str, Evaluation], list[str]]:
    """What ran on the samples, by its name, and why the rest did not."""
    found: dict[str, Evaluation] = {}
    notes: list[str] = []
    if samples is None:
        return found, notes
    if floats is not None:
        try:
            found[FLOAT] = evaluate(floats, samples, progress=progress)
        except NetworkError as error:
            notes.append(f"The float network does not run here: {_sentence(error)}.")
    if integers is not None:
        found[INTEGERS] = evaluate(integers, samples, progress=progress)
    return found, notes


def _certificate(
    source: Source,
    floats: Network | None,
    integers: IntegerNetwork | None,
    events: SpikeEvents,
    own: Format | None,
    backends: Sequence[Format],
    trust: bool,
    progress: Progress,
) -> Certificate:
    """Backends against the simulator; an export runs as it is in its own format."""
    path = source if isinstance(source, str | Path) else None
    itself = own is not None and list(backends) == [own] and floats is not None
    network = floats if itself or integers is None else integers
    assert network is not None
    return verify(
        network,
        events,
        against=[backend.name for backend in backends],
        artefact=path if own is not None and own in backends else None,
        trust=trust,
        progress=progress,
    )


def _parted(certificate: Certificate | None, answers: Evaluation) -> Any:
    """The backend that differs, the first place, and its recording; None where none differs."""
    if certificate is None or certificate.network_hash != answers.network_hash:
        return None
    for name, check in certificate.checks.items():
        place = check.comparison.first_divergence
        if place is not None:
            return name, place, check.recording
    return None


def _before(
    named: Source | None,
    network: Network | IntegerNetwork | None,
    run: _Run,
    dataset: Dataset | None,
) -> tuple[Network | IntegerNetwork | None, str]:
    """The network before learning, and where it comes from; or None, and why it is not known."""
    assert network is not None
    if named is not None:
        return _same_shape(as_network(named), network, run)
    if run.options is None or isinstance(network, IntegerNetwork):
        return None, (
            "Weights and delays before learning are not known: only a run folder, or the float "
            "network in it, tells how learning began."
        )
    if run.folder is None:
        return None, "Weights and delays before learning are not known: the run was not kept."
    if run.folder.start is not None:
        return None, (
            "The run started from another network, which its folder does not keep "
            f"(content hash {run.folder.start}): --before RUN names it."
        )
    if dataset is None or "train" not in dataset.splits:
        return None, "Weights and delays before learning are made again from training samples."
    if not has_torch():
        return None, "Weights and delays before learning are made again by torch."
    from nmtool.training.loop.run import first_network

    try:
        found = first_network(run.options, dataset)
    except NmtoolError as error:
        return None, f"The network before learning cannot be made again: {_sentence(error)}."
    made = "Weights and delays before learning are made again from settings and seed"
    if run.folder.initial is None:
        return found, f"{made}; an older nmtool trained the run, and noted no hash to check them."
    if found.content_hash != run.folder.initial:
        return None, (
            f"{made}, but are not those that the run began with: data, device or libraries are "
            "others. They are left out."
        )
    return found, f"{made}; the content hash is the one that the run noted."


def _same_shape(
    before: Network | IntegerNetwork, network: Network | IntegerNetwork, run: _Run
) -> tuple[Network | IntegerNetwork, str]:
    """A network that was named as the one before learning, if it can be."""
    shapes = [
        [(type(one), one.source, one.target, one.shape) for one in each.projections]
        for each in (before, network)
    ]
    if shapes[0] != shapes[1]:
        raise UsageError(
            "the network before learning has other projections",
            code="report-before-differs",
            why="before and after are compared synapse by synapse",
            fix="name a network of the same shape, float or integer like the other",
        )
    start = None if run.folder is None else run.folder.start
    if start is None:
        return before, "Before: the network that was named."
    if before.content_hash == start:
        return before, "Before: the network that the run noted it started from."
    return before, "Before: a network that was named; the run noted another as its start."


def _headline(
    network: Network | IntegerNetwork,
    accuracy: Mapping[str, float],
    answers: Evaluation | None,
    certificate: Certificate | None,
) -> list[tuple[str, str]]:
    """The few numbers that matter most."""
    found = [(f"accuracy, {name.partition(' (')[0]}", f"{v:.2%}") for name, v in accuracy.items()]
    found.append(("neurons", f"{sum(p.size for p in network.populations):,}"))
    synapses = sum(int((p.weight != 0).sum()) for p in network.projections)
    found += [("synapses", f"{synapses:,}"), ("longest delay", f"{network.max_delay} steps")]
    if answers is not None:
        for name, rate in answers.spikes_per_neuron.items():
            found.append((f"spikes per neuron, {name}", f"{rate:.3g}"))
    if certificate is not None:
        found.append(("spikes compared", f"{certificate.spikes_compared:,}"))
        found.append(("spikes different", f"{certificate.spikes_different:,}"))
    return found


def _reproduce(
    run: _Run,
    words: Sequence[str],
    split: str | None,
    samples: int | None,
    against: Sequence[str],
    rounding: Mapping[str, Any],
    floats: Network | None,
    integers: IntegerNetwork | None,
    events: SpikeEvents | None,
    where: str,
) -> Section:
    """Commands, seeds, versions and hashes."""
    values: list[tuple[str, str]] = []
    code: list[tuple[str, str]] = []
    for name, one in (("float network", floats), ("integers", integers)):
        if one is not None:
            values.append((f"content hash, {name}", one.content_hash))
    if events is not None:
        values.append(
            (f"SHA-256 of the {events.n_samples:,} samples, {where}", events.content_hash)
        )
    settings = {}
    if run.options is not None:
        values.append(("seed of training", str(run.options.seed)))
        settings = _other_than_default(run.options)
        if run.folder is not None:
            manifest = run.folder.manifest()
            values.append(("trained with nmtool", str(manifest.get("nmtool", "unknown"))))
            values.append(("processes in training", str(manifest.get("ranks", 1))))
            name = shlex.quote(str(manifest.get("data")))
            command = f"nmtool train {name} -o RUN --config settings.toml"
            if run.folder.start is not None:
                values.append(("started from the network", run.folder.start))
                settings = run.options.as_json()  # those that START leaves out are not defaults
                command = f"nmtool finetune START --data {name} -o RUN --config settings.toml"
            code.append(("command of training", command))
        # TOML has no null: `none` is the word for it in settings.
        lines = [
            f"{name} = {json.dumps('none' if value is None else value)}"
            for name, value in settings.items()
        ]
        code.append(
            ("settings.toml, without settings at their defaults", "\n".join(lines) or "# none")
        )
    for option, value in (("--split", split), ("--samples", samples)):
        words = [*words, *([option, str(value)] if value is not None else [])]
    for backend in against:
        words = [*words, "--against", backend]
    for option, value in rounding.items():
        words = [*words, f"--{option.replace('_', '-')}", str(value)]
    code.append(("command of this report", shlex.join([*words, "-o", "report.html"])))
    versions = {"Python": platform.python_version(), "nmtool": __version__, **_versions()}
    values.append(("this report", ", ".join(f"{name} {v}" for name, v in versions.items())))
    facts = {"hashes": dict(values), "settings": settings, "versions": versions, "code": dict(code)}
    return chapters.reproduce_section(values, code, facts)


def _other_than_default(options: TrainOptions) -> dict[str, Any]:
    """Settings of a run that are not what they are by default."""
    default = type(options)().as_json()
    return {name: value for name, value in options.as_json().items() if value != default[name]}


def _versions() -> dict[str, str]:
    """Versions of the libraries that compute, where they are installed."""
    there = ("numpy", "numba", "torch") if has_torch() else ("numpy", "numba")
    return {name: version(name) for name in there}


def _sentence(error: NmtoolError) -> str:
    """An error within a sentence."""
    return f"{error.what}, since {error.why}" if error.why else error.what

"""`export` and `convert`: write networks in other tools' formats, and check the files."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmtool import storage
from nmtool.arguments import EVENTS, checked, optional
from nmtool.arithmetic import LOIHI2
from nmtool.data.dataset import Dataset
from nmtool.data.events import SpikeEvents
from nmtool.data.samples import bin_for
from nmtool.description import count_synapses
from nmtool.errors import (
    FileFormatError,
    MissingError,
    StorageError,
    UsageError,
    check_path,
    visible,
)
from nmtool.exporters.formats import format_for, format_named, formats_that_write
from nmtool.loading import Source, as_network, as_samples, load
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork
from nmtool.options import ReadingOptions, WritingOptions, prefix_unused
from nmtool.progress import Progress, silent
from nmtool.running import simulate
from nmtool.tables import Table, Tabular
from nmtool.targets.checking import fits_of_format
from nmtool.targets.fit import Fit
from nmtool.verification.certificate import Certificate

if TYPE_CHECKING:
    from nmtool.exporters.format import Format
    from nmtool.known_answers import KnownAnswers

OWN = "npz"
"""Name of nmtool's own format for float and integer networks."""

OWN_EXTENSION = ".npz"
CARRIED_SAMPLES = 10
"""Largest number of samples in an export besides its known answers, if the format stores samples.
"""

CARRIED_EVENTS = 200_000
"""Largest total number of events of these samples."""

_PREFIX = "prefix"
_OWN_KINDS = (Network.file_kind, IntegerNetwork.file_kind)


@dataclass(frozen=True, repr=False)
class Conversion(Tabular):
    """A file or folder written by `convert`, and its comparison with the network.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Network.layers([5, 8, 3]).save(f"{folder}/a.npz")
    ...     made = convert(f"{folder}/a.npz", f"{folder}/b.npz")
    >>> made.passed, made.network
    (True, <Network: 5 channels, hidden 8 lif, output 3 li, 100 steps of 1 ms>)

    Attributes:
        source: the file, folder or network that was read.
        path: the file or folder that was written.
        format: name of its format, `npz` for nmtool's own files.
        network: the network that was written.
        size_bytes: size of the file, or of all files in the folder.
        fits: the fit to each target of this format, with a verdict and findings.
        unlike: difference between the file that was read back and the network; '' if equal.
        certificate: comparison of the format's runtime with the known answers; None if the file did
            not run.
        not_run: the reason why the file did not run; '' if it ran.
        missing: the error of a missing runtime, if the file did not run for this reason.
    """

    source: str
    path: Path
    format: str
    network: Network | IntegerNetwork
    size_bytes: int
    fits: tuple[Fit, ...] = ()
    unlike: str = ""
    certificate: Certificate | None = None
    not_run: str = ""
    missing: MissingError | None = None

    @property
    def passed(self) -> bool:
        """True if no check found a difference."""
        return not self.unlike and (self.certificate is None or self.certificate.identical)

    def as_json(self) -> dict[str, Any]:
        """The content as plain values for JSON, under names that scripts can rely on."""
        return {
            "in": self.source,
            "path": str(self.path),
            "format": self.format,
            "hash": self.network.content_hash,
            "bytes": self.size_bytes,
            "targets": [fit.as_json() for fit in self.fits],
            "check": {
                "read_back": not self.unlike,
                "ran": self.certificate is not None,
                "not_run": self.not_run,
                **(self.certificate or Certificate(0, "", {})).findings_json(),
            },
        }

    def tables(self) -> list[Table]:
        """A table with the sizes of the network and of its file, and the fits."""
        rows = [
            ("neurons", f"{sum(p.size for p in self.network.populations):,}"),
            ("synapses", f"{count_synapses(self.network):,}"),
            ("size", f"{self.size_bytes:,} bytes"),
        ]
        rows += [(fit.target.name, fit.words) for fit in self.fits]
        return [Table(f"{self.source} → {self.path}", (self.format, ""), rows)]

    def __repr__(self) -> str:
        state = "passed" if self.passed else "differs"
        return visible(f"<Conversion: {self.source} → {self.path}, {state}>")


@checked
def export(
    network: Source,
    path: str | Path,
    *,
    to: str | None = None,
    samples: SpikeEvents | Dataset | str | Path | None = None,
    options: WritingOptions | None = None,
    prefix: str = "",
    force: bool = False,
    progress: Progress = silent,
) -> Path:
    """Write a network in any format, with known answers to check the export anywhere.

    >>> export(q.network, "network.onnx", samples=data.test)  # doctest: +SKIP
    PosixPath('network.onnx')

    Args:
        network: integer network, run, torch model, or path; NIR and nmtool's own files also take
            float networks.
        path: file or folder to write, as the format has it.
        to: format, e.g. `onnx`, or `npz` for nmtool's own files; by default from the extension. The
            error for an unknown name lists all formats.
        samples: samples, a data set, or its name, e.g. `digits:test`. One known answer is an
            excerpt of the samples; all other known answers, or all without samples, have generated
            inputs, which reveal single faults. A folder with a `run.py`, such as Lava's, also
            contains up to ten of the samples as `events.csv`, for `run.py` to classify.
        options: options of the format, such as `nmtool.NirOptions`.
        prefix: prefix of names in C, so that several networks can be linked into one program; a C
            file with a prefix gets a header file.
        force: replace an earlier export.
        progress: shows progress, e.g. `nmtool.progress_bar`.

    Returns:
        The path of the export.

    Raises:
        UsageError: the format is unknown or needs integers, options or samples have no effect, or
            the path exists.
        DoesNotFitError: the format cannot represent the network; every reason is listed.
        StorageError: the export could not be written; an earlier export is untouched.
        MissingError: the library that writes the format is not installed.
    """
    check_path(path, "the path of an export")
    path, format_class = Path(path), format_to_write(to, path)
    if format_class is None:
        check_replaceable(path, _OWN_KINDS, force=force)
    else:
        check_free(path, force=force)
    writing = writing_options(format_class, path, options, prefix, force=force)
    if samples is not None and format_class is None:
        raise UsageError(
            "`samples=` has no effect",
            code="data-unused",
            why="network files carry no known answers",
            fix="leave it out",
        )
    network = as_network(network)
    if format_class is None:
        network.save(path)
        return path
    if isinstance(network, Network) and not format_class.holds_floats:
        raise _integers_needed(format_class)
    carried = as_samples(samples, [network], progress)
    optional(EVENTS).check("samples", carried)
    return _write_export(format_class, network, path, carried, writing, force, progress)


@checked
def convert(
    source: Source,
    path: str | Path,
    *,
    to: str | None = None,
    samples: SpikeEvents | Dataset | str | Path | None = None,
    reading: ReadingOptions | None = None,
    writing: WritingOptions | None = None,
    prefix: str = "",
    force: bool = False,
    progress: Progress = silent,
) -> Conversion:
    """Convert a network between any two formats, and check the result.

    This is `export(load(source, reading), path)`. The result is then read back, and its known
    answers are run if the format's runtime is installed. A file that differs from its source is
    kept, and `Conversion.passed` is False.

    >>> convert("foreign.nir", "network.npz")  # doctest: +SKIP
    <Conversion: foreign.nir → network.npz, passed>

    Args:
        source: run folder, network file, file or folder of any format; or a network, run or torch
            model in memory.
        path: file or folder to write.
        to: as for `export`.
        samples: as for `export`.
        reading: options for reading files of other tools, such as `nmtool.ImportOptions`.
        writing: options of the format, such as `nmtool.NirOptions`.
        prefix: as for `export`.
        force: replace an earlier file.
        progress: shows progress, e.g. `nmtool.progress_bar`.

    Raises:
        UsageError: as for `export`, or `reading` is for another kind of source.
        FileFormatError: the source is missing, damaged, or not a valid network.
        DoesNotFitError: the format cannot represent the network.
        MissingError: the library that writes the format is not installed.
        StorageError: the result could not be written; an earlier file is untouched.
    """
    is_path = isinstance(source, str | Path)
    if reading is not None and not is_path:
        raise UsageError(
            "options for reading have no effect on a network in memory",
            code="import-options-unused",
            fix="leave them out, or pass the path of the file",
        )
    network = load(source, reading) if isinstance(source, str | Path) else as_network(source)
    path = export(
        network,
        path,
        to=to,
        samples=samples,
        options=writing,
        prefix=prefix,
        force=force,
        progress=progress,
    )
    format_class = format_to_write(to, path)
    name = format_class.name if format_class else OWN
    files = path.rglob("*") if path.is_dir() else [path]
    size_bytes = sum(file.stat().st_size for file in files if file.is_file())
    fits = fits_of_format(network, name, writing)
    source_name = str(source) if is_path else "a network"
    conversion = Conversion(source_name, path, name, network, size_bytes, fits)
    return _check_result(conversion, format_class, progress)


def format_to_write(name: str | None, path: str | Path) -> type[Format] | None:
    """Find the format to write, by its name or by the extension of the path.

    If both are given, they must agree.

    Args:
        name: name of a format; None: by the extension.
        path: path to be written.

    Returns:
        The format; None for nmtool's own files.

    Raises:
        UsageError: neither name nor extension gives a format, or they disagree.
    """
    if name == OWN:
        check_archive_name(path)
    if name == OWN or (name is None and Path(path).suffix.lower() == OWN_EXTENSION):
        return None
    format_class = format_named(name) if name else format_for(path, {OWN: OWN_EXTENSION})
    if not format_class.writes:
        raise UsageError(
            f"networks cannot be exported to {format_class.name}",
            code="format-not-written",
            why=f"nmtool only {'runs networks in' if format_class.runs else 'reads networks from'} "
            "this format",
            fix=f"use one of {', '.join(formats_that_write())}",
        )
    if format_class.extensions and not format_class.place.names(path):
        raise UsageError(
            f"{path} has the wrong extension for the format {format_class.name}",
            code="extension-wrong",
            fix=f"choose a name that ends in {' or '.join(format_class.extensions)}",
        )
    return format_class


def check_free(path: str | Path, *, force: bool) -> None:
    """Check, before long work, that a path can be written.

    Raises:
        UsageError: the path exists and may not be replaced.
        StorageError: the folder, or its parent, is not writable.
    """
    if os.path.exists(path) and not force:
        raise UsageError(
            f"{path} exists",
            code="path-taken",
            fix="choose another path, or replace the file or folder: `force=True`",
        )
    folder = next(parent for parent in Path(path).absolute().parents if os.path.exists(parent))
    effective = os.access in os.supports_effective_ids
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK, effective_ids=effective):
        raise StorageError(
            f"{path} cannot be written",
            code="file-not-written",
            why=f"{folder} is {'not writable' if folder.is_dir() else 'a file'}",
            fix="choose another path, or check permissions",
        )


def check_replaceable(path: str | Path, kinds: Collection[str], *, force: bool) -> None:
    """Raise `UsageError` unless a path is free, or an archive that may be replaced.

    Args:
        path: path to be written.
        kinds: kinds of archives that may be replaced.
        force: replace an existing archive.
    """
    check_free(path, force=force)
    if Path(path).exists() and storage.archive_kind(path) not in kinds:
        raise UsageError(
            f"{path} exists and is another kind of file",
            code="path-foreign",
            why=f"only a file of the kind {' or '.join(kinds)} may be replaced",
            fix="choose another name",
        )


def check_archive_name(path: str | Path, what: str = "a network file") -> None:
    """Raise `UsageError` unless a name has the extension of nmtool's own files.

    Args:
        path: path to be written.
        what: content of the file, for the error.
    """
    if Path(path).suffix.lower() != OWN_EXTENSION:
        raise UsageError(
            f"{path} has the wrong extension for {what}",
            code="extension-wrong",
            fix=f"choose a name that ends in {OWN_EXTENSION}",
        )


def writing_options(
    format_class: type[Format] | None,
    path: str | Path,
    options: WritingOptions | None,
    prefix: str = "",
    *,
    force: bool = False,
) -> Any:
    """Options for writing a format; raises `UsageError` for options of another format.

    Args:
        format_class: the format; None: nmtool's own.
        path: path to be written; the paths of its companion files, if any, must be free, too.
        options: options of the format.
        prefix: value of the option `prefix` of formats that have this option; '' for its default.
        force: replace earlier companion files.
    """
    name = format_class.name if format_class else OWN
    accepted = format_class.writing_options if format_class else None
    chosen: Any = options
    if options is not None and (accepted is None or not isinstance(options, accepted)):
        raise options.unused_by(name)
    if prefix:
        if accepted is None or _PREFIX not in {option.name for option in fields(accepted)}:
            raise prefix_unused(name)
        chosen = replace(chosen or accepted(), **{_PREFIX: prefix})
    for extension in format_class.companions(chosen) if format_class else ():
        check_free(Path(path).with_suffix(extension), force=force)
    return chosen


def _integers_needed(format_class: type[Format]) -> UsageError:
    """The error for a float network in a format of integers."""
    name, is_usual = format_class.name, format_class.arithmetic == LOIHI2
    option, argument = ("", "") if is_usual else (f" --target {name}", f", target='{name}'")
    return UsageError(
        f"the format {name} is for integers, but the network is float",
        code="network-float",
        fix=f"quantise it first: nmtool quantise NETWORK -o integers.npz{option}, or in Python "
        f"nmtool.quantise(network, calibrate_on=data.train{argument})",
    )


def _write_export(
    format_class: type[Format],
    network: Network | IntegerNetwork,
    path: str | Path,
    samples: SpikeEvents | None,
    options: Any,
    force: bool,
    progress: Progress,
) -> Path:
    """Write a network, with known answers and samples if the format carries them.

    Returns:
        The path of the export.
    """
    answers = _answers_to_carry(format_class, network, samples, progress)
    with progress(f"writing {format_class.name}"):
        artefact = format_class.write(
            network,
            path,
            answers=answers,
            samples=None if samples is None else _samples_to_carry(network, samples),
            options=options,
            force=force,
        )
        return artefact.path


def _samples_to_carry(network: Network | IntegerNetwork, samples: SpikeEvents) -> SpikeEvents:
    """A few samples in memory, at least one, with the network's class names."""
    drawn = samples.draw(CARRIED_SAMPLES)
    fitting = sum(end <= CARRIED_EVENTS for end in drawn.offset[1:])
    drawn = drawn[: max(1, fitting)].in_memory()
    same_number = len(drawn.class_names) == len(network.class_names)
    return replace(drawn, class_names=network.class_names) if same_number else drawn


def _answers_to_carry(
    format_class: type[Format],
    network: Network | IntegerNetwork,
    samples: SpikeEvents | None,
    progress: Progress,
) -> KnownAnswers | None:
    """Known answers to samples or generated inputs; None if the format carries none."""
    from nmtool.hardware_sim.known_answers import ANSWERED_SAMPLES, known_answers

    if not format_class.carries:
        return None
    spikes = None
    if samples is not None:
        spikes = bin_for(network, samples[:ANSWERED_SAMPLES]).raster
    return known_answers(network, spikes, format_class.reference, progress)


def _check_result(
    conversion: Conversion, format_class: type[Format] | None, progress: Progress
) -> Conversion:
    """Read the result back and, if it equals the network, run it.

    Raises:
        BackendError: the runtime failed.
    """
    with progress("reading back"):
        unlike = _hash_difference(conversion.path, conversion.network.content_hash)
    if unlike:
        reason = "it differs from the network that was to be written"
        return replace(conversion, unlike=unlike, not_run=reason)
    if format_class is None:
        return replace(conversion, not_run="only nmtool itself runs its own files")
    if not (format_class.runs and format_class.carries):
        return replace(conversion, not_run=f"the format {format_class.name} has no runtime")
    try:
        format_class.require()
    except MissingError as error:
        reason = f"{error.what} (fix: {error.fix})" if error.fix else error.what
        return replace(conversion, not_run=reason, missing=error)
    artefact, simulated = format_class(conversion.path), None
    answers = artefact.known_answers()
    if artefact.holds_floats and isinstance(artefact.network, IntegerNetwork):
        simulated = simulate(artefact.network, answers.spikes)
    comparison = artefact.check(
        answers.spikes,
        simulated=simulated,
        answers=answers.recording,
        deep=answers.is_deep,
        progress=progress,
    )
    certificate = Certificate(
        answers.spikes.n_samples,
        answers.network_hash,
        {format_class.name: comparison},
        on_known_answers=True,
    )
    return replace(conversion, certificate=certificate)


def _hash_difference(path: Path, content_hash: str) -> str:
    """Difference between the hash of a file's network and the expected hash; '' if equal."""
    try:
        digest = load(path).content_hash
    except FileFormatError as error:
        return str(error)
    return "" if digest == content_hash else f"its hash is {digest}, not {content_hash}"

"""`Verification`: what is compared with what, and how; `Portion`: the samples compared at a time.

Functions of the verification take these two, and the export that they are about.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property
from inspect import signature
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nmtool.errors import FileFormatError, UsageError, check_type
from nmtool.exporters.format import Format
from nmtool.exporters.formats import artefact_at, format_named, formats_that_run, places
from nmtool.loading import Source, as_network, check_exists
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork
from nmtool.progress import Progress, silent
from nmtool.raster import Raster
from nmtool.recording import Recording

if TYPE_CHECKING:
    from nmtool.exporters.format import Format

Named = str | Path | Recording
"""The name of a backend, a recording, or the path of a recording."""

RECORDING = "recording"
"""Name of a recording in memory in a certificate."""

Options = Mapping[str, Mapping[str, Any]]
NO_OPTIONS: Options = MappingProxyType({})


class InputSource(Enum):
    """Source of the input on which backends are compared."""

    DATA = "samples"
    GENERATED = "inputs generated for the network, which reveal single faults"
    ANSWERS = "the known answers of an export"


@dataclass(frozen=True, eq=False)
class Verification:
    """A network, the backends and recordings that it is compared with, and how they are compared.

    Attributes:
        source: the network, or the path of a network or an export.
        formats: formats whose runtimes are compared, each once.
        export: the existing export that the caller named; None if the caller named none.
        recordings: recordings by other frameworks, or their paths, by name in the certificate.
        deep, trust, exercise, faults, options, progress: as for `verify`.
    """

    source: Source
    formats: Sequence[type[Format]]
    export: Format | None
    recordings: Mapping[str, str | Path | Recording]
    deep: bool = False
    trust: bool = False
    exercise: bool = False
    faults: bool = False
    options: Options = field(default_factory=dict)
    progress: Progress = silent

    @classmethod
    def of(
        cls,
        source: Source,
        against: Named | Sequence[Named] = (),
        artefact: str | Path | None = None,
    ) -> Verification:
        """Collect the named backends and recordings; without any, take the export's own backend.

        Args:
            source: a network in memory, or the path of a network or an export.
            against: names of backends; recordings, or their paths.
            artefact: an export to run unchanged; by default `source`, if it is an export.

        Raises:
            UsageError: a backend is unknown, or the export's own backend is not named.
            FileFormatError: a path does not exist, or `artefact` is no export.
        """
        kinds = (str, Path, Recording, Sequence)
        check_type(against, kinds, "the backends", "name them, e.g. against=['c', 'onnx']")
        listed = [against] if isinstance(against, str | Path | Recording) else list(against)
        for backend in listed:
            fix = "name a backend, or the file of a recording"
            check_type(backend, (str, Path, Recording), "a backend", fix)
        if isinstance(source, str | Path):
            check_exists(source)
        recordings = _named_recordings(
            [recording for recording in listed if is_recording(recording)]
        )
        names = [name for name in listed if isinstance(name, str) and not is_recording(name)]
        export = None
        if artefact is not None:
            export = _export_that_runs(artefact)
            if listed and export.name not in names:
                raise UsageError(
                    f"the export {artefact} runs in {export.name}, which is not among the backends",
                    code="artefact-unused",
                    fix=f"also name {export.name}, or leave out the export",
                )
        elif isinstance(source, str | Path):
            export = artefact_at(source)
            export = export if export is not None and export.runs else None
        formats = [_format_that_runs(name) for name in dict.fromkeys(names)]
        if not listed and export is not None:
            formats = [type(export)]
        return cls(source, formats, export, recordings)

    @cached_property
    def network(self) -> Network | IntegerNetwork:
        """The network, from the export if that is at the same path: it is already open."""
        export, source = self.export, self.source
        if export is not None and isinstance(source, str | Path) and export.path == Path(source):
            return export.network
        return as_network(source)

    @property
    def names(self) -> list[str]:
        """Names of all backends and recordings to compare."""
        return [*(format_.name for format_ in self.formats), *self.recordings]

    @property
    def runs_export(self) -> bool:
        """True if the existing export is compared, not a new one of the same format."""
        return type(self.export) in self.formats

    @property
    def export_path(self) -> Path | None:
        """Path of the existing export, if it is compared; else None."""
        return self.export.path if self.export is not None and self.runs_export else None

    @property
    def takes_floats(self) -> bool:
        """True if a float network is compared without rounding it to integers.

        This is so if nothing is compared but recordings, or an existing export in a format of real
        numbers.
        """
        own = type(self.export)
        return all(format_.holds_floats and format_ is own for format_ in self.formats)

    def options_of(self, artefact: Format) -> dict[str, Any]:
        """Arguments of an export's `run` and `check`."""
        return {"trust": self.trust, **self.options.get(artefact.name, {})}

    def input_source(self, *, has_data: bool) -> InputSource:
        """Choose between data, generated inputs and known answers as input of the comparison.

        Args:
            has_data: True if the caller named data.

        Raises:
            UsageError: the comparison needs data and no data are named, there is nothing to
                compare, or `exercise` is combined with a recording.
        """
        if self.recordings and (self.exercise or not has_data):
            raise UsageError(
                "a recording can only be compared on the samples that were recorded",
                code="recording-data",
                fix="leave out `exercise=`" if self.exercise else "name the samples: `data=`",
            )
        if has_data:
            self._check_not_empty()
            return InputSource.DATA
        if self.exercise:
            raise UsageError(
                "`exercise=` adds generated samples to a data set, but no data set is named",
                code="data-missing",
                fix="name a data set: `data=`; or leave out `exercise=`",
            )
        if self.export is None and self.formats:
            return InputSource.GENERATED
        if self.export is None or not self.export.carries:
            subject = self.source if isinstance(self.source, str | Path) else "the network"
            raise UsageError(
                f"{subject} carries no known answers",
                code="answers-not-carried",
                why="only exports that nmtool can run carry known answers",
                fix="name samples to compare on, `data=`, and a backend, `against=`",
            )
        if self.formats != [type(self.export)] or self.deep:
            raise UsageError(
                "comparing other backends, or u and v, needs data",
                code="data-missing",
                fix="name the data, `data=`, or compare only the export's own known answers",
            )
        return InputSource.ANSWERS

    def _check_not_empty(self) -> None:
        """Raise `UsageError` if there is nothing to compare with."""
        if not self.names:
            raise UsageError(
                "there is nothing to compare with",
                code="backend-missing",
                fix=f"name a backend: `against={'|'.join(formats_that_run())}`",
            )

    def check_options(self) -> None:
        """Raise `UsageError` for unknown options, or options of a backend that is not compared."""
        by_name = {format_.name: format_ for format_ in self.formats}
        for name, values in self.options.items():
            if name not in by_name:
                raise UsageError(
                    f"there are options for {name}, which is not among the backends",
                    code="backend-options-unused",
                    fix=f"leave them out, or also compare with {name}; the backends are "
                    f"{', '.join(by_name)}",
                )
            parameters = {*signature(by_name[name].check).parameters}
            parameters -= {*signature(Format.check).parameters}
            for option in values:
                if option not in parameters:
                    raise UsageError(
                        f"{name} has no option '{option}'",
                        code="backend-option-unknown",
                        fix=f"its options are {', '.join(sorted(parameters))}"
                        if parameters
                        else "leave the option out",
                    )

    def check_arithmetic(self) -> None:
        """Raise `UsageError` if a float network is compared with backends of integers."""
        integers = [format_.name for format_ in self.formats if not format_.holds_floats]
        if isinstance(self.network, Network) and integers:
            raise UsageError(
                f"a float network cannot be compared with {', '.join(integers)}",
                code="network-float",
                why="these backends run integers",
                fix="quantise it first: nmtool quantise NETWORK -o FILE.npz, or in Python "
                "nmtool.quantise(network)",
            )

    def require(self) -> None:
        """Raise `MissingError` unless all runtimes are installed."""
        for format_ in self.formats:
            format_.require()


@dataclass(frozen=True, eq=False)
class Portion:
    """Samples that are compared at a time, and their expected recordings.

    Attributes:
        spikes: the input.
        label: [samples] classes; None without labels.
        answers: known answers of an export; None: the integer simulator, or the reference of a
            format, computes the expected recording.
        simulated: recording of the integer simulator; None for a float network.
        is_first: True for the first portion, on which faults are tried, and beside which samples
            are generated.
        is_generated: True if the inputs are known answers or were generated, and do not come from
            data.
    """

    spikes: Raster
    label: NDArray[np.integer] | None = None
    answers: Recording | None = None
    simulated: Recording | None = None
    is_first: bool = False
    is_generated: bool = False

    @property
    def expected(self) -> Recording | None:
        """The expected recording; None to expect the recording of the format's reference."""
        return self.simulated if self.answers is None else self.answers

    def split(self, at_once: int) -> Iterator[Portion]:
        """Yield the samples, at most `at_once` at a time."""
        if self.spikes.n_samples <= at_once:
            yield self
            return
        for first in range(0, self.spikes.n_samples, at_once):
            part = slice(first, first + at_once)
            label = None if self.label is None else self.label[part]
            is_first = self.is_first and first == 0
            yield replace(self, spikes=self.spikes[part], label=label, is_first=is_first)


def is_recording(against: Named) -> bool:
    """True for a recording or its path, as opposed to the name of a backend."""
    if not isinstance(against, str):
        return True
    if against in places():
        return False
    return Path(against).suffix == ".npz" or Path(against).is_file()


def _format_that_runs(name: str) -> type[Format]:
    """The format of this name; raise `UsageError` unless it has a runtime."""
    format_ = format_named(name)
    if not format_.runs:
        raise UsageError(
            f"{name} cannot be used as a backend",
            code="runtime-none",
            why=f"the format {name} has no runtime",
            fix=f"use one of {', '.join(formats_that_run())}",
        )
    return format_


def _export_that_runs(path: str | Path) -> Format:
    """The export at a path, if its format has a runtime.

    Raises:
        FileFormatError: there is no export at the path.
        UsageError: the format of the export has no runtime.
    """
    check_exists(path)
    artefact = artefact_at(path)
    if artefact is None:
        raise FileFormatError(
            f"{path} is not an export in a format that nmtool knows",
            code="export-unknown",
            fix="make an export with nmtool export; for networks and runs, use nmtool evaluate",
        )
    if not artefact.runs:
        raise UsageError(
            f"{path} cannot be run",
            code="runtime-none",
            why=f"the format {artefact.name} has no runtime",
            fix="run its network in the integer simulator: nmtool evaluate",
        )
    return artefact


def _named_recordings(recordings: Sequence[Named]) -> dict[str, str | Path | Recording]:
    """Name each recording for the certificate: its file name, numbered if it occurs twice."""
    by_name: dict[str, str | Path | Recording] = {}
    for recording in recordings:
        name = base_name = RECORDING if isinstance(recording, Recording) else Path(recording).name
        while name in by_name:
            name = f"{base_name} ({len(by_name) + 1})"
        by_name[name] = recording
    return by_name

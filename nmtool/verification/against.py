"""`Against`: what a network is compared with, and on what; `verify` and its callers ask it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from inspect import signature
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from nmtool.errors import UsageError, check_type
from nmtool.evaluation.evaluation import artefact_that_runs
from nmtool.loading import check_exists
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork
from nmtool.recording import Recording

if TYPE_CHECKING:
    from nmtool.exporters.format import Format

Named = str | Path | Recording
"""The name of a backend; a recording, or the path of one."""

RECORDING = "recording"
"""The name of a recording in memory among the backends."""

Options = Mapping[str, Mapping[str, Any]]
NO_OPTIONS: Options = MappingProxyType({})


class Way(Enum):
    """Inputs of a comparison."""

    DATA = "samples"
    MADE = "inputs made for the network, in which single faults show"
    ANSWERS = "the answers that an export carries"


@dataclass(frozen=True, eq=False)
class Against:
    """What a network is compared with.

    Attributes:
        subject: the network, in words.
        formats: those it runs in, each once.
        own: the export that runs as it is, in its own format; None where there is none.
        recordings: of other frameworks, or the paths of them, by their names in a certificate.
    """

    subject: str
    formats: Sequence[type[Format]]
    own: Format | None
    recordings: Mapping[str, str | Path | Recording]

    @classmethod
    def of(
        cls,
        network: object,
        against: Named | Sequence[Named] = (),
        artefact: str | Path | None = None,
    ) -> Against:
        """What is named, and an export by itself where nothing is.

        Args:
            network: in memory, or a path, which may be that of an export.
            against: names of backends; recordings, or the paths of them.
            artefact: an export to be run as it is, by default that which `network` names.

        Raises:
            UsageError: a backend is unknown, or the artefact is not among what is named.
            FileFormatError: there is nothing at a path.
        """
        from nmtool.exporters.formats import artefact_at

        kinds = (str, Path, Recording, Sequence)
        check_type(against, kinds, "the backends", "name them, e.g. against=['c', 'onnx']")
        listed = [against] if isinstance(against, str | Path | Recording) else list(against)
        for named in listed:
            fix = "name it, or its recording's file"
            check_type(named, (str, Path, Recording), "a backend", fix)
        if isinstance(network, str | Path):
            check_exists(network)
        recordings = _named_recordings([one for one in listed if is_recording(one)])
        names = [one for one in listed if isinstance(one, str) and not is_recording(one)]
        own = None
        if artefact is not None:
            own = artefact_that_runs(artefact)
            if listed and own.name not in names:
                raise UsageError(
                    f"{artefact} is for {own.name}, which is not among what is compared",
                    code="artefact-unused",
                    fix=f"name {own.name}, too, or leave the artefact out",
                )
        elif isinstance(network, str | Path):
            own = artefact_at(network)
            own = own if own is not None and own.runs else None
        formats = [_format_that_runs(name) for name in dict.fromkeys(names)]
        if not listed and own is not None:
            formats = [type(own)]
        subject = str(network) if isinstance(network, str | Path) else "the network"
        return cls(subject, formats, own, recordings)

    @property
    def names(self) -> list[str]:
        """Of everything that is compared."""
        return [*(one.name for one in self.formats), *self.recordings]

    @property
    def runs_own(self) -> bool:
        """True where the export is among what is compared."""
        return type(self.own) in self.formats

    @property
    def own_path(self) -> Path | None:
        """Of the export, where it is among what is compared."""
        return self.own.path if self.own is not None and self.runs_own else None

    @property
    def takes_floats(self) -> bool:
        """True where a float network is compared as it is; else its integers are.

        Integers are compared unless there are only recordings, or an export of real numbers.
        """
        return all(one.holds_floats and one is type(self.own) for one in self.formats)

    def way(self, *, has_data: bool, deep: bool = False, exercise: bool = False) -> Way:
        """Decide what is compared on.

        Args:
            has_data: True where data are named.
            deep: u and v are to be compared, too.
            exercise: samples are to be generated beside the data.

        Raises:
            UsageError: what is compared needs data that are not named, or there is nothing to
                compare.
        """
        if self.recordings and (exercise or not has_data):
            raise UsageError(
                "a recording is compared on the samples that were recorded",
                code="recording-data",
                fix="leave out `exercise=`" if exercise else "name them: `data=`",
            )
        if has_data:
            self._check_any()
            return Way.DATA
        if exercise:
            raise UsageError(
                "generated samples add to those of a data set, and no data set is named",
                code="data-missing",
                fix="name a data set: `data=`; or leave out `exercise=`",
            )
        if self.own is None and self.formats:
            return Way.MADE
        if self.own is None or not self.own.carries:
            raise UsageError(
                f"{self.subject} carries no known answers",
                code="answers-not-carried",
                why="it is no export that nmtool knows how to run",
                fix="name samples to compare on, `data=`, and a backend, `against=`",
            )
        if self.formats != [type(self.own)] or deep:
            raise UsageError(
                "other backends, and u and v, are compared on data",
                code="data-missing",
                fix="name them, `data=`, or leave out what is compared beside the export's own "
                "answers",
            )
        return Way.ANSWERS

    def _check_any(self) -> None:
        from nmtool.exporters.formats import formats_that_run

        if not self.names:
            raise UsageError(
                "there is nothing to compare with",
                code="backend-missing",
                fix=f"name a backend: `against={'|'.join(formats_that_run())}`",
            )

    def check_options(self, options: Options) -> None:
        """Raise `UsageError` for options of a backend that is not compared, or that it lacks."""
        from nmtool.exporters.format import Format

        by_name = {one.name: one for one in self.formats}
        for name, given in options.items():
            if name not in by_name:
                raise UsageError(
                    f"there are options for {name}, which is not compared",
                    code="backend-options-unused",
                    fix=f"leave them out, or compare with it; compared is {', '.join(by_name)}",
                )
            known = {*signature(by_name[name].check).parameters}
            known -= {*signature(Format.check).parameters}
            for option in given:
                if option not in known:
                    raise UsageError(
                        f"{name} takes no option '{option}'",
                        code="backend-option-unknown",
                        fix=f"it takes {', '.join(sorted(known))}" if known else "it takes none",
                    )

    def check_arithmetic(self, network: Network | IntegerNetwork) -> None:
        """Raise `UsageError` where a float network is to run on integers."""
        integers = [one.name for one in self.formats if not one.holds_floats]
        if isinstance(network, Network) and integers:
            raise UsageError(
                f"a float network cannot be compared with {', '.join(integers)}",
                code="network-float",
                why="they run integers",
                fix="quantise it first: nmtool.quantise(network, calibrate_on=data.train)",
            )

    def require(self) -> None:
        """Raise `MissingError` unless all runtimes are here."""
        for one in self.formats:
            one.require()


def is_recording(against: Named) -> bool:
    """True where this is a recording to compare with, or the path of one, and no backend."""
    from nmtool.exporters.formats import PLACES

    if not isinstance(against, str):
        return True
    if against in PLACES:
        return False
    return Path(against).suffix == ".npz" or Path(against).is_file()


def _format_that_runs(name: str) -> type[Format]:
    from nmtool.exporters.formats import format_named, formats_that_run

    found = format_named(name)
    if not found.runs:
        raise UsageError(
            f"{name} is nothing to compare with",
            code="runtime-none",
            why=f"the format {name} has no runtime",
            fix=f"use one of {', '.join(formats_that_run())}",
        )
    return found


def _named_recordings(recordings: Sequence[Named]) -> dict[str, str | Path | Recording]:
    """Recordings by the names they have in a certificate."""
    named: dict[str, str | Path | Recording] = {}
    for one in recordings:
        name = first = RECORDING if isinstance(one, Recording) else Path(one).name
        while name in named:
            name = f"{first} ({len(named) + 1})"
        named[name] = one
    return named

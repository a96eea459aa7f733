"""The formats networks are exported to: one entry each, and one package
`nmtool.exporters.<name>` each.

Each package is a `nmtool.verification.Backend`: it writes, reads, runs and checks. One that
holds real numbers takes float networks as they are, and must answer what its own
`reference(network, spikes, *, on_progress=None)` says, not what the integers of the simulator do.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from nmtool.errors import FileFormatError, UsageError
from nmtool.graph import LIF
from nmtool.integer_network import IntegerNetwork
from nmtool.known_answers import KnownAnswers
from nmtool.network import Network

if TYPE_CHECKING:
    from nmtool.exporters import brian2_loihi, c, lava, netx, nir, onnx, verilog
    from nmtool.recording import Recording
    from nmtool.verification.backend import Backend

    # A type checker compares every package with the protocol here.
    _BACKENDS: tuple[Backend, ...] = (brian2_loihi, c, lava, netx, nir, onnx, verilog)

WRITES, READS, RUNS, CARRIES = "writes", "reads", "runs", "carries"
FLOAT, DEEP = "holds real numbers", "records u and v of every neuron"
OPTIONS = "takes options when it writes"
PREFIX = "takes a prefix for names, and then writes a header"
CODE = "is executed as it is, code of others too where that is trusted"


@dataclass(frozen=True)
class Format:
    """Description of a format, without importing the libraries it needs.

    Attributes:
        name: on the command line, and of its package, which has `_` for `-`.
        what: in a few words, for people.
        extensions: of its files, with the dot; none for a folder.
        marker: name of a member of every folder of this format; '' for a file. Without extensions
            and marker it is no format to hand over: a referee that only runs networks.
        can: its abilities.
    """

    name: str
    what: str
    extensions: tuple[str, ...] = ()
    marker: str = ""
    can: frozenset[str] = frozenset({WRITES, READS, RUNS, CARRIES, DEEP})

    @property
    def package(self) -> Backend:
        """The package that does it."""
        name = self.name.replace("-", "_")
        return cast("Backend", importlib.import_module(f"nmtool.exporters.{name}"))

    @property
    def reference(self) -> Callable[..., Recording] | None:
        """Function from (network, raster) to the answer due; None for the integer simulator."""
        return getattr(self.package, "reference", None)

    def network(self, path: str | Path) -> IntegerNetwork | Network:
        """The network in an artefact.

        Raises:
            UsageError: files of this format cannot be read back.
            FileFormatError: it is missing, damaged or foreign.
        """
        if READS not in self.can:
            raise UsageError(
                f"{path} cannot be read back",
                code="format-not-read",
                why=f"the format {self.name} is only written",
                fix="name the network it was made from",
            )
        return self.package.load(path)

    def known_answers(self, path: str | Path) -> KnownAnswers:
        """The known answers in an artefact, which belong to the network in it.

        Raises:
            UsageError: the format carries none.
            FileFormatError: the artefact is damaged, or the answers are another network's.
        """
        if CARRIES not in self.can:
            raise UsageError(
                f"{path} carries no known answers",
                code="answers-not-carried",
                why=f"there is no place for them in the format {self.name}",
                fix="name DATA to compare on",
            )
        answers = self.package.known_answers(path)
        network = self.package.load(path)
        if network.content_hash != answers.network_hash or not _answered(network, answers):
            raise FileFormatError(
                f"the known answers in {path} are those of another network",
                code="answers-other-network",
                fix="export the network again",
            )
        return answers

    def recognises(self, path: str | Path) -> bool:
        """True where an existing path looks like this format; its content is not read."""
        if self.marker:
            return (Path(path) / self.marker).exists()
        return self.names(path) and not Path(path).is_dir()

    def names(self, path: str | Path) -> bool:
        """True where a path has an extension of this format."""
        return Path(path).suffix.lower() in self.extensions


def _answered(network: IntegerNetwork | Network, answers: KnownAnswers) -> bool:
    """True where there is an answer of every population, of its size."""
    spikes, membrane = answers.recording.spikes, answers.recording.membrane
    sizes = {name: raster.n_neurons for name, raster in spikes.items()}
    sizes |= {name: v.shape[2] for name, v in membrane.items()}
    everyone = {p.name: p.size for p in network.populations}
    current = {name: u.shape[2] for name, u in answers.recording.current.items()}
    return (
        current in ({}, everyone)
        and sizes == everyone
        and set(spikes) == {p.name for p in network.populations if p.kind == LIF}
        and answers.spikes.n_neurons == network.channels.size
    )


FORMATS = (
    Format(
        "lava",
        "a folder that runs in Lava 0.10.0",
        marker="lava_network",
        can=frozenset({WRITES, READS, RUNS, CARRIES, DEEP, CODE}),
    ),
    Format("onnx", "an ONNX file of standard operators", (".onnx",)),
    Format(
        "nir",
        "a NIR file, float",
        (".nir",),
        can=frozenset({WRITES, READS, RUNS, CARRIES, FLOAT, OPTIONS}),
    ),
    Format(
        "c",
        "a program in one file of C99",
        (".c",),
        can=frozenset({WRITES, READS, RUNS, CARRIES, DEEP, PREFIX}),
    ),
    Format(
        "verilog",
        "a folder with a core for FPGAs and the network in its memories",
        marker="rtl/nmtool_top.v",
        can=frozenset({WRITES, READS, RUNS, CARRIES, DEEP, OPTIONS}),
    ),
    Format("netx", "a NetX file of lava-dl, layer after layer", (".net",)),
    Format(
        "brian2-loihi",
        "the emulator of Loihi on Brian 2, a second referee",
        can=frozenset({RUNS, DEEP}),
    ),
)


def that_can(ability: str) -> list[str]:
    """Names of the formats with an ability."""
    return [one.name for one in FORMATS if ability in one.can]


def by_name(name: str) -> Format:
    """The format of that name; raises `UsageError` where there is none."""
    for one in FORMATS:
        if one.name == name:
            return one
    raise UsageError(
        f"unknown format '{name}'",
        code="format-unknown",
        fix=f"use one of {', '.join(that_can(WRITES))}",
    )


def of_artefact(path: str | Path) -> Format | None:
    """The format an existing file or folder looks like."""
    return next((one for one in FORMATS if one.recognises(path)), None)


def of_output(path: str | Path, others: Mapping[str, str] = MappingProxyType({})) -> Format:
    """The format a path to be written asks for by its extension.

    Args:
        path: to be written.
        others: names and extensions of what the caller writes beside these formats, which an
            error names, too.

    Raises:
        UsageError: no format has that extension.
    """
    for one in FORMATS:
        if one.names(path) and WRITES in one.can:
            return one
    known = [e for one in FORMATS if WRITES in one.can for e in one.extensions]
    raise UsageError(
        f"{path} does not say which format it is to be",
        code="format-unsaid",
        why=f"its extension is none of {', '.join([*others.values(), *known])}",
        fix=f"name it: --to {'|'.join([*others, *that_can(WRITES)])}",
    )

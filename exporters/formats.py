"""The registry of formats: the class of each format, and how its paths are recognised.

Recognising a path imports no format, and `format_named` imports only the format that it returns.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from nmtool.errors import UsageError, suggestion
from nmtool.exporters.processors import PROCESSORS

if TYPE_CHECKING:
    from nmtool.exporters.format import Format


@dataclass(frozen=True)
class Place:
    """A rule that recognises paths of a format; `Place()` recognises no path.

    Attributes:
        extensions: extensions of its files, with the dot; empty for a folder.
        member: glob pattern of a path that every folder of the format contains; '' for a file.
    """

    extensions: tuple[str, ...] = ()
    member: str = ""

    def names(self, path: str | Path) -> bool:
        """True if a path has an extension of this format."""
        return Path(path).suffix.lower() in self.extensions

    def holds(self, path: str | Path) -> bool:
        """True if an existing path looks like this format; files are not read."""
        if self.member:
            return next(Path(path).glob(self.member), None) is not None
        return self.names(path) and not Path(path).is_dir()


PLACES: dict[str, Place] = {
    "lava": Place(member="lava_network"),
    "onnx": Place((".onnx",)),
    "nir": Place((".nir",)),
    "c": Place((".c",)),
    "firmware": Place(member="firmware.json"),
    "verilog": Place(member="rtl/nmtool_top.v"),
    "netx": Place((".net",)),
    "json": Place((".json",)),
    "brian2-loihi": Place(),
    "fenn": Place(member="fenn_network"),
    "mlgenn": Place(member="*-Conn_*.npy"),
    **dict.fromkeys(PROCESSORS, Place()),
}
"""Rules by name of the format. A format's class is `FORMAT` of `nmtool.exporters.<name>.format`,
with `_` for `-`; emulated processors run the C export, and are in `nmtool.exporters.c.emulated`."""

REFEREES: Mapping[str, str] = {
    "lava": "verification in Lava's models of Loihi 2",
    "brian2-loihi": "verification by a second referee",
    "fenn": "verification in FeNN's instruction-set simulator",
}
"""Purpose of each simulator that `nmtool setup NAME` installs, by name of its format.

The module `environment` of such a format defines `REFEREE`.
"""


def format_named(name: str) -> type[Format]:
    """The format called `name`; raises `UsageError` if there is none."""
    if name not in PLACES:
        raise UsageError(
            f"unknown format '{name}'",
            code="format-unknown",
            fix=suggestion(name, formats_that_write()),
        )
    if name in PROCESSORS:
        module = importlib.import_module("nmtool.exporters.c.emulated")
        return cast("type[Format]", module.emulated(name))
    module = importlib.import_module(f"nmtool.exporters.{name.replace('-', '_')}.format")
    return cast("type[Format]", module.FORMAT)


def all_formats() -> list[type[Format]]:
    """The class of every format."""
    return [format_named(name) for name in PLACES]


def artefact_at(path: str | Path) -> Format | None:
    """Open an existing file or folder in its format; None if no format recognises it."""
    name = next((name for name, place in PLACES.items() if place.holds(path)), None)
    return None if name is None else format_named(name)(path)


def formats_that_write() -> list[str]:
    """Names of the formats to which networks can be written."""
    return [exporter.name for exporter in all_formats() if exporter.writes]


def formats_that_run() -> list[str]:
    """Names of the formats in which networks can run."""
    return [exporter.name for exporter in all_formats() if exporter.runs]


def format_for(path: str | Path, others: Mapping[str, str] = MappingProxyType({})) -> type[Format]:
    """The format to write, from the extension of a path.

    Args:
        path: path to be written.
        others: extensions, by name, of further formats that the caller writes; named in the error.

    Raises:
        UsageError: no format that can be written has this extension.
    """
    for name, place in PLACES.items():
        if place.names(path) and (exporter := format_named(name)).writes:
            return exporter
    writing = formats_that_write()
    extensions = [*others.values(), *(e for name in writing for e in PLACES[name].extensions)]
    raise UsageError(
        f"the format to write cannot be inferred from {path}",
        code="format-unclear",
        why=f"its extension is none of {', '.join(extensions)}",
        fix=f"name the format: `to={'|'.join([*others, *writing])}`",
    )


def import_options_unused(path: str | Path) -> UsageError:
    """Make the error for reading options that the format of `path` does not have."""
    return UsageError(
        f"the given options do not apply to the format of {path}",
        code="import-options-unused",
        fix="leave them out",
    )

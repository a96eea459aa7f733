"""The registry of formats: the class of each format, and how its paths are recognised.

Recognising a path imports no format, and `format_named` imports only the format that it returns.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from nmtool.errors import MissingError, UsageError, suggestion
from nmtool.plugins import FORMATS, broken, load, loaded, registered

if TYPE_CHECKING:
    from nmtool.exporters.format import Format

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Place:
    """Where the class of a format is, and a rule that recognises paths of the format.

    Attributes:
        home: the class, as `module:Class`; the module is only imported when the class is needed.
        extensions: extensions of its files, with the dot; empty for a folder.
        member: glob pattern of a path that every folder of the format contains; '' for a file.
            With neither extensions nor member, no path is recognised.
    """

    home: str
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

    def format_class(self) -> type[Format]:
        """Import the class."""
        module, _, name = self.home.partition(":")
        return cast("type[Format]", getattr(importlib.import_module(module), name))


OWN_PLACES: Mapping[str, Place] = {
    "lava": Place("nmtool.exporters.lava.format:Lava", member="lava_network"),
    "onnx": Place("nmtool.exporters.onnx.format:Onnx", (".onnx",)),
    "nir": Place("nmtool.exporters.nir.format:Nir", (".nir",)),
    "c": Place("nmtool.exporters.c.format:C", (".c",)),
    "json": Place("nmtool.exporters.json.format:Json", (".json",)),
}
"""The core's formats, by name."""


@cache
def places() -> dict[str, Place]:
    """The place of every format, by name: the core's, then those of plug-ins."""
    return {**OWN_PLACES, **loaded(FORMATS, Place, own=tuple(OWN_PLACES))}


def format_named(name: str) -> type[Format]:
    """The format called `name`.

    Raises:
        UsageError: there is no such format.
        MissingError: a plug-in provides the format, but cannot be used.
    """
    if name in OWN_PLACES:
        return OWN_PLACES[name].format_class()
    if name in places():
        try:
            return places()[name].format_class()
        except Exception as error:
            raise broken(FORMATS, name, error) from error
    if name in registered(FORMATS):
        load(FORMATS, name, Place)
    raise UsageError(
        f"unknown format '{name}'",
        code="format-unknown",
        fix=suggestion(name, formats_that_write()),
    )


def all_formats() -> list[type[Format]]:
    """The class of every format; formats of plug-ins that fail are logged and left out."""
    return [*_working_formats().values()]


@cache
def _working_formats() -> dict[str, type[Format]]:
    """The class of every format, by name."""
    return {name: format_class for name in places() if (format_class := _working_format(name))}


def _working_format(name: str) -> type[Format] | None:
    """The class of a format; None, after a remark, if its plug-in fails."""
    try:
        return format_named(name)
    except MissingError as error:
        _log.warning(f"plug-in left out: {error}")
        return None


def artefact_at(path: str | Path) -> Format | None:
    """Open an existing file or folder in its format; None if no format recognises it."""
    name = next((name for name, place in places().items() if place.holds(path)), None)
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
    for name, place in places().items():
        if place.names(path) and (exporter := format_named(name)).writes:
            return exporter
    writing = formats_that_write()
    extensions = [*others.values(), *(e for name in writing for e in places()[name].extensions)]
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

"""`Reproduction`: seeds, versions, hashes and commands that give the same results again."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from nmtool.tables import Table, Tabular, counted
from nmtool.version import __version__


@dataclass(frozen=True, repr=False)
class Reproduction(Tabular):
    """Everything needed to repeat a training run or a report.

    Attributes:
        hashes: seeds, versions and hashes by name, as text.
        settings: settings of training, by name.
        code: commands and files to copy, by title.
        versions: versions of Python and of the libraries on which results depend.
    """

    hashes: Mapping[str, str]
    settings: Mapping[str, Any] = field(default_factory=dict)
    code: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    def _line(self) -> str:
        hashes, settings = (
            counted(len(self.hashes), "value"),
            counted(len(self.settings), "setting"),
        )
        return f"{hashes}, {settings}, {counted(len(self.code), 'text')}"

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {name: dict(values) for name, values in vars(self).items()}

    def tables(self) -> list[Table]:
        """A table of seeds, versions and hashes."""
        rows = list(self.hashes.items())
        if self.versions:
            rows.append(("this report", ", ".join(map(" ".join, self.versions.items()))))
        return [Table("seeds, versions and hashes", ("", "value"), rows)]


def versions() -> dict[str, str]:
    """Versions of Python, nmtool and the installed libraries on which results depend."""
    libraries = [name for name in ("numpy", "numba", "torch") if find_spec(name) is not None]
    return {
        "Python": platform.python_version(),
        "nmtool": __version__,
        **{name: version(name) for name in libraries},
    }

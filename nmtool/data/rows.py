"""Samples as files of others hold them, before they are numbered and checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

ROW_SUFFIXES = (".csv", ".npz")
"""Files that hold such samples, and become folders in SHD layout."""


@dataclass
class Rows:
    """Samples as a file holds them, in the order of the file.

    Attributes:
        times_ms, units: per sample.
        labels: per sample, as text.
        groups: by name, integers or names per sample.
        dense: [samples, steps, …], in place of times and units.
        dt_ms: length of a step of dense spikes, where the file gives it.
        class_names: where the file gives them.
    """

    times_ms: list[Any] = field(default_factory=list)
    units: list[Any] = field(default_factory=list)
    labels: list[Any] = field(default_factory=list)
    groups: dict[str, list[Any]] = field(default_factory=dict)
    dense: NDArray | None = None
    dt_ms: float | None = None
    class_names: tuple[str, ...] | None = None


def are_numbers(labels: Sequence[Any]) -> bool:
    """True where there are labels, and all of them are numbers or say one."""
    try:
        return bool([float(label) for label in labels])
    except (TypeError, ValueError):
        return False


def texts(names: Sequence[Any]) -> list[str]:
    """Names as text; bytes are read as UTF-8."""
    return [
        name.decode(errors="backslashreplace") if isinstance(name, bytes) else str(name)
        for name in names
    ]

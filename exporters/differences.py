"""Compare an export with a new export of the same network: stored numbers and files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool import storage
from nmtool.errors import Finding
from nmtool.network.integer_network import IntegerNetwork

CHANGED = "its content was changed"


def changed(where: str, what: str) -> Finding:
    """The finding for a part of an export that nmtool would write otherwise."""
    return Finding("export-part-changed", where, what, "export the network again")


def array_change(expected: NDArray, stored: NDArray) -> str:
    """Describe the first difference between two arrays, and count the numbers that differ.

    '' if the arrays are equal.

    >>> array_change(np.array([[1, 2], [3, 4]]), np.array([[1, 2], [5, 6]]))
    '[1, 0] is 5, not 3; 2 of 4 numbers differ'

    Args:
        expected: the array that nmtool would write.
        stored: the array in the export.
    """
    if expected.shape != stored.shape:
        return f"its shape is {list(stored.shape)}, not {list(expected.shape)}"
    if stored.dtype.kind not in "biuf" or expected.dtype.kind not in "biuf":
        return "" if np.array_equal(expected, stored) else "it differs"
    differ = expected != stored
    if not differ.any():
        types = expected.dtype, stored.dtype
        return "" if types[0] == types[1] else f"its numbers are {types[1]}, not {types[0]}"
    place = tuple(np.argwhere(differ)[0])
    where = f"{[int(i) for i in place]} " if place else ""
    text = f"{where}is {stored[place]}, not {expected[place]}"
    count = int(differ.sum())
    return text if count == 1 else f"{text}; {count} of {differ.size} numbers differ"


def network_changes(expected: IntegerNetwork, stored: IntegerNetwork) -> list[Finding]:
    """Findings for all numbers in which a stored network differs from the expected network.

    Args:
        expected: the network that was to be exported.
        stored: the network read from the export.
    """
    expected_numbers, stored_numbers, findings = _numbers(expected), _numbers(stored), []
    for place in expected_numbers | stored_numbers:
        change = array_change(
            np.asarray(expected_numbers.get(place)), np.asarray(stored_numbers.get(place))
        )
        if change:
            _, where, name = place
            what = f"{name} {change.removeprefix('its ').removeprefix('it ')}"
            findings.append(
                Finding("network-number-changed", where, what, "export the network again")
            )
    return findings


def _numbers(network: IntegerNetwork) -> dict[tuple[str, str, str], Any]:
    """All numbers of a network, by (key of the part, name of the part, name of the number)."""
    header, arrays = storage.pack(network)
    parts = {f"population.{p.name}": p.name for p in network.populations}
    for index, projection in enumerate(network.projections):
        parts[f"projection.{index}"] = f"{projection.source} → {projection.target}"
    entries = [*header.pop("populations"), *header.pop("projections")]
    # `source_hash` is the hash of the float network and does not affect an export.
    del header["source_hash"]
    numbers = {("", "the network", key): value for key, value in header.items()}
    for (part, where), entry in zip(parts.items(), entries, strict=True):
        numbers |= {(part, where, key): value for key, value in entry.items()}
    for name, array in arrays.items():
        part, _, key = name.rpartition(".")
        numbers[part, parts[part], key] = array
    return numbers


def changed_files(folder: Path, expected: Mapping[str, bytes]) -> dict[str, str]:
    """Compare the files of a folder with the expected files, byte for byte.

    Returns a description of each missing or changed file, by path.

    Args:
        folder: the export.
        expected: expected content by relative POSIX path.
    """
    changes = {}
    for name in sorted(expected):
        file, content = folder / name, expected[name]
        if not file.is_file():
            changes[name] = "it is missing"
        elif not has_content(file, content):
            changes[name] = CHANGED
    return changes


def has_content(file: Path, content: bytes) -> bool:
    """True if a file has exactly these bytes; no more bytes than these are read."""
    try:
        return storage.read_small(file, len(content)) == content
    except OSError:
        return False

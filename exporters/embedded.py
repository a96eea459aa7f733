"""nmtool's own data in exports: the network, known answers, and a digest.

Formats of other runtimes cannot represent a network's names, scales and classes. Exports therefore
also contain the network in nmtool's own form, which is read back bit for bit. `check_written` of
every format compares the data for the runtime with what nmtool would write for this network.

A Lava folder contains archives as separate files. HDF5 files, such as NIR files, contain the same
archives as datasets of a group, `Embedded`. C and ONNX files already contain the network's arrays
as constants: they only add the archive's header, as text, and a digest of all other bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool import storage
from nmtool.errors import FileFormatError
from nmtool.exporters.hdf5 import PlainFile
from nmtool.known_answers import KnownAnswers
from nmtool.network.float_network import Network
from nmtool.network.graph import EXTENSIONS
from nmtool.network.integer_network import IntegerNetwork

GROUP = "nmtool"
"""Name of nmtool's group in HDF5 files; readers of other tools ignore it."""

FLOAT = "float"
"""Name of the arithmetic of float networks in files."""

CHANGED_FIX = (
    "export the network again; nmtool verify NETWORK --artefact FILE names the numbers that differ"
)
"""The part `fix` of errors about a wrong digest, which cannot tell which numbers were changed."""

_SETTINGS, _NETWORK, _ANSWERS = "settings", "network.npz", "known_answers.npz"


@dataclass(frozen=True, eq=False)
class Embedded:
    """Content of the group `GROUP` in an HDF5 file.

    Attributes:
        about: entries that are stored as JSON: `version` of the group, content `hash` of the
            network, and the format's own entries.
        network: bytes of the network's archive.
        answers: bytes of the known answers' archive; empty if there are none.
    """

    about: Mapping[str, Any]
    network: bytes
    answers: bytes = b""

    def members(self) -> dict[str, str | NDArray[np.uint8]]:
        """The datasets of the group by name, to be written in this order."""
        archives = {_NETWORK: self.network, **({_ANSWERS: self.answers} if self.answers else {})}
        return {
            _SETTINGS: json.dumps(self.about, sort_keys=True),
            **{name: np.frombuffer(data, np.uint8) for name, data in archives.items()},
        }

    def known_answers(self, path: str | Path) -> KnownAnswers | None:
        """The known answers, or None; raises `FileFormatError` if they are damaged."""
        return KnownAnswers.from_bytes(self.answers, path) if self.answers else None


def read_embedded(file: PlainFile, newest: int) -> Embedded | None:
    """Read nmtool's group from a file; None if the file has no such group.

    Args:
        file: the file.
        newest: newest readable version. Of a group with a newer version only `about` is read, so
            that `check_version` can refuse it.

    Raises:
        FileFormatError: a part of the group is missing or invalid.
        ValueError, LookupError, TypeError: `about` is damaged.
    """
    if GROUP not in file.root:
        return None
    group = file.group(file.root, GROUP)
    about = storage.parse_json(file.text(group, _SETTINGS))
    if int(about["version"]) > newest:
        return Embedded(about, b"")
    answers = file.array(group, _ANSWERS).tobytes() if _ANSWERS in group else b""
    return Embedded(about, file.array(group, _NETWORK).tobytes(), answers)


def digest(content: bytes | bytearray) -> str:
    """SHA-256, in hexadecimal, of all bytes of a file except the digest itself."""
    return hashlib.sha256(content).hexdigest()


def read_bytes(path: Path, what: str, limit: int, too_large: str) -> bytes:
    """Read a whole file, unless it is larger than a limit.

    Args:
        path: the file.
        what: expected kind of file, named in errors.
        limit: largest size in bytes.
        too_large: reason given in the error (`why`) if the file is larger.

    Raises:
        FileFormatError: the file is missing, not readable, or too large.
    """
    storage.check_file(path)
    if path.stat().st_size > limit:
        raise damaged(path, too_large, what)
    try:
        return storage.read_small(path, limit)
    except OSError as error:
        raise storage.unreadable(path, error) from error


HEADER_VERSION = len(EXTENSIONS)
"""Newest version of the header of a network in C and ONNX files."""


def header_version(network: IntegerNetwork) -> int:
    """Version of a network's header, by what its readers must know.

    1: the step of `loihi2`; each extension of the arithmetic takes the next number.
    """
    return 1 + EXTENSIONS.index(network.extension)


def check_version(path: str | Path, version: int | str, newest: int) -> None:
    """Raise `FileFormatError` if a newer nmtool wrote the file."""
    if int(version) > newest:
        raise FileFormatError(
            f"{path} has format version {version}, but this nmtool reads versions up to {newest}",
            code="file-newer",
            fix="update nmtool",
        )


def check_hash(
    network: Network | IntegerNetwork, stored_hash: Any, path: str | Path, what: str = ""
) -> None:
    """Raise `FileFormatError` unless the hash stored in a file is its network's content hash."""
    if network.content_hash != stored_hash:
        raise damaged(path, "its stored hash is not the content hash of its network", what)


def damaged(path: str | Path, why: str, what: str = "", fix: str = "") -> FileFormatError:
    """The error for a file whose embedded content cannot be used.

    Args:
        path: the file.
        why: the reason.
        what: expected kind of file, if the file may be of another kind.
        fix: the part `fix` of the error; by default to export again.
    """
    alternative = f", or is no {what} written by nmtool" if what else ""
    return FileFormatError(
        f"{path} is damaged{alternative}",
        code="file-damaged",
        why=why,
        fix=fix or "export the network again",
    )

"""Data that an export carries beside its runtime's own: the network, known answers, a digest.

No runtime's format holds all of a network: it has no place for names, scales and classes. So nmtool
keeps the network beside the data that run and reads it back from there bit for bit. It compares
the data that run with what it would write for that network (`check_written` of every format).

Each format keeps it in its own place. A Lava folder keeps archives as files of their own. HDF5
files (NIR, NetX) keep the same archives as data sets of a group, `Embedded`. C and ONNX files,
whose constants are the network's arrays already, keep the header of the archive as text, and carry
a digest of all other bytes.
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
from nmtool.network import float_network as network, integer_network
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork

GROUP = "nmtool"
"""Of an HDF5 file; readers of NIR and of NetX leave it alone."""

FLOAT = "float"
"""The arithmetic of a float network, in what a file says of itself."""

_SETTINGS, _NETWORK, _ANSWERS = "settings", "network.npz", "known_answers.npz"


@dataclass(frozen=True, eq=False)
class Embedded:
    """The group `GROUP` of an HDF5 file.

    Attributes:
        about: JSON: `version` of the group, content `hash` of the network, and what a format adds.
        network: bytes of the network's archive.
        answers: bytes of known answers, empty if there are none.
    """

    about: Mapping[str, Any]
    network: bytes
    answers: bytes = b""

    def members(self) -> dict[str, str | NDArray[np.uint8]]:
        """The data sets of the group by name, to be written in this order."""
        archives = {_NETWORK: self.network, **({_ANSWERS: self.answers} if self.answers else {})}
        return {
            _SETTINGS: json.dumps(self.about, sort_keys=True),
            **{name: np.frombuffer(data, np.uint8) for name, data in archives.items()},
        }

    def known_answers(self, path: str | Path) -> KnownAnswers | None:
        """The answers, None without any; raises `FileFormatError` where they are damaged."""
        return KnownAnswers.from_bytes(self.answers, path) if self.answers else None


def read_embedded(file: PlainFile, newest: int) -> Embedded | None:
    """The group of a file, None without any; of a newer version only what it says of itself.

    Args:
        file: what is read.
        newest: version of the group that can be read; `check_version` refuses others.

    Raises:
        FileFormatError: a part of it is missing, or no such data.
        ValueError, LookupError, TypeError: its settings are damaged.
    """
    if GROUP not in file.root:
        return None
    group = file.group(file.root, GROUP)
    about = json.loads(file.text(group, _SETTINGS))
    if int(about["version"]) > newest:
        return Embedded(about, b"")
    answers = file.array(group, _ANSWERS).tobytes() if _ANSWERS in group else b""
    return Embedded(about, file.array(group, _NETWORK).tobytes(), answers)


def pack_network(held: Network | IntegerNetwork) -> bytes:
    """The bytes of a network's archive."""
    if isinstance(held, IntegerNetwork):
        kind, version = integer_network.FILE_KIND, integer_network.FILE_VERSION
        return storage.pack_archive(kind, version, *integer_network.pack(held))
    return storage.pack_archive(network.FILE_KIND, network.FILE_VERSION, *network.pack(held))


def unpack_network(data: bytes, carrier: str | Path) -> IntegerNetwork:
    """The integers in an archive; raises `FileFormatError`, which names the carrying file."""
    kind, version = integer_network.FILE_KIND, integer_network.FILE_VERSION
    return integer_network.unpack(storage.unpack_archive(data, carrier, kind, version))


def unpack_float_network(data: bytes, carrier: str | Path) -> Network:
    """The float network in an archive; raises `FileFormatError`, which names the carrying file."""
    kind, version = network.FILE_KIND, network.FILE_VERSION
    return network.unpack(storage.unpack_archive(data, carrier, kind, version))


def digest(content: bytes | bytearray) -> str:
    """SHA-256 of all bytes of a file but those that hold the digest, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def read_bytes(path: Path, what: str, limit: int, too_large: str) -> bytes:
    """Read a whole file, unless it is larger than a limit.

    Args:
        path: the file.
        what: the kind of file it should be, for errors.
        limit: bytes it may have.
        too_large: the reason where it has more.

    Raises:
        FileFormatError: it is missing or too large.
    """
    if not path.is_file():
        raise FileFormatError(f"there is no file {path}", code="file-missing", fix="check the path")
    if path.stat().st_size > limit:
        raise damaged(path, too_large, what)
    return path.read_bytes()


def check_version(path: str | Path, version: int | str, newest: int) -> None:
    """Raise `FileFormatError` where a newer nmtool wrote a file."""
    if int(version) > newest:
        raise FileFormatError(
            f"{path} has format version {version}, this nmtool reads up to {newest}",
            code="file-newer",
            fix="update nmtool",
        )


def check_hash(
    held: Network | IntegerNetwork, found: Any, path: str | Path, what: str = ""
) -> None:
    """Raise `FileFormatError` unless a file names the content hash of the network in it."""
    if held.content_hash != found:
        raise damaged(path, "the content hash is that of another network", what)


def damaged(path: str | Path, why: str, what: str = "") -> FileFormatError:
    """The error for a file whose embedded content cannot be used.

    Args:
        path: the file.
        why: the reason.
        what: the kind of file it should be, where it may be one of others.
    """
    other = f" or no {what} of nmtool" if what else ""
    return FileFormatError(
        f"{path} is damaged{other}",
        code="file-damaged",
        why=why,
        fix="export the network again",
    )

"""The whole C file, and how it is read back: as data, by what nmtool wrote into its comments.

The arrays are those of the code. What else a network consists of is JSON in a comment, and a
digest of all bytes before it ends the file.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool import integer_network
from nmtool.errors import FileFormatError
from nmtool.exporters.c import answers as known
from nmtool.exporters.c.about import about
from nmtool.exporters.c.record import dumped
from nmtool.exporters.c.source import program, projection_symbol
from nmtool.exporters.c.text import read_arrays
from nmtool.exporters.stored_weights import weight_unit
from nmtool.graph import INPUT
from nmtool.integer_network import IntegerNetwork
from nmtool.known_answers import KnownAnswers
from nmtool.storage import Archive

VERSION = 1
"""Of what nmtool writes into C files."""

MAX_BYTES = 1 << 30

_RECORD = "/* What nmtool reads back, beside the arrays:\n{}\n*/\n"
_SEAL = "/* nmtool.sha256 {} */\n"
SEAL_BYTES = len(_SEAL.format("0" * 64))
_SEALED = re.compile(rb"/\* nmtool\.sha256 ([0-9a-f]{64}) \*/\n\Z")
_RECORDED = re.compile(r"^/\* What nmtool reads back, beside the arrays:\n(\{[^*]*\})\n\*/$", re.M)


def file_bytes(network: IntegerNetwork, carried: known.Carried | None) -> bytes:
    """The bytes of a file, the same for the same network and answers."""
    header, _ = integer_network.pack(network)
    signs = [projection.sign_mode for projection in network.projections]
    record: dict[str, Any] = {"version": VERSION, "network": header, "sign_modes": signs}
    record["hash"] = network.content_hash
    if carried is not None:
        record["answers"] = known.header(carried.answers)
    parts = [about(network), program(network), known.checking_main(network, carried)]
    parts.append(_RECORD.format(dumped(record)))
    content = "\n".join(parts).encode("ascii")
    return content + _SEAL.format(hashlib.sha256(content).hexdigest()).encode()


@dataclass(frozen=True)
class Content:
    """A C file whose bytes are those that some version of nmtool wrote.

    Attributes:
        data: all bytes.
        archive: the path, what the comment says, and the constants of the code, [elements] int64.
    """

    data: bytes
    archive: Archive

    @property
    def path(self) -> Path:
        """Where it was read."""
        return self.archive.path

    def network(self) -> IntegerNetwork:
        """The network; raises `FileFormatError` where something of it is missing or wrong."""
        record = self.archive.header
        with self.archive.checked():
            arrays = _network_arrays(record, self.archive.arrays)
            network = integer_network.unpack(Archive(self.path, record["network"], arrays))
        if network.content_hash != record.get("hash"):
            raise _damaged(self.path, "the content hash is that of another network")
        return network

    def carried(self) -> known.Carried | None:
        """What it says of known answers, None without any; raises `FileFormatError` where that
        is damaged."""
        if "answers" not in self.archive.header:
            return None
        network = self.network()
        with self.archive.checked():
            return known.read_back(network, self.archive.header["answers"], self.archive.arrays)

    def answers(self) -> KnownAnswers | None:
        """The known answers, u and v among them; None without any.

        Raises:
            FileFormatError: they are damaged, or u and v are another network's.
        """
        carried = self.carried()
        if carried is None:
            return None
        with self.archive.checked():
            answers = carried.with_states(self.network())
        if answers is None:
            raise FileFormatError(
                f"the known answers in {self.path} are those of another network",
                code="answers-other-network",
                fix="export the network again",
            )
        return answers


def read(path: str | Path) -> Content:
    """Read a file that nmtool wrote, without compiling anything.

    Raises:
        FileFormatError: missing, damaged, changed by something else, foreign or newer.
    """
    path = Path(path)
    data = _bytes(path)
    _check_seal(path, data)
    try:
        text = data.decode("ascii")
        record = json.loads(_RECORDED.findall(text)[-1])
        version, arrays = int(record["version"]), read_arrays(text)
    except Exception as error:  # whatever stands there instead
        raise _damaged(path, f"{type(error).__name__}: {error}") from error
    if version > VERSION:
        raise FileFormatError(
            f"{path} has format version {version}, this nmtool reads up to {VERSION}",
            code="file-newer",
            fix="update nmtool",
        )
    return Content(data, Archive(path, record, arrays))


def _bytes(path: Path) -> bytes:
    if not path.is_file():
        raise FileFormatError(f"there is no file {path}", code="file-missing")
    if path.stat().st_size > MAX_BYTES:
        raise _damaged(path, f"it has more than {MAX_BYTES} bytes")
    return path.read_bytes()


def _check_seal(path: Path, data: bytes) -> None:
    seal = _SEALED.search(data, max(0, len(data) - SEAL_BYTES))
    if seal is None:
        raise FileFormatError(
            f"{path} was not written by nmtool, or not to its end",
            code="file-foreign",
            why="it does not end with nmtool's digest; nothing in it was compiled",
            fix="export the network again",
        )
    if hashlib.sha256(data[: seal.start()]).hexdigest().encode() != seal[1]:
        raise FileFormatError(
            f"{path} was changed after nmtool wrote it",
            code="export-changed",
            why="its digest does not fit; nothing in it was compiled",
            fix="export the network again",
        )


def _network_arrays(
    record: Mapping[str, Any], constants: Mapping[str, NDArray[np.int64]]
) -> dict[str, NDArray]:
    """The arrays of a network's file from those of the code."""
    header = record["network"]
    sizes = {entry["name"]: int(entry["size"]) for entry in header["populations"]}
    arrays = {f"population.{name}.bias_mantissa": constants[f"bias_{name}"] for name in sizes}
    sizes[INPUT] = int(header["channels"]["size"])
    ends = [(entry["source"], entry["target"]) for entry in header["projections"]]
    for index, (source, target) in enumerate(ends):
        name, shape = projection_symbol(index, source, target), (sizes[source], sizes[target])
        bits = header["projections"][index]["weight_bits"]
        unit = weight_unit(bits, record["sign_modes"][index])
        arrays[f"projection.{index}.weight"] = constants[f"weight_{name}"].reshape(shape) * unit
        arrays[f"projection.{index}.delay"] = constants[f"delay_{name}"].reshape(shape)
    return arrays


def _damaged(path: Path, why: str) -> FileFormatError:
    return FileFormatError(
        f"{path} is damaged or no C file of nmtool",
        code="file-damaged",
        why=why,
        fix="export the network again",
    )

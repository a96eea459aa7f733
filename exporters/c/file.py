"""Write a complete C file, and read it back as data.

Arrays are read from the code itself. The rest of the network is JSON in a comment. The last line
has a digest of all bytes before it. Developers often keep only this file: it can be
verified and converted without any other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.errors import FileFormatError
from nmtool.exporters.c.answers import Carried, answers_header, check_values, read_back
from nmtool.exporters.c.source import head_values, program_values, projection_symbol
from nmtool.exporters.c.text import (
    check_prefix,
    json_text,
    read_arrays,
    renamed,
    template,
)
from nmtool.exporters.embedded import (
    CHANGED_FIX,
    HEADER_VERSION,
    check_hash,
    check_version,
    damaged,
    digest,
    header_version,
    read_bytes,
)
from nmtool.exporters.stored_weights import network_arrays
from nmtool.exporters.templates import filled
from nmtool.network.graph import INPUT
from nmtool.network.integer_network import IntegerNetwork
from nmtool.storage import Archive, pack, parse_json

HEADER = ".h"
"""Extension of the header file of a C file with a prefix."""

WHAT = "C file"
MAX_BYTES = 1 << 30

_RECORD = "/* What nmtool reads back, beside the arrays:\n{}\n*/\n"
_SEAL = "/* nmtool.sha256 {} */\n"
SEAL_BYTES = len(_SEAL.format("0" * 64))
_SEALED = re.compile(rb"/\* nmtool\.sha256 ([0-9a-f]{64}) \*/\n\Z")
_RECORDED = re.compile(r"^/\* What nmtool reads back, beside the arrays:\n(\{[^*]*\})\n\*/$", re.M)


def written(
    network: IntegerNetwork, carried: Carried | None = None, prefix: str = ""
) -> dict[str, bytes]:
    """The bytes of a C file, '', and with a prefix of its header, `HEADER`; deterministic.

    Args:
        network: the network.
        carried: known answers that the program checks; None if there are none.
        prefix: prefix of names; '' for a file without header.

    Raises:
        UsageError: with this prefix, two objects would have the same name.
    """
    values = program_values(network, prefix)
    head = filled(template("head.c"), {**values, **head_values(network, carried, prefix)})
    values["interface"] = filled(template("interface.h"), values).rstrip()
    check = filled(template("check.c"), check_values(network, values, carried))
    code = renamed(filled(template("network.c"), values) + "\n" + check, prefix)
    content = "\n".join([head, code, _record(network, carried, prefix)]).encode("ascii")
    files = {"": content + _SEAL.format(digest(content)).encode()}
    if prefix:
        interface = renamed(values["interface"], prefix)
        header = filled(
            template("header.h"), {"comment": head, "interface": interface, "prefix": prefix}
        )
        files[HEADER] = header.encode("ascii")
    return files


def _record(network: IntegerNetwork, carried: Carried | None, prefix: str) -> str:
    """The comment with all that the code does not say of a network, as JSON."""
    header, _ = pack(network)
    sign_modes = [projection.sign_mode for projection in network.projections]
    record: dict[str, Any] = {"version": header_version(network), "network": header}
    record |= {"sign_modes": sign_modes, "hash": network.content_hash}
    if carried is not None:
        record["answers"] = answers_header(carried.answers)
    if prefix:
        record["prefix"] = prefix
    return _RECORD.format(json_text(record, indent=1))


@dataclass(frozen=True)
class Content:
    """A parsed C file, written by any version of nmtool.

    Attributes:
        data: bytes of the file.
        archive: path, JSON of the comment, and constants of the code, [elements] int64.
    """

    data: bytes
    archive: Archive

    @property
    def prefix(self) -> str:
        """The prefix of names; '' in a file without header."""
        return str(self.archive.header.get("prefix", ""))

    def network(self) -> IntegerNetwork:
        """The network; raises `FileFormatError` if parts of it are missing or wrong."""
        network = self.unchecked_network()
        check_hash(network, self.archive.header.get("hash"), self.archive.path, WHAT)
        return network

    def unchecked_network(self) -> IntegerNetwork:
        """The network, even if its content hash is not the recorded one."""
        record = self.archive.header
        with self.archive.checked():
            arrays = _network_arrays(record, self.archive.arrays)
            return Archive(self.archive.path, record["network"], arrays).unpack(IntegerNetwork)

    def carried(self) -> Carried | None:
        """The stored known answers, with checksums in place of u and v; None if the file has none.

        Raises:
            FileFormatError: the answers are damaged.
        """
        if "answers" not in self.archive.header:
            return None
        network = self.network()
        with self.archive.checked():
            return read_back(network, self.archive.header["answers"], self.archive.arrays)


def read(path: str | Path, *, sealed: bool = True) -> Content:
    """Read a file that nmtool wrote, without compiling anything.

    Args:
        path: the file.
        sealed: refuse a file that does not match its digest.

    Raises:
        FileFormatError: the file is missing, damaged or modified, or was written by a newer nmtool
            or by another program.
    """
    path = Path(path)
    data = read_bytes(path, WHAT, MAX_BYTES, f"it has more than {MAX_BYTES} bytes")
    _check_seal(path, data, sealed=sealed)
    try:
        text = data.decode("ascii")
        record = parse_json(_RECORDED.findall(text)[-1])
        check_prefix(record.get("prefix", "nmtool"))
        version, arrays = int(record["version"]), read_arrays(text)
    except Exception as error:  # If the file was changed by hand, parsing can raise any exception.
        raise damaged(path, f"{type(error).__name__}: {error}", WHAT) from error
    check_version(path, version, HEADER_VERSION)
    return Content(data, Archive(path, record, arrays))


def _check_seal(path: Path, data: bytes, *, sealed: bool) -> None:
    """Raise `FileFormatError` unless the file ends with a digest, which must match if `sealed`."""
    seal = _SEALED.search(data, max(0, len(data) - SEAL_BYTES))
    if seal is None:
        raise FileFormatError(
            f"{path} was not written by nmtool, or is incomplete",
            code="file-foreign",
            why="the file does not end with nmtool's digest; it was not compiled",
            fix="export the network again",
        )
    if sealed and digest(data[: seal.start()]).encode() != seal[1]:
        raise FileFormatError(
            f"{path} was changed after nmtool wrote it",
            code="export-changed",
            why="the digest of the file is wrong; the file was not compiled",
            fix=CHANGED_FIX,
        )


def _network_arrays(
    record: Mapping[str, Any], constants: Mapping[str, NDArray[np.int64]]
) -> dict[str, NDArray]:
    """Convert the arrays of the code to those of a network's archive."""
    header = record["network"]
    sizes = {entry["name"]: int(entry["size"]) for entry in header["populations"]}
    sizes[INPUT] = int(header["channels"]["size"])

    def synapses(index: int) -> tuple[NDArray, NDArray]:
        source, target = (header["projections"][index][end] for end in ("source", "target"))
        name = projection_symbol(index, source, target)
        weight, delay = (constants[f"{quantity}_{name}"] for quantity in ("weight", "delay"))
        shape = sizes[source], sizes[target]
        return weight.reshape(shape), delay.reshape(shape)

    def bias(entry: Mapping[str, Any]) -> NDArray:
        return constants[f"bias_{entry['name']}"]

    return network_arrays(header, record["sign_modes"], bias, synapses)

"""`DataFolder`: base class of export folders with generated files, a network and known answers.

From such a folder nmtool reads the marker (a JSON file), the network and the known answers. It
never compiles or runs the generated files: it generates them again and compares them byte for byte.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar

from nmtool.errors import FileFormatError, Finding
from nmtool.exporters.differences import changed, changed_files
from nmtool.exporters.embedded import (
    check_hash,
    check_version,
    damaged,
    read_bytes,
)
from nmtool.exporters.format import Format
from nmtool.exporters.output import files_in
from nmtool.known_answers import KnownAnswers
from nmtool.network.integer_network import IntegerNetwork

NETWORK, ANSWERS = "network.npz", "known_answers.npz"
BUILD = "build/"
"""Folder of the Makefile's output."""

MAX_MARKER_BYTES = 1 << 20
"""Largest size of a marker: a core has at most 1,000 synapse banks, of 100 bytes in the marker."""


@dataclass(frozen=True)
class Marker:
    """The content of the marker file.

    Attributes:
        network_hash: content hash of the network.
        options: options of the export.
        files: relative POSIX paths of generated files whose names differ between exports.
    """

    network_hash: str
    options: Any
    files: frozenset[str]


class DataFolder(Format):
    """An export folder with a network, and files generated for it.

    Attributes:
        marker: file name of the marker.
        version: newest readable version of such folders.
        kind: kind of folder, named in errors.
    """

    marker: ClassVar[str]
    version: ClassVar[int]
    kind: ClassVar[str]

    # Methods that every subclass defines

    @classmethod
    @abstractmethod
    def parse_marker(cls, content: Mapping[str, Any]) -> Marker:
        """Read a marker from parsed JSON; any exception means that the marker is damaged."""

    # Methods that all subclasses share

    @classmethod
    def marker_file(cls, network: IntegerNetwork, **content: Any) -> dict[str, bytes]:
        """The marker file for a network, as {path: bytes}; `content` adds entries to its JSON."""
        content |= {"version": cls.version, "hash": network.content_hash}
        return {cls.marker: (json.dumps(content, indent=1, sort_keys=True) + "\n").encode()}

    @property
    def about(self) -> Marker:
        """The folder's marker; raises `FileFormatError` if it is damaged or too new."""
        path = self.path / self.marker
        data = read_bytes(path, self.kind, MAX_MARKER_BYTES, "it is far too large")
        try:
            content = json.loads(data)
            check_version(self.path, content["version"], self.version)
            return self.parse_marker(content)
        except FileFormatError:
            raise
        except Exception as error:
            # If the marker file is damaged, parsing can raise any exception.
            raise damaged(path, f"{type(error).__name__}: {error}", self.kind) from error

    def decode(self, options: Any = None) -> IntegerNetwork:
        expected = self.about.network_hash
        network = IntegerNetwork.load(self.path / NETWORK)
        check_hash(network, expected, self.path, self.kind)
        return network

    def decode_answers(self) -> KnownAnswers | None:
        self.integers  # noqa: B018  The property raises an error for a folder that is no export.
        answers = self.path / ANSWERS
        return KnownAnswers.load(answers) if answers.exists() else None

    def differences(self) -> list[Finding]:
        """Findings for generated files that differ from what nmtool would write, byte for byte.

        Additional files in the folder are not used, and therefore ignored.
        """
        written = self.encode(self.integers, self.decode_answers(), self.about.options)
        return [changed(*item) for item in changed_files(self.path, written).items()]

    def is_replaceable(self) -> bool:
        names = (self.marker, NETWORK)
        return super().is_replaceable() and all((self.path / name).is_file() for name in names)

    def left_by_others(self) -> set[str]:
        """Paths of known answers, of files named in the marker, and of the Makefile's output.

        The user's own files are never included, since no marker names them.
        """
        built = {name for name in files_in(self.path) if name.startswith(BUILD)}
        files = {ANSWERS, *built}
        # A damaged marker file cannot name the files of the export.
        with suppress(FileFormatError):
            files |= self.about.files
        return files

"""`DataFolder`: base class of folders of generated files, with their data beside them.

nmtool reads a marker (JSON), the network and the known answers of such a folder. It never compiles
or runs the other files there: it generates them anew, and compares them byte for byte.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar

from nmtool.errors import FileFormatError, Finding
from nmtool.exporters.embedded import (
    check_hash,
    check_version,
    damaged,
    read_bytes,
    unpack_network,
)
from nmtool.exporters.format import Format
from nmtool.known_answers import KnownAnswers
from nmtool.network.integer_network import IntegerNetwork

NETWORK, ANSWERS = "network.npz", "known_answers.npz"
BUILD = "build/"
"""Folder in which the Makefile builds."""

MAX_BYTES = 1 << 30


@dataclass(frozen=True)
class Marker:
    """The content of a marker.

    Attributes:
        network_hash: content hash of the network.
        options: options of the export.
        files: relative POSIX paths of generated files whose names differ between exports.
    """

    network_hash: str
    options: Any
    files: frozenset[str]


class DataFolder(Format):
    """A folder of files generated for the network in it.

    Attributes:
        marker: name of the marker.
        version: newest version of the folder that can be read.
        kind: kind of folder, for errors.
    """

    marker: ClassVar[str]
    version: ClassVar[int]
    kind: ClassVar[str]

    # Hooks.

    @classmethod
    @abstractmethod
    def parse_marker(cls, content: Mapping[str, Any]) -> Marker:
        """The marker in parsed JSON; any exception means that it is damaged."""

    @classmethod
    @abstractmethod
    def changed_file(cls, name: str, change: str) -> Finding:
        """The finding for a file that is not what nmtool would write."""

    # Common to all subclasses.

    @classmethod
    def marker_file(cls, network: IntegerNetwork, **content: Any) -> dict[str, bytes]:
        """The marker of a network's folder by its path, with further content by key."""
        content |= {"version": cls.version, "hash": network.content_hash}
        return {cls.marker: (json.dumps(content, indent=1, sort_keys=True) + "\n").encode()}

    @property
    def about(self) -> Marker:
        """The marker in the folder; raises `FileFormatError` if it is damaged or newer."""
        path = self.path / self.marker
        data = read_bytes(path, self.kind, MAX_BYTES, "it is far too large")
        try:
            content = json.loads(data)
            check_version(self.path, content["version"], self.version)
            return self.parse_marker(content)
        except FileFormatError:
            raise
        except Exception as error:  # other content raises anything
            raise damaged(path, f"{type(error).__name__}: {error}", self.kind) from error

    def decode(self, options: Any = None) -> IntegerNetwork:
        expected, path = self.about.network_hash, self.path / NETWORK
        data = read_bytes(path, self.kind, MAX_BYTES, "it is far too large")
        network = unpack_network(data, path)
        check_hash(network, expected, self.path, self.kind)
        return network

    def decode_answers(self) -> KnownAnswers | None:
        self.integers  # noqa: B018  raises for a folder that is not an export
        answers = self.path / ANSWERS
        return KnownAnswers.load(answers) if answers.exists() else None

    def differences(self) -> list[Finding]:
        """Files that differ from what nmtool would write, byte for byte.

        Other files in the folder are not part of the export and are not used.
        """
        from nmtool.exporters.differences import changed_files

        written = self.encode(self.integers, self.decode_answers(), self.about.options)
        return [self.changed_file(*item) for item in changed_files(self.path, written).items()]

    def is_replaceable(self) -> bool:
        names = (self.marker, NETWORK)
        return super().is_replaceable() and all((self.path / name).is_file() for name in names)

    def left_by_others(self) -> set[str]:
        """Known answers, files that the marker names, and output of the Makefile.

        The user's own files, which no marker names, are never among them.
        """
        from nmtool.exporters.output import files_in

        built = {name for name in files_in(self.path) if name.startswith(BUILD)}
        files = {ANSWERS, *built}
        with suppress(FileFormatError):  # a damaged marker names no files
            files |= self.about.files
        return files

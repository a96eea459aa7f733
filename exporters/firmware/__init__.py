"""Firmware: a folder of C, to be built for a microcontroller or for this computer.

The network's code equals that of the C file (`exporters/c/`), except that its state is a struct,
which every function gets as an argument (`state.py`). Several networks can thus share a firmware,
and a network can run several streams at once. `reader.py` is a `main` that reads events and prints
classes, without heap or floating point; `makefile.py` is the Makefile.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cached_property
from typing import Any

from nmtool.errors import FileFormatError, Finding, UsageError
from nmtool.exporters.c import COptions
from nmtool.exporters.embedded import (
    check_hash,
    check_version,
    damaged,
    pack_network,
    read_bytes,
    unpack_network,
)
from nmtool.exporters.format import Format
from nmtool.known_answers import KnownAnswers
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording

WHAT = "firmware folder"
VERSION = 1
MAX_BYTES = 1 << 30

MARKER, NETWORK, ANSWERS = "firmware.json", "network.npz", "known_answers.npz"
BUILD = "build/"

USUAL_PREFIX = "network"


class Firmware(Format, name="firmware"):
    """A folder of C for microcontrollers. Every integer network of `loihi2` can be written."""

    writing_options = COptions

    @classmethod
    def require(cls) -> None:
        from nmtool.exporters.c import compiler

        compiler.find()

    @classmethod
    def encode(
        cls, network: IntegerNetwork, answers: KnownAnswers | None, options: COptions | None
    ) -> dict[str, bytes]:
        from nmtool.exporters.firmware import makefile, reader, state

        prefix = (options.prefix if options else "") or USUAL_PREFIX
        if prefix.lower() == "main":
            raise UsageError(
                f"the prefix '{prefix}' would give two files the name {prefix}.c",
                code="firmware-prefix-main",
                fix="choose another prefix, e.g. `prefix=kws`",
            )
        about = {"version": VERSION, "prefix": prefix, "hash": network.content_hash}
        texts = {
            f"{prefix}.c": state.code(network, prefix),
            f"{prefix}.h": state.header(network, prefix),
            "main.c": reader.main_text(network, prefix),
            "Makefile": makefile.makefile(prefix),
            MARKER: json.dumps(about, indent=1, sort_keys=True) + "\n",
        }
        data = {NETWORK: pack_network(network)}
        if answers is not None:
            data[ANSWERS] = answers.to_bytes()
        return {name: text.encode("ascii") for name, text in texts.items()} | data

    @cached_property
    def about(self) -> dict[str, str]:
        """Prefix and content hash from the folder; raises `FileFormatError` if it is damaged."""
        from nmtool.exporters.c.prefix import is_prefix

        path = self.path / MARKER
        if not self.path.is_dir():
            raise FileFormatError(
                f"there is no folder {self.path}", code="file-missing", fix="check the path"
            )
        data = read_bytes(path, WHAT, MAX_BYTES, "it is far too large")
        try:
            about = json.loads(data)
            version, identity = (
                int(about["version"]),
                {key: about[key] for key in ("prefix", "hash")},
            )
            if version <= VERSION and not is_prefix(identity["prefix"]):
                raise ValueError("the prefix is invalid")
        except Exception as error:  # other JSON, or none at all
            raise damaged(path, f"{type(error).__name__}: {error}", WHAT) from error
        check_version(self.path, version, VERSION)
        return identity

    @property
    def prefix(self) -> str:
        """The prefix of names in the folder."""
        return self.about["prefix"]

    def decode(self, options: Any = None) -> IntegerNetwork:
        expected, path = self.about["hash"], self.path / NETWORK
        network = unpack_network(read_bytes(path, WHAT, MAX_BYTES, "it is far too large"), path)
        check_hash(network, expected, self.path, WHAT)
        return network

    def decode_answers(self) -> KnownAnswers | None:
        self.integers  # noqa: B018  raises for a folder that is not an export
        answers = self.path / ANSWERS
        return KnownAnswers.load(answers) if answers.exists() else None

    def differences(self) -> list[Finding]:
        """Findings for files that differ from those that nmtool would write, byte for byte."""
        from nmtool.exporters.differences import changed_files

        written = self.encode(self.integers, self.decode_answers(), COptions(self.prefix))
        fix = "export the network again"
        return [
            Finding("firmware-file-changed", name, change, fix)
            for name, change in changed_files(self.path, written).items()
        ]

    def is_replaceable(self) -> bool:
        return (self.path / MARKER).is_file() and (self.path / NETWORK).is_file()

    def left_by_others(self) -> set[str]:
        """Known answers, code with another prefix, and output of the Makefile."""
        from nmtool.exporters.output import files_in

        built = {name for name in files_in(self.path) if name.startswith(BUILD)}
        code = {file.name for ending in ("*.c", "*.h") for file in self.path.glob(ending)}
        return {ANSWERS, *built, *code}

    def simulate(
        self, spikes: Raster, *, deep: bool, on_progress: Callable[[int], None] | None
    ) -> Recording:
        from nmtool.exporters.c import runtime
        from nmtool.exporters.firmware import state

        self.check_written()
        text = state.code_alone(self.integers, self.prefix)
        return runtime.run(
            text.encode("ascii"),
            self.integers,
            spikes,
            deep,
            on_progress,
            adapt=lambda driver: state.driver(self.integers, driver, self.prefix),
        )


FORMAT = Firmware

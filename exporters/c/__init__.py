"""C: one file of C99 that runs the network anywhere, bit for bit.

With a prefix for its names there is a header beside it, and several networks share a program.

The file is data and program in one. It is read back as data. To run it, nmtool compiles what
it would itself write for the network in it, and refuses a file that says anything else: code of
others is never compiled here, however it came into the file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from nmtool.errors import FileFormatError, UsageError
from nmtool.exporters.format import Format
from nmtool.known_answers import KnownAnswers
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording

if TYPE_CHECKING:
    from nmtool.exporters.c.file import Content

HEADER = ".h"


@dataclass(frozen=True)
class COptions:
    """Options for writing C.

    Attributes:
        prefix: that all names others see begin with; a header is written beside the file. With ''
            the file stands alone and its names begin with `nmtool`.

    Raises:
        UsageError: names cannot begin so.
    """

    prefix: str = ""

    def __post_init__(self) -> None:
        from nmtool.exporters.c.prefix import check_prefix

        if self.prefix:
            check_prefix(self.prefix)

    def unused_by(self, name: str) -> UsageError:
        """The error of these options for writing the format of a name, which takes none."""
        return UsageError(
            f"the format {name} has no names to put a prefix before",
            code="prefix-unused",
            fix="leave `prefix=` out, or write C: -o NAME.c",
        )


class C(Format, name="c"):
    """A C file, and its header where it has one. Every network of integers can be written so."""

    writing_options = COptions

    @classmethod
    def require(cls) -> None:
        from nmtool.exporters.c import compiler

        compiler.find()

    @classmethod
    def encode(
        cls, network: IntegerNetwork, answers: KnownAnswers | None, options: COptions | None
    ) -> dict[str, bytes]:
        from nmtool.exporters.c.answers import Carried

        prefix = "" if options is None else options.prefix
        return _files(network, None if answers is None else Carried.of(answers), prefix)

    @cached_property
    def content(self) -> Content:
        """The file, read as data."""
        from nmtool.exporters.c import file

        return file.read(self.path)

    def decode(self, options: Any = None) -> IntegerNetwork:
        return self.content.network()

    def decode_answers(self) -> KnownAnswers | None:
        return self.content.answers()

    def check_written(self) -> None:
        """Raise `FileFormatError` unless a file is, byte for byte, what would be written.

        So must the header be that is beside it, where it has one.
        """
        held, network = self.content, self.content.network()
        carried = held.carried()
        again = self.export_again() + (f" --prefix {held.prefix}" if held.prefix else "")
        with held.archive.checked():
            files = _files(network, carried, held.prefix)
        if files[""] != held.data:
            raise FileFormatError(
                f"{self.path} is not what this nmtool writes for the network in it",
                code="c-code-differs",
                why="another version wrote it, or somebody changed its code; nothing of it was "
                "compiled",
                fix=f"{again}, and run that",
            )
        if HEADER in files:
            self._check_header(files[HEADER], again)

    def _check_header(self, expected: bytes, again: str) -> None:
        header = self.beside(HEADER)
        if not header.is_file():
            raise FileFormatError(
                f"there is no {header}, which was written with the C file beside it",
                code="c-header-missing",
                fix=f"put it back, or write both anew: {again}",
            )
        if header.stat().st_size != len(expected) or header.read_bytes() != expected:
            raise FileFormatError(
                f"{header} is not what this nmtool writes for the C file beside it",
                code="c-header-differs",
                why="somebody changed it, or it belongs to another network: what includes it would "
                "not see what the C file defines",
                fix=f"write both anew: {again}",
            )

    def simulate(
        self, spikes: Raster, *, deep: bool, on_progress: Callable[[int], None] | None
    ) -> Recording:
        from nmtool.exporters.c import runtime
        from nmtool.exporters.c.prefix import renamed

        self.check_written()
        held = self.content
        return runtime.run(
            held.data,
            self.integers,
            spikes,
            deep,
            on_progress,
            adapt=lambda driver: renamed(driver, held.prefix) if held.prefix else driver,
        )


def _files(network: IntegerNetwork, carried: Any, prefix: str) -> dict[str, bytes]:
    """The C file, and with a prefix its header."""
    from nmtool.exporters.c import file

    files = {"": file.file_bytes(network, carried, prefix)}
    return files | ({HEADER: file.header_bytes(network, carried, prefix)} if prefix else {})


FORMAT = C

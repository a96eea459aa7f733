"""`Processor`: another processor than that of this computer, on which C runs in an emulator."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from nmtool.errors import MissingError


@dataclass(frozen=True)
class Region:
    """Memory of an emulated machine.

    Attributes:
        origin: first address.
        size: size in bytes.
    """

    origin: int
    size: int


@dataclass(frozen=True)
class Counter:
    """Counter of executed instructions, exact under QEMU's -icount.

    The counter wraps around after 2^32 ticks, so fewer than 2^32 ticks must pass between two
    readings. At 16 ticks per 5 instructions, 2^32 ticks are 1.3 billion instructions.

    Attributes:
        shift: an emulated instruction takes 2^shift ns.
        body: body of a C function without arguments that returns the ticks so far, as uint32_t.
        ticks: number of ticks per `instructions`.
        instructions: number of instructions per `ticks`.
    """

    shift: int
    body: str
    ticks: int = 1
    instructions: int = 1


@dataclass(frozen=True)
class Processor:
    """A processor: its compiler with options, and its emulator.

    Attributes:
        name: name as in `verify --against`.
        title: name for display.
        compiler: C cross-compiler.
        options: options of the compiler, which select the processor.
        library: a file of the C library, which counts as installed if the compiler finds this file.
        emulator: command of the emulator; the path of the compiled program is appended.
        packages: Debian packages with compiler, library and emulator.
        flash, ram: memories of the emulated machine.
        counter: counter of instructions.
    """

    name: str
    title: str
    compiler: str
    options: tuple[str, ...]
    library: str
    emulator: tuple[str, ...]
    packages: tuple[str, ...]
    flash: Region
    ram: Region
    counter: Counter

    @property
    def compile_command(self) -> list[str]:
        """The compiler with all options, including those for the memory map."""
        linker_options = [
            f"-Wl,--defsym=__{name}=0x{region.origin:x},--defsym=__{name}_size=0x{region.size:x}"
            for name, region in (("flash", self.flash), ("ram", self.ram))
        ]
        return [self.compiler, *self.options, *linker_options]

    @property
    def missing(self) -> list[str]:
        """Programs that are not on the path, and `library` if the compiler does not find it."""
        programs = (self.compiler, self.emulator[0])
        missing = [program for program in programs if shutil.which(program) is None]
        if self.compiler in missing:
            return missing
        command = [self.compiler, f"-print-file-name={self.library}"]
        path = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
        return missing if Path(path).is_absolute() else [*missing, self.library]

    def require(self) -> None:
        """Raise `MissingError` unless compiler, C library and emulator are installed."""
        if missing := self.missing:
            raise MissingError(
                f"the tools to emulate {self.title} are not installed",
                code="processor-tools-missing",
                why=f"missing: {', '.join(missing)}",
                fix=f"apt install {' '.join(self.packages)}",
            )

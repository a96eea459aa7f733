"""Processors for which the C export is compiled, and which QEMU emulates.

A processor is an entry of `PROCESSORS`, a class in `emulated.py`, and an entry point.

>>> PROCESSORS["riscv32"].title, PROCESSORS["riscv32"].compile_command[0]
('RV32IMC', 'riscv64-unknown-elf-gcc')
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Literal

from nmtool.errors import MissingError
from nmtool.exporters.c.compiler import Machine
from nmtool.exporters.supervise import output_of

_PICOLIBC = ("--specs=picolibc.specs", "--crt0=semihost", "--oslib=semihost")
_QEMU = (
    *("-nographic", "-monitor", "none", "-serial", "none", "-chardev", "stdio,id=host"),
    *("-semihosting-config", "enable=on,target=native,chardev=host", "-kernel"),
)
_MIB = 1 << 20
_ANSWER_S = 5

_TIMER = """\
    volatile uint32_t *timer = (volatile uint32_t *)0x40000000; /* control, value, reload */

    if (timer[0] == 0) {
        timer[2] = timer[1] = UINT32_MAX;
        timer[0] = 1;
    }
    return UINT32_MAX - timer[1];"""
_INSTRET = """\
    uint32_t retired;

    __asm__ volatile("csrr %0, minstret" : "=r"(retired) : : "memory");
    return retired;"""

_INSTRUCTIONS = Template("""\
static uint32_t counter(void)
{
$body
}

static int64_t now(void)
{
    static int64_t ticks;
    static uint32_t last;
    uint32_t latest = counter();

    ticks += (uint32_t)(latest - last);
    last = latest;
    return (ticks * $instructions + $ticks / 2) / $ticks;
}
""")


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
class Processor(Machine):
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

    byte_order: Literal["=", "<"] = "<"
    unit, times_steps, passes = "instructions", True, 1
    note = "instructions, not time; all steps of a sample, input in memory; "

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
        path = output_of(command, timeout_s=_ANSWER_S).strip()
        return missing if Path(path).is_absolute() else [*missing, self.library]

    def require(self) -> None:
        """Raise `MissingError` unless compiler, C library and emulator are installed."""
        if missing := self.missing:
            raise MissingError(
                f"the tools to emulate {self.title} are not installed",
                code="processor-tools-missing",
                why=f"missing: {', '.join(missing)}",
                fix=self.fix,
            )

    @property
    def fix(self) -> str:
        """How to install compiler, library and emulator."""
        return f"apt install {' '.join(self.packages)}"

    def run_command(self, program: Path, *, timed: bool) -> list[str | Path]:
        """The emulator's command, which makes instructions take a fixed time if `timed`."""
        emulator, *options = self.emulator
        counting = ["-icount", f"shift={self.counter.shift}"] if timed else []
        return [emulator, *counting, *options, program]

    @property
    def clock(self) -> str:
        """C code of `now`, which returns the number of executed instructions."""
        counter = self.counter
        return _INSTRUCTIONS.substitute(
            body=counter.body, ticks=counter.ticks, instructions=counter.instructions
        )

    @property
    def boundary(self) -> str:
        """What is counted, in words."""
        return f"instructions, C program, {self.title} emulated by QEMU"


PROCESSORS: dict[str, Processor] = {
    processor.name: processor
    for processor in (
        Processor(
            name="cortex-m",
            title="Cortex-M4",
            compiler="arm-none-eabi-gcc",
            options=("-mcpu=cortex-m4", "-mthumb", *_PICOLIBC),
            library="picolibc.specs",
            emulator=("qemu-system-arm", "-M", "mps2-an386", *_QEMU),
            packages=("gcc-arm-none-eabi", "picolibc-arm-none-eabi", "qemu-system-arm"),
            flash=Region(0, 4 * _MIB),
            ram=Region(0x2100_0000, 16 * _MIB),
            # The timer counts at 25 MHz, which is one tick per 40 ns. An instruction takes 128 ns,
            # or 3.2 ticks. The number of ticks is wrong by less than one tick, which is less than
            # half an instruction. So ticks · 5/16, rounded, is the exact number of instructions.
            counter=Counter(7, _TIMER, ticks=16, instructions=5),
        ),
        Processor(
            name="riscv32",
            title="RV32IMC",
            compiler="riscv64-unknown-elf-gcc",
            options=("-march=rv32imc_zicsr", "-mabi=ilp32", *_PICOLIBC),
            library="picolibc.specs",
            emulator=("qemu-system-riscv32", "-M", "virt", "-bios", "none", *_QEMU),
            packages=(
                *("gcc-riscv64-unknown-elf", "picolibc-riscv64-unknown-elf"),
                "qemu-system-riscv",
            ),
            flash=Region(0x8000_0000, 64 * _MIB),
            ram=Region(0x8400_0000, 32 * _MIB),
            counter=Counter(0, _INSTRET),
        ),
    )
}

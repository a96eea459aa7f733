"""Compile C, for this computer or for another machine on which programs run."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from pathlib import Path
from typing import Literal

from nmtool.errors import MissingError
from nmtool.exporters.supervise import output_of, supervise
from nmtool.machine import cpu_name

USUAL = ("cc", "gcc", "clang")
VARIABLE = "CC"
"""Environment variable with the command of another compiler, including options if any."""

OPTIONS = ("-std=c99", "-O2")
TIME_LIMIT_S = 600.0
PASSES = 5
_ANSWER_S = 5

_FIX = f"install a compiler (apt install gcc; xcode-select --install), or name one in {VARIABLE}"


_CLOCK = """\
static int64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}
"""


class Machine:
    """This computer, as the machine that runs C programs. Subclasses are other machines.

    Attributes:
        byte_order: byte order of its files, in numpy's notation.
        unit: unit of the times of its clock.
        times_steps: True if also single steps are timed.
        passes: number of times that each sample is timed; the result is their median.
        note: how samples are timed, in words that the number of samples follows.
    """

    byte_order: Literal["=", "<"] = "="
    unit, times_steps, passes = "ns", False, PASSES
    note = f"from reset to answer, input in memory; median of {PASSES} passes over "

    def require(self) -> None:
        """Raise `MissingError` unless compiler and machine are installed."""
        find()

    @property
    def compile_command(self) -> list[str]:
        """The compiler with its options."""
        return find()

    @property
    def fix(self) -> str:
        """How to get a compiler that works."""
        return _FIX

    def run_command(self, program: Path, *, timed: bool) -> list[str | Path]:
        """The command that runs a compiled program, whose samples may be timed."""
        return [program]

    @property
    def clock(self) -> str:
        """C code of `now`, which returns a time as int64_t."""
        return _CLOCK

    @property
    def boundary(self) -> str:
        """What is timed, in words."""
        return f"measured, C program, one thread of {cpu_name()}"


HERE = Machine()
"""This computer."""


def find() -> list[str]:
    """The command of the C compiler; raises `MissingError` if there is none."""
    command = shlex.split(os.environ.get(VARIABLE, ""))
    if command:
        if shutil.which(command[0]) is None:
            raise MissingError(
                f"the C compiler {command[0]} is missing",
                code="compiler-missing",
                why=f"the environment variable {VARIABLE} names this compiler",
                fix=_FIX,
            )
        return command
    for name in USUAL:
        if shutil.which(name):
            return [name]
    raise MissingError(
        "there is no C compiler",
        code="compiler-missing",
        why=f"none of {', '.join(USUAL)} is on the path",
        fix=_FIX,
    )


def describe() -> str:
    """The C compiler, as it names itself."""
    command = find()
    lines = output_of([*command, "--version"], timeout_s=_ANSWER_S).splitlines()
    return next(iter(lines), command[0])


def try_out() -> None:
    """Compile a program."""
    with tempfile.TemporaryDirectory(prefix="nmtool-doctor-") as name:
        source = Path(name, "program.c")
        source.write_text("int main(void)\n{\n    return 0;\n}\n")
        compile_program(source, Path(name, "program"))


def compile_program(source: Path, program: Path, machine: Machine = HERE, *options: str) -> None:
    """Compile one C file.

    Args:
        source: the C file to compile.
        program: path of the program to write.
        machine: the machine that will run the program.
        options: further compiler options.

    Raises:
        MissingError: there is no compiler.
        BackendError: the compiler failed.
    """
    supervise(
        [*machine.compile_command, *OPTIONS, *options, "-o", program, source],
        what="compiling the network",
        fix=machine.fix,
        timeout_s=TIME_LIMIT_S,
        cwd=source.parent,
    )

"""The system's C compiler."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from pathlib import Path

from nmtool.errors import MissingError
from nmtool.exporters.c.processor import Processor
from nmtool.exporters.supervise import output_of, supervise

USUAL = ("cc", "gcc", "clang")
VARIABLE = "CC"
"""Environment variable with the command of another compiler, including options if any."""

OPTIONS = ("-std=c99", "-O2")
TIME_LIMIT_S = 600.0
_ANSWER_S = 5

_FIX = f"install a compiler (apt install gcc; xcode-select --install), or name one in {VARIABLE}"


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


def compile_program(
    source: Path, program: Path, processor: Processor | None = None, *options: str
) -> None:
    """Compile one C file.

    Args:
        source: the C file to compile.
        program: path of the program to write.
        processor: target processor; None: this computer.
        options: further compiler options.

    Raises:
        MissingError: there is no compiler.
        BackendError: the compiler failed.
    """
    command = find() if processor is None else processor.compile_command
    supervise(
        [*command, *OPTIONS, *options, "-o", program, source],
        what="compiling the network",
        fix=_FIX if processor is None else f"apt install {' '.join(processor.packages)}",
        timeout_s=TIME_LIMIT_S,
        cwd=source.parent,
    )

"""The system's C compiler."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path

from nmtool.errors import MissingError
from nmtool.exporters.processors import Processor
from nmtool.exporters.supervise import supervise

USUAL = ("cc", "gcc", "clang")
VARIABLE = "CC"
"""Names another compiler, with options where it needs some."""

OPTIONS = ("-std=c99", "-O2")
TIME_LIMIT_S = 600.0

_FIX = f"install one (apt install gcc; xcode-select --install), or name it in {VARIABLE}"


def find() -> list[str]:
    """The command that compiles C; raises `MissingError` where there is none."""
    named = shlex.split(os.environ.get(VARIABLE, ""))
    if named:
        if shutil.which(named[0]) is None:
            raise MissingError(
                f"there is no C compiler {named[0]}",
                code="compiler-missing",
                why=f"{VARIABLE} names it",
                fix=_FIX,
            )
        return named
    for name in USUAL:
        if shutil.which(name):
            return [name]
    raise MissingError(
        "there is no C compiler",
        code="compiler-missing",
        why=f"none of {', '.join(USUAL)} is on the path",
        fix=_FIX,
    )


def compile_program(
    source: Path, program: Path, processor: Processor | None = None, *options: str
) -> None:
    """Compile one C file.

    Args:
        source: the file.
        program: to be made.
        processor: to compile for; None for this computer.
        options: more of them.

    Raises:
        MissingError: there is no compiler.
        BackendError: it failed.
    """
    command = find() if processor is None else processor.compile_command
    supervise(
        [*command, *OPTIONS, *options, "-o", program, source],
        what="compiling the network",
        fix=_FIX if processor is None else f"apt install {' '.join(processor.packages)}",
        timeout_s=TIME_LIMIT_S,
        cwd=source.parent,
    )

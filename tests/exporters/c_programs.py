"""Compile C files as their users would, for the tests of the C exporter."""

from __future__ import annotations

import subprocess
from pathlib import Path

STRICT = ("-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-Wmissing-prototypes", "-O2")
UNOPTIMISED = ("-O0",)
"""Option after `STRICT` for faster compilation; some warnings need an optimising compiler."""

SANITIZED = ("-fsanitize=undefined,address", "-fno-sanitize-recover=all", "-g", *UNOPTIMISED)


def compiled(*words: str | Path, folder: Path) -> Path:
    """Compile a program with the system's compiler, which must not print warnings."""
    program = folder / "program"
    done = subprocess.run(
        ["cc", *STRICT, *map(str, words), "-o", str(program)], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return program


def run_program(program: Path) -> tuple[int, list[str]]:
    """The exit code and the printed lines of a program, which must print nothing to stderr."""
    done = subprocess.run([str(program)], capture_output=True, text=True)
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()

"""C files compiled as their receivers would, for the tests of the C exporter."""

from __future__ import annotations

import subprocess
from pathlib import Path

STRICT = ("-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-Wmissing-prototypes", "-O2")
SANITIZED = ("-fsanitize=undefined,address", "-fno-sanitize-recover=all", "-g")


def compiled(*words: str | Path, folder: Path) -> Path:
    """A program made by the system's compiler, which must have nothing to say."""
    program = folder / "program"
    done = subprocess.run(
        ["cc", *STRICT, *map(str, words), "-o", str(program)], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return program


def said(program: Path) -> tuple[int, list[str]]:
    """The exit code of a program, and the lines it prints; it has nothing to complain about."""
    done = subprocess.run([str(program)], capture_output=True, text=True)
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()

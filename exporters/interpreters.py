"""Python interpreters of the machine: finding one for Lava, and calling it with clean variables."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from nmtool.errors import MissingError

NATIVE_PYTHON = (3, 10)
"""The version Lava 0.10.0 is made for."""

NEWEST_PYTHON = (3, 13)
"""The newest version it is known to run on."""

ANSWER_S = 30


def choose_base(python: str | Path | None) -> tuple[Path, tuple[int, int]]:
    """The interpreter to build on and its version.

    Args:
        python: the one the user named; by default a Python 3.10, else the running one.

    Raises:
        MissingError: it is no working Python 3.10 to 3.13.
    """
    if python is not None:
        found = probe([str(python)])
        if found is None or not NATIVE_PYTHON <= found[1] <= NEWEST_PYTHON:
            raise MissingError(
                f"{python} cannot carry Lava",
                code="lava-python-unfit",
                why="it takes a working Python 3.10 to 3.13 with venv and ensurepip",
                fix="install one (apt install python3.10-venv; uv python install 3.10)",
            )
        return found
    for command in candidates():
        found = probe(command)
        if found is not None and found[1] == NATIVE_PYTHON:
            return found
    return choose_base(sys.executable)


def candidates() -> Iterator[list[str]]:
    """Commands that may run a Python 3.10, the likeliest first."""
    yield [sys.executable]
    for name in ("python3.10", "python3", "python"):
        if found := shutil.which(name):
            yield [found]
    if prefix := _answer(["pyenv", "prefix", "3.10"]):
        yield [str(Path(prefix, "bin", "python"))]
    if found := _answer(["uv", "python", "find", "3.10"]):
        yield [found]
    if os.name == "nt":
        yield ["py", "-3.10"]


_PROBE = "import ensurepip, venv, sys; print(*sys.version_info[:2], sys.executable)"


def probe(command: list[str]) -> tuple[Path, tuple[int, int]] | None:
    """Path and version of a Python that runs and can make environments; None if it does not."""
    answer = _answer([*command, "-c", _PROBE]).split(maxsplit=2)
    if len(answer) != 3:
        return None
    return Path(answer[2]), (int(answer[0]), int(answer[1]))


def _answer(command: list[str]) -> str:
    """What a command prints; '' if it fails."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=ANSWER_S,
            env=clean_variables(),
            check=True,
        )
    except (OSError, subprocess.SubprocessError, UnicodeError):
        return ""
    return done.stdout.strip()


def clean_variables() -> dict[str, str]:
    """Environment variables for Lava's Python, without those that belong to nmtool's."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "PYTHONHOME", "PYTHONWARNINGS", "VIRTUAL_ENV")
    }
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    return {**kept, **one_thread, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONNOUSERSITE": "1"}

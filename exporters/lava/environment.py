"""The separate Python environment of Lava.

Lava 0.10.0 needs Python 3.10 and old versions of numpy and other libraries.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from nmtool.errors import MissingError
from nmtool.exporters import environments
from nmtool.exporters.environments import (
    Environment,
    Referee,
    Version,
)

LAVA = "lava-nc==0.10.0"
DEPENDENCIES = ("numpy<2.5", "scipy", "networkx", "asteval", "scikit-learn")
"""Packages that Lava uses; from numpy 2.5 on, some of its ports fail."""

NATIVE_PYTHON = (3, 10)
"""The Python version that Lava 0.10.0 supports."""

PACKAGE = Path(__file__).with_name("package")


def choose_base(python: str | Path | None) -> tuple[Path, tuple[int, int]]:
    """Choose the base interpreter; returns its path and version.

    Args:
        python: given interpreter; by default a Python 3.10, else the running one.

    Raises:
        MissingError: it is not a working Python 3.10 to 3.13.
    """
    if python is not None:
        interpreter = environments.probe([str(python)])
        if (
            interpreter is None
            or not environments.OLDEST_PYTHON <= interpreter[1] <= environments.NEWEST_PYTHON
        ):
            raise MissingError(
                f"Lava cannot be installed with {python}",
                code="lava-python-unfit",
                why="it needs a working Python 3.10 to 3.13 with venv and ensurepip",
                fix="install such a Python (apt install python3.10-venv; uv python install 3.10)",
            )
        return interpreter
    for command in candidates():
        interpreter = environments.probe(command)
        if interpreter is not None and interpreter[1] == NATIVE_PYTHON:
            return interpreter
    return choose_base(sys.executable)


def candidates() -> Iterator[list[str]]:
    """Commands that may run a Python 3.10, the most likely first."""
    yield [sys.executable]
    for name in ("python3.10", "python3", "python"):
        if path := shutil.which(name):
            yield [path]
    if prefix := environments.output_of(["pyenv", "prefix", "3.10"]):
        yield [str(Path(prefix, "bin", "python"))]
    if path := environments.output_of(["uv", "python", "find", "3.10"]):
        yield [path]
    if os.name == "nt":
        yield ["py", "-3.10"]


def _requirements(version: Version) -> Sequence[Sequence[str]]:
    if version == NATIVE_PYTHON:
        return [[LAVA]]
    return [DEPENDENCIES, ["--no-deps", "--ignore-requires-python", LAVA]]


def _missing(why: str) -> MissingError:
    return MissingError(
        "Lava is not set up",
        code="lava-not-set-up",
        why=why,
        fix=f"{REFEREE.setup}, or name a Python with {LAVA} in {PYTHON_VARIABLE}",
    )


REFEREE = Referee(
    name="lava",
    title="Lava",
    version=LAVA,
    check=("-c", "import lava_network.samples"),
    folder=PACKAGE,
    choose_base=choose_base,
    requirements=_requirements,
    missing=_missing,
)

PYTHON_VARIABLE = REFEREE.python_variable


def find() -> Environment:
    """The environment to run Lava in, checked.

    NMTOOL_LAVA_PYTHON names an interpreter; without it, the environment made by `set_up_lava` is
    used.

    Raises:
        MissingError: there is no environment.
        BackendError: the environment cannot import Lava.
    """
    return environments.find(REFEREE)


def set_up_lava(
    on_line: Callable[[str], None] | None = None,
    *,
    force: bool = False,
    python: str | Path | None = None,
) -> Environment:
    """Make the environment: a virtual environment with Lava 0.10.0 from the package index.

    >>> set_up_lava(print, python="/usr/bin/python3.10")  # doctest: +SKIP

    Args:
        on_line: called with every line of the installer's output.
        force: rebuild the environment even if it works.
        python: base interpreter; by default a Python 3.10, else the running one.

    Raises:
        MissingError: there is no suitable interpreter.
        BackendError: the installation failed; an earlier environment is untouched.
        StorageError: the folder could not be written.
    """
    return environments.set_up(REFEREE, on_line, force=force, python=python)

"""The Python environment that brian2-loihi lives in, apart from nmtool's own.

brian2-loihi 0.5.2 needs Brian 2, which computes with numpy here: there is no compiler to look for.
It runs on every Python that nmtool runs on.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from nmtool.errors import MissingError
from nmtool.exporters import environments
from nmtool.exporters.environments import (
    NEWEST_PYTHON,
    OLDEST_PYTHON,
    Environment,
    Referee,
    Version,
)

BRIAN2_LOIHI = "brian2-loihi==0.5.2"
REQUIREMENTS = (BRIAN2_LOIHI, "brian2>=2.9,<2.10", "numpy>=2.2,<2.3", "sympy>=1.13,<1.15")
"""Versions known to work together, on Python 3.10 to 3.13: numpy 2.5 lacks what Brian 2.9 needs."""

PACKAGE = Path(__file__).with_name("package")


def _choose_base(python: str | Path | None) -> tuple[Path, Version]:
    """The interpreter that was named, else the running one, and its version."""
    found = environments.probe([str(python or sys.executable)])
    if found is None or not OLDEST_PYTHON <= found[1] <= NEWEST_PYTHON:
        raise MissingError(
            f"{python or sys.executable} cannot carry brian2-loihi",
            code="brian2-loihi-python-unfit",
            why="it takes a working Python 3.10 to 3.13 with venv and ensurepip",
            fix="install one (apt install python3-venv)",
        )
    return found


def _requirements(version: Version) -> Sequence[Sequence[str]]:
    return [REQUIREMENTS]


def _missing(why: str) -> MissingError:
    return MissingError(
        "brian2-loihi is not set up",
        code="brian2-loihi-not-set-up",
        why=why,
        fix=f"{REFEREE.setup}, or name a Python with {BRIAN2_LOIHI} in {REFEREE.python_variable}",
    )


REFEREE = Referee(
    name="brian2-loihi",
    title="brian2-loihi",
    version=BRIAN2_LOIHI,
    check=("-c", "import emulator"),
    folder=PACKAGE,
    choose_base=_choose_base,
    requirements=_requirements,
    missing=_missing,
)


def find() -> Environment:
    """The environment to run brian2-loihi in, checked.

    NMTOOL_BRIAN2_LOIHI_PYTHON names an interpreter; without it, the environment that
    `set_up_brian2_loihi` made counts.

    Raises:
        MissingError: there is none.
        BackendError: there is one, but it cannot import brian2-loihi.
    """
    return environments.find(REFEREE)


def set_up_brian2_loihi(
    on_line: Callable[[str], None] | None = None,
    *,
    force: bool = False,
    python: str | Path | None = None,
) -> Environment:
    """Make the environment: a virtual environment with brian2-loihi from the package index.

    >>> set_up_brian2_loihi(print)  # doctest: +SKIP

    Args:
        on_line: called with every line the installer writes.
        force: make it anew even if a working one exists.
        python: the interpreter to build on; by default the running one.

    Raises:
        MissingError: the interpreter cannot carry it.
        BackendError: the installation failed; an earlier environment is untouched.
        StorageError: the folder could not be written.
    """
    return environments.set_up(REFEREE, on_line, force=force, python=python)

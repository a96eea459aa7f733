"""The separate Python environment of brian2-loihi.

brian2-loihi 0.5.2 needs Brian 2, which uses numpy here and needs no compiler. It runs on every
Python that nmtool supports.
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
"""Versions known to work together, on Python 3.10 to 3.13; numpy 2.5 is too new for Brian 2.9."""

PACKAGE = Path(__file__).with_name("package")


def _choose_base(python: str | Path | None) -> tuple[Path, Version]:
    """The given interpreter, or the running one, and its version."""
    interpreter = environments.probe([str(python or sys.executable)])
    if interpreter is None or not OLDEST_PYTHON <= interpreter[1] <= NEWEST_PYTHON:
        raise MissingError(
            f"brian2-loihi cannot be installed with {python or sys.executable}",
            code="brian2-loihi-python-unfit",
            why="it needs a working Python 3.10 to 3.13 with venv and ensurepip",
            fix="install such a Python (apt install python3-venv)",
        )
    return interpreter


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

    NMTOOL_BRIAN2_LOIHI_PYTHON names an interpreter; without it, the environment made by
    `set_up_brian2_loihi` is used.

    Raises:
        MissingError: there is no environment.
        BackendError: the environment cannot import brian2-loihi.
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
        on_line: called with every line of the installer's output.
        force: rebuild the environment even if it works.
        python: base interpreter; by default the running one.

    Raises:
        MissingError: the interpreter is unsuitable.
        BackendError: the installation failed; an earlier environment is untouched.
        StorageError: the folder could not be written.
    """
    return environments.set_up(REFEREE, on_line, force=force, python=python)

"""The Python environment that Lava lives in, apart from nmtool's own.

Lava 0.10.0 wants Python 3.10 and old versions of numpy and others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nmtool.errors import MissingError
from nmtool.exporters import environments
from nmtool.exporters.environments import Environment, Referee, Version
from nmtool.exporters.interpreters import NATIVE_PYTHON, choose_base

LAVA = "lava-nc==0.10.0"
DEPENDENCIES = ("numpy<2.5", "scipy", "networkx", "asteval", "scikit-learn")
"""What Lava uses; from numpy 2.5 on, some of its ports fail."""

PACKAGE = Path(__file__).with_name("package")


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
    check=("-c", "import lava_network.session"),
    folder=PACKAGE,
    choose_base=choose_base,
    requirements=_requirements,
    missing=_missing,
)

PYTHON_VARIABLE = REFEREE.python_variable
HOME_VARIABLE = REFEREE.home_variable


@dataclass(frozen=True)
class LavaEnvironment(Environment):
    """A Python interpreter that can import Lava 0.10.0.

    Attributes:
        python: the interpreter.
    """

    referee: Referee = REFEREE


def find() -> LavaEnvironment:
    """The environment to run Lava in, checked.

    NMTOOL_LAVA_PYTHON names an interpreter; without it, the environment that `set_up_lava` made
    counts.

    Raises:
        MissingError: there is none.
        BackendError: there is one, but it cannot import Lava.
    """
    return LavaEnvironment(environments.find(REFEREE).python)


def set_up_lava(
    on_line: Callable[[str], None] | None = None,
    *,
    force: bool = False,
    python: str | Path | None = None,
) -> LavaEnvironment:
    """Make the environment: a virtual environment with Lava 0.10.0 from the package index.

    Args:
        on_line: called with every line the installer writes.
        force: make it anew even if a working one exists.
        python: the interpreter to build on; by default a Python 3.10, else the running one.

    Raises:
        MissingError: no interpreter Lava can be made to run on.
        BackendError: the installation failed; an earlier environment is untouched.
        StorageError: the folder could not be written.
    """
    found = environments.set_up(REFEREE, on_line, force=force, python=python)
    return LavaEnvironment(found.python)

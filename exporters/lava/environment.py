"""The separate Python environment of Lava.

Lava 0.10.0 requires Python 3.10 and old versions of numpy and other libraries. On Python 3.11 to
3.13, it is installed without these requirements.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from nmtool.exporters import environments
from nmtool.exporters.environments import Environment, Referee, Version, clean_variables
from nmtool.exporters.supervise import output_of

DEPENDENCIES = ("numpy<2.5", "scipy", "networkx", "asteval", "scikit-learn")
"""Packages that Lava imports, installed on Python 3.11 to 3.13.

From numpy 2.5 on, some of Lava's ports fail.
"""

NATIVE_PYTHON = (3, 10)
"""The Python version that Lava 0.10.0 supports."""

PACKAGE = Path(__file__).with_name("package")


class _Lava(Referee):
    """The referee Lava, with the versions of the libraries that it needs."""

    name, title, version = "lava", "Lava", "lava-nc==0.10.0"
    check = ("-c", "import lava_network.samples")
    folder = PACKAGE

    def requirements(self, version: Version) -> Sequence[Sequence[str]]:
        if version == NATIVE_PYTHON:
            return [[self.version]]
        return [DEPENDENCIES, ["--no-deps", "--ignore-requires-python", self.version]]

    def choose_base(self, python: str | Path | None) -> tuple[Path, Version]:
        """Choose the base interpreter: by default a Python 3.10, else the running interpreter."""
        for command in candidates() if python is None else ():
            interpreter = environments.probe(command)
            if interpreter is not None and interpreter[1] == NATIVE_PYTHON:
                return interpreter
        return super().choose_base(python)


REFEREE = _Lava()


def candidates() -> Iterator[list[str]]:
    """Commands that may run a Python 3.10, the most likely first."""
    yield [sys.executable]
    for name in ("python3.10", "python3", "python"):
        if path := shutil.which(name):
            yield [path]
    if prefix := output_of(["pyenv", "prefix", "3.10"], clean_variables()):
        yield [str(Path(prefix, "bin", "python"))]
    if path := output_of(["uv", "python", "find", "3.10"], clean_variables()):
        yield [path]
    if os.name == "nt":
        yield ["py", "-3.10"]


def set_up_lava(
    on_line: Callable[[str], None] | None = None,
    *,
    force: bool = False,
    python: str | Path | None = None,
) -> Environment:
    """Create a virtual environment with Lava 0.10.0 from the package index.

    >>> set_up_lava(print, python="/usr/bin/python3.10")  # doctest: +SKIP

    Args:
        on_line: called with every line of the installer's output.
        force: rebuild the environment even if it works.
        python: base interpreter; by default a Python 3.10, else the running interpreter.

    Raises:
        MissingError: there is no suitable interpreter.
        BackendError: the installation failed; an earlier environment is untouched.
        StorageError: the folder could not be written.
    """
    return REFEREE.set_up(on_line, force=force, python=python)

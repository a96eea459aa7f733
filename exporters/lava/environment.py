"""The Python environment that Lava lives in, apart from nmtool's own.

Lava 0.10.0 wants Python 3.10 and old versions of numpy and others; nmtool talks to it through
files and a supervised process.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nmtool import storage
from nmtool.errors import BackendError, MissingError, StorageError
from nmtool.exporters.lava.interpreters import NATIVE_PYTHON, choose_base, clean_variables
from nmtool.exporters.supervise import supervise
from nmtool.folders import data_folder

LAVA = "lava-nc==0.10.0"
DEPENDENCIES = ("numpy<2.5", "scipy", "networkx", "asteval", "scikit-learn")
"""What Lava uses; from numpy 2.5 on, some of its ports fail."""

PYTHON_VARIABLE = "NMTOOL_LAVA_PYTHON"
HOME_VARIABLE = "NMTOOL_LAVA_HOME"

POINTER = "environment.json"
"""File in Lava's home that names the environment; written last, so never a half-made one."""

PACKAGE = Path(__file__).with_name("package")

CHECK_S = 120.0
INSTALL_SILENCE_S = 900.0

_SETUP = "nmtool lava setup"


@dataclass(frozen=True)
class LavaEnvironment:
    """A Python interpreter that can import Lava 0.10.0.

    Attributes:
        python: the interpreter.
    """

    python: Path

    def check(self) -> None:
        """Import all of Lava that an export uses; raises `BackendError` with the reason."""
        supervise(
            [self.python, "-c", "import lava_network.session"],
            what=f"importing Lava 0.10.0 with {self.python}",
            fix=f"{_SETUP} --force",
            timeout_s=CHECK_S,
            env=clean_variables(),
            cwd=PACKAGE,
        )


def lava_home() -> Path:
    """The folder environments are made in: NMTOOL_LAVA_HOME, else in the user's data folder."""
    home = os.environ.get(HOME_VARIABLE)
    return Path(home) if home else data_folder() / "lava"


def find() -> LavaEnvironment:
    """The environment to run Lava in, checked.

    NMTOOL_LAVA_PYTHON names an interpreter; without it, the environment that `set_up_lava` made
    counts.

    Raises:
        MissingError: there is none.
        BackendError: there is one, but it cannot import Lava.
    """
    named = os.environ.get(PYTHON_VARIABLE)
    python = Path(named) if named else _remembered(lava_home())
    if python is None or not python.is_file():
        raise MissingError(
            "Lava is not set up",
            code="lava-not-set-up",
            why=f"{PYTHON_VARIABLE} names {named}, which does not exist"
            if named
            else f"there is no environment in {lava_home()}",
            fix=f"{_SETUP}, or name a Python with {LAVA} in {PYTHON_VARIABLE}",
        )
    environment = LavaEnvironment(python)
    environment.check()
    return environment


def _remembered(home: Path) -> Path | None:
    try:
        text = (home / POINTER).read_text(encoding="utf-8")
        return home / str(json.loads(text)["python"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


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
    home = lava_home()
    if not force and (existing := _working(home)) is not None:
        return existing
    base, version = choose_base(python)
    folder = _new_folder(home)
    try:
        environment = _install(base, version, folder, on_line)
        environment.check()
        previous = _remembered(home)
        entry = {"python": environment.python.relative_to(home).as_posix(), "lava": LAVA}
        storage.write_text(home / POINTER, json.dumps(entry))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    _discard(home, previous)
    return environment


def _new_folder(home: Path) -> Path:
    try:
        home.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix="python-", dir=home))
    except OSError as error:
        raise StorageError(
            f"no folder can be made in {home}",
            code="folder-not-made",
            why=error.strerror or str(error),
            fix=f"name another place in {HOME_VARIABLE}",
        ) from error


def _working(home: Path) -> LavaEnvironment | None:
    python = _remembered(home)
    if python is None or not python.is_file():
        return None
    environment = LavaEnvironment(python)
    try:
        environment.check()
    except BackendError:
        return None
    return environment


def _discard(home: Path, python: Path | None) -> None:
    """Delete the environment that was replaced: home/python-…/bin/python."""
    if python is not None and python.parents[2] == home:
        shutil.rmtree(python.parents[1], ignore_errors=True)


def _install(
    base: Path, version: tuple[int, int], folder: Path, on_line: Callable[[str], None] | None
) -> LavaEnvironment:
    def call(*command: str | Path) -> None:
        supervise(
            command,
            what="setting up Lava",
            fix="check the network connection and the free space, then try again",
            idle_timeout_s=INSTALL_SILENCE_S,
            on_line=on_line,
            env=clean_variables(),
        )

    call(base, "-m", "venv", folder)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    pip = (python, "-m", "pip", "install", "--no-input", "--disable-pip-version-check")
    if version == NATIVE_PYTHON:
        call(*pip, LAVA)
    else:
        call(*pip, *DEPENDENCIES)
        call(*pip, "--no-deps", "--ignore-requires-python", LAVA)
    return LavaEnvironment(python)

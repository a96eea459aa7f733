"""The Python environment that Lava lives in, apart from nmtool's own.

Lava 0.10.0 wants Python 3.10 and old versions of numpy and others; nmtool talks to it through
files and a supervised process.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from exporters.supervise import supervise
from nmtool import storage
from nmtool.errors import BackendError, MissingError, StorageError
from nmtool.folders import data_folder

LAVA = "lava-nc==0.10.0"
DEPENDENCIES = ("numpy<2.5", "scipy", "networkx", "asteval", "scikit-learn")
"""What Lava uses; from numpy 2.5 on, some of its ports fail."""

NATIVE_PYTHON = (3, 10)
NEWEST_PYTHON = (3, 13)

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

    NMTOOL_LAVA_PYTHON names an interpreter; without it, the environment `setup` made counts.

    Raises:
        MissingError: there is none.
        BackendError: there is one, but it cannot import Lava.
    """
    named = os.environ.get(PYTHON_VARIABLE)
    python = Path(named) if named else _remembered(lava_home())
    if python is None or not python.is_file():
        raise MissingError(
            "Lava is not set up",
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


def setup(
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
    base, version = _choose_base(python)
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


def _choose_base(python: str | Path | None) -> tuple[Path, tuple[int, int]]:
    """An interpreter and its version: the given one, else a Python 3.10, else the running one."""
    if python is not None:
        found = _probe([str(python)])
        if found is None or not NATIVE_PYTHON <= found[1] <= NEWEST_PYTHON:
            raise MissingError(
                f"{python} cannot carry Lava",
                why="it takes a working Python 3.10 to 3.13 with venv and ensurepip",
            )
        return found
    for command in _candidates():
        found = _probe(command)
        if found is not None and found[1] == NATIVE_PYTHON:
            return found
    return _choose_base(sys.executable)


def _candidates() -> Iterator[list[str]]:
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


def _probe(command: list[str]) -> tuple[Path, tuple[int, int]] | None:
    """Path and version of a Python that runs and can make environments; None if it does not."""
    answer = _answer([*command, "-c", _PROBE]).split(maxsplit=2)
    if len(answer) != 3:
        return None
    return Path(answer[2]), (int(answer[0]), int(answer[1]))


def _answer(command: list[str]) -> str:
    """What a command prints; '' if it fails."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=30, env=clean_variables(), check=True
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

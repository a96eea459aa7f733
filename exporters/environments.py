"""Separate Python environments for referees: simulators to compare with.

A referee (Lava, brian2-loihi, FeNN's simulator) needs its own versions of Python and libraries;
nmtool communicates with it through files and a supervised process.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nmtool import storage
from nmtool.errors import BackendError, MissingError, StorageError
from nmtool.exporters.supervise import supervise
from nmtool.paths import data_folder

POINTER = "environment.json"
"""File with the path of a referee's environment; written only when the environment is complete."""

OLDEST_PYTHON, NEWEST_PYTHON = (3, 10), (3, 13)
"""Python versions on which referees are known to run."""

CHECK_S = 120.0
INSTALL_SILENCE_S = 900.0
ANSWER_S = 30

Version = tuple[int, int]
Call = Callable[..., None]
"""Runs a command, given word by word, under supervision."""


@dataclass(frozen=True)
class Referee:
    """A simulator by other authors, to compare with.

    Attributes:
        name: name in `nmtool setup`, in environment variables, and of the folder of its
            environments.
        title: name for display.
        version: requirement for pip.
        check: arguments for its Python that succeed if everything can be imported.
        folder: working folder for `check`.
        choose_base: gives path and version of the base interpreter, which may be given.
        requirements: arguments of `pip install`, one list per call, for a version of Python.
        missing: creates the error for a simulator that is not set up, given the reason.
    """

    name: str
    title: str
    version: str
    check: tuple[str, ...]
    folder: Path
    choose_base: Callable[[str | Path | None], tuple[Path, Version]]
    requirements: Callable[[Version], Sequence[Sequence[str]]]
    missing: Callable[[str], MissingError]

    @property
    def setup(self) -> str:
        """The command line that sets it up."""
        return f"nmtool setup {self.name}"

    @property
    def python_variable(self) -> str:
        """Environment variable with the path of an interpreter that has the referee."""
        return f"NMTOOL_{self._variable}_PYTHON"

    @property
    def home_variable(self) -> str:
        """Environment variable with the folder in which environments are made."""
        return f"NMTOOL_{self._variable}_HOME"

    @property
    def _variable(self) -> str:
        return self.name.upper().replace("-", "_")

    @property
    def home(self) -> Path:
        """The folder in which environments are made; by default in the user's data folder."""
        folder = os.environ.get(self.home_variable)
        return Path(folder) if folder else data_folder() / self.name


@dataclass(frozen=True)
class Environment:
    """A Python interpreter that can import a referee.

    Attributes:
        python: the interpreter.
        referee: the referee.
    """

    python: Path
    referee: Referee

    def check(self) -> None:
        """Import the referee; raises `BackendError` with the reason if that fails."""
        supervise(
            [self.python, *self.referee.check],
            what=f"importing {self.referee.version} with {self.python}",
            fix=f"{self.referee.setup} --force",
            timeout_s=CHECK_S,
            env=clean_variables(),
            cwd=self.referee.folder,
        )


def find(referee: Referee) -> Environment:
    """The environment of a referee, checked once per process.

    `python_variable` names an interpreter; without it, the environment made by `set_up` is used.

    Raises:
        MissingError: there is no environment.
        BackendError: the environment cannot import the referee.
    """
    environment = locate(referee)
    if environment not in _checked:
        environment.check()
        _checked.add(environment)
    return environment


_checked: set[Environment] = set()
"""Environments that were checked in this process; a check starts another Python."""


def locate(referee: Referee) -> Environment:
    """The environment of a referee, unchecked; raises `MissingError` if there is none."""
    path = os.environ.get(referee.python_variable)
    python = Path(path) if path else _remembered(referee.home)
    if python is None or not python.is_file():
        raise referee.missing(
            f"{referee.python_variable} names {path}, which does not exist"
            if path
            else f"there is no environment in {referee.home}"
        )
    return Environment(python, referee)


def _remembered(home: Path) -> Path | None:
    try:
        text = (home / POINTER).read_text(encoding="utf-8")
        return home / str(json.loads(text)["python"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def set_up(
    referee: Referee,
    on_line: Callable[[str], None] | None = None,
    *,
    force: bool = False,
    python: str | Path | None = None,
    build: Callable[[Call, Path, Path], None] | None = None,
) -> Environment:
    """Make a virtual environment with a referee from the package index, or from its sources.

    Args:
        referee: the referee to install.
        on_line: called with every line of the installer's output.
        force: rebuild the environment even if it works.
        python: base interpreter; by default the referee's choice.
        build: installs sources after the requirements. It gets a function that runs a command, the
            environment's interpreter and an empty folder for sources.

    Raises:
        MissingError: there is no suitable interpreter.
        BackendError: the installation failed; an earlier environment is untouched.
        StorageError: the folder could not be written.
    """
    home = referee.home
    if not force and (existing := _working_environment(referee)) is not None:
        return existing
    base, version = referee.choose_base(python)
    folder = _new_folder(referee)
    try:
        environment = _install(referee, base, version, folder, on_line, build)
        environment.check()
        previous = _remembered(home)
        relative = environment.python.relative_to(home).as_posix()
        entry = {"python": relative, referee.name: referee.version}
        storage.write_text(home / POINTER, json.dumps(entry))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    if previous is not None and previous.parents[2] == home:  # home/python-…/bin/python
        shutil.rmtree(previous.parents[1], ignore_errors=True)
    return environment


def _new_folder(referee: Referee) -> Path:
    try:
        referee.home.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix="python-", dir=referee.home))
    except OSError as error:
        raise StorageError(
            f"no folder can be made in {referee.home}",
            code="folder-not-made",
            why=error.strerror or str(error),
            fix=f"name another folder in the environment variable {referee.home_variable}",
        ) from error


def _working_environment(referee: Referee) -> Environment | None:
    python = _remembered(referee.home)
    if python is None or not python.is_file():
        return None
    environment = Environment(python, referee)
    try:
        environment.check()
    except BackendError:
        return None
    return environment


def _install(
    referee: Referee,
    base: Path,
    version: Version,
    folder: Path,
    on_line: Callable[[str], None] | None,
    build: Callable[[Call, Path, Path], None] | None,
) -> Environment:
    def call(*command: str | Path) -> None:
        supervise(
            command,
            what=f"setting up {referee.title}",
            fix="check the network connection and the free space, then try again",
            idle_timeout_s=INSTALL_SILENCE_S,
            on_line=on_line,
            env=clean_variables(),
        )

    call(base, "-m", "venv", folder)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    for arguments in referee.requirements(version):
        pip = ("-m", "pip", "install", "--no-input", "--disable-pip-version-check")
        call(python, *pip, *arguments)
    if build is not None:
        with tempfile.TemporaryDirectory(prefix="sources-", dir=folder) as sources:
            build(call, python, Path(sources))
    return Environment(python, referee)


_PROBE = "import ensurepip, venv, sys; print(*sys.version_info[:2], sys.executable)"


def probe(command: list[str]) -> tuple[Path, tuple[int, int]] | None:
    """Path and version of a Python that can make virtual environments; None if it cannot."""
    answer = output_of([*command, "-c", _PROBE]).split(maxsplit=2)
    if len(answer) != 3:
        return None
    return Path(answer[2]), (int(answer[0]), int(answer[1]))


def output_of(command: list[str]) -> str:
    """Stripped output of a command; '' if it fails."""
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
    """Environment variables for a referee's Python, without those of nmtool's own Python."""
    variables = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "PYTHONHOME", "PYTHONWARNINGS", "VIRTUAL_ENV")
    }
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    return {**variables, **one_thread, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONNOUSERSITE": "1"}

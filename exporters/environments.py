"""Separate Python environments for referees, the reference simulators of other authors.

A referee such as Lava needs its own versions of Python and libraries; nmtool communicates with it
through files and a supervised process.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import numpy as np

from nmtool import storage
from nmtool.errors import BackendError, FileFormatError, MissingError, StorageError
from nmtool.exporters.supervise import SILENCE_S, output_of, supervise
from nmtool.paths import data_folder
from nmtool.raster import Raster
from nmtool.recording import Recording

POINTER = "environment.json"
"""File with the path of a referee's environment; written only when the environment is complete."""

OLDEST_PYTHON, NEWEST_PYTHON = (3, 10), (3, 13)
"""Oldest and newest Python on which referees run."""

CHECK_S = 120.0
INSTALL_SILENCE_S = 900.0

Version = tuple[int, int]
Call = Callable[..., None]
"""Function that runs a command under supervision; each argument is a word of the command."""


@dataclass(eq=False)
class Referee:
    """A reference simulator by other authors, and the recipe of its Python environment.

    Attributes:
        name: name in `nmtool setup`, in environment variables, and of the folder of its
            environments.
        title: name for display.
        purpose: what it is for, in the help of `nmtool setup`.
        version: requirement for pip.
        requirements: arguments of `pip install`, one list per call.
        check: arguments of the environment's Python, for a command that succeeds if all imports
            work.
        folder: working folder of `check`.
        native: Python that is preferred, and on which `version` is the only requirement; None: all
            versions of Python have the same requirements.
        require_tools: raises `MissingError` if the base interpreter lacks tools for a build.
        build: function that installs sources after the requirements. Its arguments are a function
            that runs a command, the environment's interpreter, an empty folder for sources, and
            the clones that `set_up` gets.
        clones: repositories of the sources: the owner's words for each, by the name of the argument
            of `set_up` for a local clone.
    """

    name: str
    title: str
    purpose: str
    version: str
    requirements: Sequence[Sequence[str]]
    check: Sequence[str]
    folder: Path
    native: Version | None = None
    require_tools: Callable[[Path], None] = lambda python: None
    build: Callable[..., None] | None = None
    clones: Mapping[str, str] = field(default_factory=dict)

    @property
    def setup(self) -> str:
        """The command that sets up the referee."""
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
        """The name of the referee, spelled as in names of environment variables."""
        return self.name.upper().replace("-", "_")

    @property
    def home(self) -> Path:
        """The folder in which environments are made; by default in the user's data folder."""
        folder = os.environ.get(self.home_variable)
        return Path(folder) if folder else data_folder() / self.name

    def find(self) -> Environment:
        """The environment of the referee, checked once per process.

        The variable `python_variable` selects an interpreter. If it is not set, the environment
        made by `set_up` is used.

        Raises:
            MissingError: there is no environment.
            BackendError: the environment cannot import the referee.
        """
        environment = self.locate()
        if environment not in _checked:
            environment.check()
            _checked.add(environment)
        return environment

    def locate(self) -> Environment:
        """The environment of the referee, unchecked; raises `MissingError` if there is none."""
        path = os.environ.get(self.python_variable)
        python = Path(path) if path else _stored_python(self.home)
        if python is None or not python.is_file():
            raise MissingError(
                f"{self.title} is not set up",
                code="referee-not-set-up",
                why=f"{self.python_variable} names {path}, which does not exist"
                if path
                else f"there is no environment in {self.home}",
                fix=f"{self.setup}, or name a Python with {self.version} in {self.python_variable}",
            )
        return Environment(python, self)

    def set_up(
        self,
        on_line: Callable[[str], None] | None = None,
        *,
        force: bool = False,
        python: str | Path | None = None,
        **clones: str | Path,
    ) -> Environment:
        """Make a virtual environment with the simulator, from the package index or from sources.

        An environment that works is kept. Which versions are installed is fixed: they are those
        with which nmtool was compared.

        >>> import nmtool as nm
        >>> nm.set_up_lava(print, python="/usr/bin/python3.10")  # doctest: +SKIP

        Args:
            on_line: called with every line of output of the installer and the compiler.
            force: rebuild the environment even if it works.
            python: base interpreter; by default the running interpreter, and for Lava a Python
                3.10 if there is one.
            clones: local clones of the repositories in `clones`, with the required commits.
                Default: their public addresses.

        Raises:
            MissingError: there is no suitable interpreter, or programs for the build are missing.
            UsageError: a clone lacks the required commit.
            BackendError: the installation failed; an earlier environment is untouched.
            StorageError: the folder could not be written.
        """
        if unknown := [name for name in clones if name not in self.clones]:
            raise TypeError(f"{self.title} is set up without an argument {unknown[0]!r}")
        existing = _stored_python(self.home)
        if existing is not None and existing.is_file() and not force:
            with suppress(BackendError):
                environment = Environment(existing, self)
                environment.check()
                return environment
        base, version = self._choose_base(python)
        folder = self._new_folder()
        try:
            environment = self._install(base, version, folder, on_line, clones)
            environment.check()
            previous = _stored_python(self.home)
            relative = environment.python.relative_to(self.home).as_posix()
            entry = {"python": relative, self.name: self.version}
            storage.write_text(self.home / POINTER, json.dumps(entry))
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        # nmtool deletes the previous environment only if it made that environment: then the path of
        # the environment's Python is home/python-…/bin/python.
        if previous is not None and previous.parents[2] == self.home:
            shutil.rmtree(previous.parents[1], ignore_errors=True)
        return environment

    def _choose_base(self, python: str | Path | None) -> tuple[Path, Version]:
        """Path and version of the base interpreter: the given one, the native one, or this one."""
        for command in interpreters(self.native) if self.native and python is None else ():
            interpreter = probe(command)
            if interpreter is not None and interpreter[1] == self.native:
                return interpreter
        interpreter = probe([str(python or sys.executable)])
        if interpreter is None or not OLDEST_PYTHON <= interpreter[1] <= NEWEST_PYTHON:
            raise MissingError(
                f"{self.title} cannot be installed with {python or sys.executable}",
                code="referee-python-unfit",
                why=f"{self.title} needs a working Python 3.10 to 3.13 with venv and ensurepip",
                fix="install such a Python (apt install python3-venv; uv python install 3.10)",
            )
        self.require_tools(interpreter[0])
        return interpreter

    def _new_folder(self) -> Path:
        """Make an empty folder for an environment; raises `StorageError`."""
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            return Path(tempfile.mkdtemp(prefix="python-", dir=self.home))
        except OSError as error:
            raise StorageError(
                f"no folder can be made in {self.home}",
                code="folder-not-made",
                why=error.strerror or str(error),
                fix=f"name another folder in the environment variable {self.home_variable}",
            ) from error

    def _install(
        self,
        base: Path,
        version: Version,
        folder: Path,
        on_line: Callable[[str], None] | None,
        clones: Mapping[str, str | Path],
    ) -> Environment:
        def call(*command: str | Path) -> None:
            supervise(
                command,
                what=f"setting up {self.title}",
                fix="check the network connection and the free space, then try again",
                idle_timeout_s=INSTALL_SILENCE_S,
                on_line=on_line,
                env=clean_variables(),
            )

        call(base, "-m", "venv", folder)
        python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        native = [[self.version]]
        for arguments in native if version == self.native else self.requirements:
            pip = ("-m", "pip", "install", "--no-input", "--disable-pip-version-check")
            call(python, *pip, *arguments)
        if self.build is not None:
            with tempfile.TemporaryDirectory(prefix="sources-", dir=folder) as sources:
                self.build(call, python, Path(sources), **clones)
        return Environment(python, self)


@dataclass(frozen=True)
class Environment:
    """A Python interpreter that can import a referee.

    Attributes:
        python: path of the interpreter.
        referee: the reference simulator.
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

    def record(
        self,
        spikes: Raster,
        scratch: str | Path,
        command: Sequence[str | Path],
        options: Sequence[str] = (),
        *,
        on_line: Callable[[str], None],
        what: str = "",
        fix: str = "",
        variables: Mapping[str, str] = MappingProxyType({}),
        timeout_s: float | None = None,
    ) -> Recording:
        """Run a script on events, and read its recording.

        Args:
            spikes: the input.
            scratch: working folder of the script.
            command: the script, and its arguments before the paths of events and recording.
            options: arguments of the script after these paths.
            on_line: called with every line of output.
            what: the activity, named in errors; by default running a network.
            fix: the part `fix` of errors; by default to set up the referee again.
            variables: further environment variables.
            timeout_s: time limit in s. A run without output for 600 s is always ended.

        Raises:
            BackendError: the run failed, hung or took too long, or its recording cannot be read;
                all its processes are ended.
        """
        fix = fix or f"{self.referee.setup} --force, if {self.referee.title} itself is damaged"
        events, recording = Path(scratch, "events.npz"), Path(scratch, "recording.npz")
        write_events(events, spikes)
        supervise(
            [self.python, *command, events, recording, *options],
            what=what or f"running the network in {self.referee.title}",
            fix=fix,
            timeout_s=timeout_s,
            idle_timeout_s=SILENCE_S,
            on_line=on_line,
            env={**clean_variables(), **variables},
            cwd=scratch,
        )
        try:
            return Recording.load(recording)
        except FileFormatError as error:
            why = ": ".join(filter(None, [error.what, error.why]))
            raise BackendError(
                f"the recording by {self.referee.title} cannot be read",
                code="referee-recording-unreadable",
                why=why,
                fix=fix,
            ) from error


_checked: set[Environment] = set()
"""Environments already checked by this process, because each check starts another Python."""


def write_events(path: Path, spikes: Raster) -> None:
    """Write input spikes as an archive that numpy can open."""
    np.savez(
        path,
        offset=spikes.offset,
        step=spikes.step,
        neuron=spikes.neuron,
        n_steps=np.int64(spikes.n_steps),
    )


def progress_reader(on_progress: Callable[[int], None] | None) -> Callable[[str], None]:
    """Make a function that reads a line of output and reports finished samples."""

    def read(line: str) -> None:
        if on_progress is None or not line.startswith("{"):
            return
        try:
            report = json.loads(line)
        except ValueError:  # The simulators also write lines that are not JSON.
            return
        if "samples_done" in report:
            on_progress(1)

    return read


def _stored_python(home: Path) -> Path | None:
    """Path of the interpreter of the last environment; None if there is no environment."""
    try:
        text = (home / POINTER).read_text(encoding="utf-8")
        return home / str(json.loads(text)["python"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def interpreters(version: Version) -> Iterator[list[str]]:
    """Commands that may run this version of Python, the most likely first."""
    number = ".".join(map(str, version))
    yield [sys.executable]
    for name in (f"python{number}", "python3", "python"):
        if path := shutil.which(name):
            yield [path]
    if prefix := output_of(["pyenv", "prefix", number], clean_variables()):
        yield [str(Path(prefix, "bin", "python"))]
    if path := output_of(["uv", "python", "find", number], clean_variables()):
        yield [path]
    if os.name == "nt":
        yield ["py", f"-{number}"]


_PROBE = "import ensurepip, venv, sys; print(*sys.version_info[:2], sys.executable)"


def probe(command: list[str]) -> tuple[Path, tuple[int, int]] | None:
    """Path and version of a command's Python; None if it cannot make virtual environments."""
    answer = output_of([*command, "-c", _PROBE], clean_variables()).split(maxsplit=2)
    if len(answer) != 3:
        return None
    return Path(answer[2]), (int(answer[0]), int(answer[1]))


def clean_variables() -> dict[str, str]:
    """Environment variables for a referee's Python, without those of nmtool's own Python."""
    variables = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "PYTHONHOME", "PYTHONWARNINGS", "VIRTUAL_ENV")
    }
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    return {**variables, **one_thread, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONNOUSERSITE": "1"}

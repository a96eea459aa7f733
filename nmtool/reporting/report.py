"""`Report`: results under headings, with their plots."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nmtool import storage
from nmtool.errors import Finding, visible
from nmtool.libraries import libraries_needed
from nmtool.reporting.page import page
from nmtool.tables import Table, Tabular


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
    """A result under a heading. The result decides what the section says.

    >>> from nmtool.raster import Raster
    >>> Section("input", "Input", Raster.silent(2, 10, 3)).tables[0].title
    'raster'

    Attributes:
        key: name of the section in JSON and in links.
        title: heading of the section.
        result: the result; besides its tables, its `sentences()`, `findings`, `code` and
            `as_json()` are used, if it has them.
        figures: plots of the result, shown only on a page.
        chosen_tables: the tables to show; None: all tables of the result.
    """

    key: str
    title: str
    result: Tabular
    figures: Sequence[Figure] = ()
    chosen_tables: Sequence[Table] | None = None

    @property
    def tables(self) -> Sequence[Table]:
        """The tables to show."""
        return self.result.tables() if self.chosen_tables is None else self.chosen_tables

    @property
    def sentences(self) -> list[tuple[str, str]]:
        """Lines of text, each with its severity: '', `warning` or `alarm`."""
        return getattr(self.result, "sentences", list)()

    @property
    def findings(self) -> Sequence[Finding]:
        """Problems, each with its fix."""
        return getattr(self.result, "findings", ())

    @property
    def code(self) -> Mapping[str, str]:
        """Files and commands to copy, by title."""
        return getattr(self.result, "code", {})

    @property
    def facts(self) -> dict[str, Any]:
        """The result as plain values for JSON."""
        return getattr(self.result, "as_json", dict)()


@dataclass(frozen=True, repr=False)
class Report(Tabular):
    """Results of a network, in the order of a page.

    >>> import nmtool as nm
    >>> report = nm.report(q.network, data)  # doctest: +SKIP
    >>> report.headline[0]  # doctest: +SKIP
    ('samples', '300, digits (test)')
    >>> report["activity"].silent("hidden")  # doctest: +SKIP
    [3, 17]
    >>> report.save("report.html")  # doctest: +SKIP
    PosixPath('report.html')

    Attributes:
        title: path or name of the network.
        headline: (name, value) of the most important numbers.
        sections: the sections, in order.
        remarks: reasons why a network did not run, and events that were dropped.
        passed: False if a compared backend differs.
    """

    title: str
    headline: Sequence[tuple[str, str]]
    sections: Sequence[Section]
    remarks: Sequence[str] = ()
    passed: bool = True

    def __getitem__(self, key: str) -> Any:
        """The result of a section."""
        return {section.key: section.result for section in self.sections}[key]

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON: each result, under the key of its section."""
        about = {"network": self.title, "passed": self.passed, "remarks": [*self.remarks]}
        return {**about, **{section.key: section.facts for section in self.sections}}

    def tables(self) -> list[Table]:
        """The most important numbers, and the tables of all sections, with their titles."""
        tables = [Table(f"report on {self.title}", ("", "value"), list(self.headline))]
        for section in self.sections:
            for table in section.tables:
                named = section.title.lower() in table.title.lower()
                title = table.title if named else f"{section.title.lower()}: {table.title}"
                tables.append(replace(table, title=title))
        return tables

    def html(self, wording: Callable[[str], str] = str) -> str:
        """The self-contained page with all plots; equal reports give equal pages.

        Args:
            wording: changes the text of sentences and findings; the command line names flags.

        Raises:
            MissingError: matplotlib is not installed.
        """
        with libraries_needed():
            from nmtool.reporting.svg import svg
        return page(self, svg, wording)

    def save(self, path: str | Path, wording: Callable[[str], str] = str) -> Path:
        """Write the page to a file and return its path.

        Args:
            path: the file.
            wording: as for `html`.

        Raises:
            MissingError: matplotlib is not installed.
            StorageError: the file cannot be written; an earlier file is untouched.
        """
        storage.write_text(path, self.html(wording))
        return Path(path)

    def __repr__(self) -> str:
        keys = ", ".join(section.key for section in self.sections)
        return visible(f"<Report on {self.title}: {keys}>")


def require() -> None:
    """Raise `MissingError` unless matplotlib, which draws the plots of pages, is installed."""
    with libraries_needed():
        import matplotlib  # noqa: F401

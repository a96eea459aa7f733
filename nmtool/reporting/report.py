"""`Report`: results under headings, with their plots, as one self-contained HTML page.

A page has no scripts or other files. All texts from files (names of populations and classes, paths)
are escaped; their control characters are `visible`. Figures are inline SVG: text stays text, and
colours suit light and dark pages. Equal reports give equal pages.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

from nmtool import storage
from nmtool.errors import Finding, visible
from nmtool.libraries import libraries_needed
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
        require()
        text = "".join(f"{part}\n" for part in _parts(self, wording))
        return visible(text, keep="\n\t")

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


def _parts(report: Report, wording: Callable[[str], str]) -> Iterator[str]:
    """Lines of the HTML page."""
    title = escape(report.title)
    yield "<!doctype html>"
    yield '<html lang="en">'
    yield "<head>"
    yield '<meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="color-scheme" content="light dark">'
    yield f"<title>{title} – nmtool report</title>"
    yield f"<style>{_STYLE}</style>"
    yield "</head>"
    yield "<body>"
    yield f'<header><p class="tool">nmtool report</p><h1>{title}</h1>'
    yield '<dl class="headline">'
    for name, value in report.headline:
        yield f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
    yield "</dl></header>"
    for remark in report.remarks:
        yield f'<p class="warning">{escape(remark)}</p>'
    yield '<nav aria-label="Contents"><ol>'
    for section in report.sections:
        yield f'<li><a href="#{escape(section.key)}">{escape(section.title)}</a></li>'
    yield "</ol></nav>"
    yield "<main>"
    number = 0
    for section in report.sections:
        yield from _section(section, wording, number)
        number += len(section.figures)
    yield "</main>"
    yield "</body>"
    yield "</html>"


def _section(section: Section, wording: Callable[[str], str], number: int) -> Iterator[str]:
    """Lines of a section as HTML; `number` is the number of its first figure."""
    yield f'<section id="{escape(section.key)}"><h2>{escape(section.title)}</h2>'
    for text, severity in section.sentences:
        # Indented sentences are details of the sentence before.
        css_classes = " ".join(filter(None, [severity, "detail" * text.startswith(" ")]))
        yield f'<p class="{css_classes}">{escape(wording(text.strip()))}</p>'
    if section.figures:
        yield '<div class="figures">'
        for index, figure in enumerate(section.figures):
            caption = f"<figcaption>{escape(figure.caption)}</figcaption>"
            wide = ' class="wide"' if figure.is_wide else ""
            yield f"<figure{wide}>{_svg(figure, number + index)}{caption}</figure>"
        yield "</div>"
    for table in section.tables:
        yield f'<div class="scroll" tabindex="0">{table._repr_html_()}</div>'
    if section.findings:
        yield "<ul>"
        for finding in section.findings:
            yield f"<li>{escape(wording(str(finding)))}</li>"
        yield "</ul>"
    for heading, text in section.code.items():
        yield f'<h3>{escape(heading)}</h3><pre tabindex="0">{escape(text)}</pre>'
    yield "</section>"


def _svg(figure: Figure, number: int) -> str:
    """Draw a figure as an `<svg>` element; its number makes identifiers unique in the page."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure as Canvas
    from matplotlib.rcsetup import cycler

    heights, content = list(figure.heights), io.StringIO()
    own: Any = {
        "svg.hashsalt": f"nmtool {number}",
        "axes.prop_cycle": cycler(color=_PALETTE),
    }
    with rc_context({**_PLOT_STYLE, **own}), warnings.catch_warnings():
        # If the font of matplotlib lacks a character, the browser draws it.
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        size = WIDTH_INCHES * (2 if figure.is_wide else 1), PANEL_INCHES * sum(heights)
        canvas = Canvas(figsize=size, layout="constrained")
        FigureCanvasSVG(canvas)
        grid = canvas.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)
        for draw, ax in zip(figure.panels, grid[:, 0], strict=True):
            draw(ax=ax)
            ax.set_title("")  # The caption of the figure contains the same text.
            ax.label_outer()
        no_metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        canvas.savefig(content, format="svg", dpi=144, metadata=no_metadata)
    text = content.getvalue()
    text = _UNUSED_SVG.sub("", text[text.index("<svg") :]).replace(_INK, "currentColor")
    box = re.search(r'viewBox="[^"]*"', text)
    assert box is not None
    attributes = f'{box[0]} role="img" aria-label="{escape(figure.caption)}"'
    return (
        f'<svg {_NAMESPACES} {attributes} stroke-linejoin="round">{text.split(">", 1)[1].strip()}'
    )


WIDTH_INCHES = 5.0
PANEL_INCHES = 2.7

_INK = "#010203"
"""Placeholder, replaced by the colour of the page's text."""

_PALETTE = ("#3584e4", "#e0731d", "#2a9d6f", "#c061cb", "#b8891f", "#d0434f")
"""Colours with a contrast of at least 3 both to white and to near-black pages."""

_NAMESPACES = 'xmlns:xlink="http://www.w3.org/1999/xlink"'
_UNUSED_SVG = re.compile(
    r' id="[\w.]+_\d+"|font-family: [^;"]*; ?|<metadata>.*?</metadata>|<style.*?</style>', re.S
)
"""Parts of matplotlib's SVG that the page does not need: identifiers of groups, fonts, styles."""

_PLOT_STYLE: Any = {
    "svg.fonttype": "none",
    "font.size": 10,
    "font.family": "sans-serif",
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    **dict.fromkeys(
        ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), _INK
    ),
}

_STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1b1f24; --soft: #5c6670; --line: #d9dee3;
  --panel: #f5f7f9; --accent: #1a66c2; --warning: #8a5a00; --alarm: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #14171a; --ink: #e4e7ea; --soft: #9aa4ad; --line: #333a41; --panel: #1c2024;
    --accent: #7ab7ff; --warning: #f0c36a; --alarm: #ff8a80; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1.25rem 4rem; max-width: 78rem; background: var(--paper);
  color: var(--ink); font: 16px/1.55 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
  overflow-wrap: anywhere; }
a { color: var(--accent); }
.tool, dt, figcaption, .detail { color: var(--soft); font-size: .85rem; }
.headline { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr));
  gap: .75rem; }
.headline div, nav, figure, pre { margin: 0; padding: .75rem 1rem; border: 1px solid var(--line);
  border-radius: .5rem; }
.headline div, nav, pre { background: var(--panel); }
dd { margin: 0; font-size: 1.15rem; font-weight: 600; }
nav ol { margin: 0; columns: 14rem; }
section { margin-top: 1.75rem; border-top: 1px solid var(--line); }
p { max-width: 48rem; }
.detail { padding-left: 1.2rem; }
.warning, .alarm { padding-left: .8rem; border-left: .25rem solid; }
.warning { color: var(--warning); }
.alarm { color: var(--alarm); }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr));
  gap: 1rem; }
figure { min-width: 0; max-width: 38rem; break-inside: avoid; }
figure.wide { grid-column: 1 / -1; max-width: 60rem; }
figure svg { display: block; width: 100%; height: auto; }
.scroll { margin: 1.2rem 0; overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
caption { padding: .35rem .75rem; text-align: left; font-weight: 600; }
caption::first-letter, figcaption::first-letter { text-transform: uppercase; }
th, td { padding: .35rem .75rem; border-bottom: 1px solid var(--line); vertical-align: top;
  white-space: nowrap; }
th { color: var(--soft); }
pre { overflow-x: auto; font: .85rem/1.45 ui-monospace, Menlo, "DejaVu Sans Mono", monospace; }
@media print {
  :root { --paper: #fff; --ink: #000; --soft: #444; --line: #bbb; --panel: #fff; }
  body { padding: 0; max-width: none; font-size: 10pt; }
  nav { display: none; }
  .scroll { overflow: visible; }
  th, td, pre { white-space: pre-wrap; }
}
""".strip()

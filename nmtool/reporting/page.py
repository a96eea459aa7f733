"""A report as one self-contained HTML page, without scripts or other files.

All texts from files (names of populations and classes, paths) are escaped; their control characters
are `visible`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape
from typing import TYPE_CHECKING

from nmtool.errors import visible

if TYPE_CHECKING:
    from nmtool.reporting.report import Figure, Report, Section

DrawFigure = Callable[["Figure", int], str]
"""Function that draws a figure as an HTML element, given the figure and its number in the page."""


def page(report: Report, draw: DrawFigure, wording: Callable[[str], str] = str) -> str:
    """The HTML text of a report's page.

    Args:
        report: the report.
        draw: function that draws a figure of the report.
        wording: changes the text of sentences and findings.
    """
    text = "".join(f"{part}\n" for part in _parts(report, draw, wording))
    return visible(text, keep="\n\t")


def _parts(report: Report, draw: DrawFigure, wording: Callable[[str], str]) -> Iterator[str]:
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
        yield from _section(section, draw, wording, number)
        number += len(section.figures)
    yield "</main>"
    yield "</body>"
    yield "</html>"


def _section(
    section: Section, draw: DrawFigure, wording: Callable[[str], str], number: int
) -> Iterator[str]:
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
            yield f"<figure{wide}>{draw(figure, number + index)}{caption}</figure>"
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

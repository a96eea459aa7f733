"""A report as one self-contained HTML page, without scripts or other files.

All texts from files (names of populations and classes, paths) are escaped; their control characters
are `visible`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from html import escape

from nmtool.errors import visible
from nmtool.reporting.report import Figure, Report, Section
from nmtool.tables import Table, shown

DrawFigure = Callable[[Figure, int], str]
"""Function that draws a figure as an HTML element, given the figure and its number in the page."""


def page(report: Report, draw: DrawFigure) -> str:
    """The HTML text of a report's page.

    Args:
        report: the report.
        draw: function that draws a figure of the report.
    """
    text = "".join(f"{part}\n" for part in _parts(report, draw))
    return visible(text, keep="\n\t")


def _parts(report: Report, draw: DrawFigure) -> Iterator[str]:
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
    yield '<nav aria-label="Contents"><h2>Contents</h2><ol>'
    for section in report.sections:
        yield f'<li><a href="#{escape(section.key)}">{escape(section.title)}</a></li>'
    yield "</ol></nav>"
    yield "<main>"
    number = 0
    for section in report.sections:
        yield from _section(section, draw, number)
        number += len(section.figures)
    yield "</main>"
    yield "</body>"
    yield "</html>"


def _section(section: Section, draw: DrawFigure, number: int) -> Iterator[str]:
    """Lines of a section as HTML; `number` is the number of its first figure."""
    yield f'<section id="{escape(section.key)}"><h2>{escape(section.title)}</h2>'
    yield from _sentences(section.sentences)
    if section.figures:
        yield '<div class="figures">'
        for index, figure in enumerate(section.figures):
            caption = f"<figcaption>{escape(figure.caption)}</figcaption>"
            wide = ' class="wide"' if figure.is_wide else ""
            yield f"<figure{wide}>{draw(figure, number + index)}{caption}</figure>"
        yield "</div>"
    if section.tables:
        yield '<div class="tables">'
        for section_table in section.tables:
            yield from table(
                section_table, heading=section_table.title.lower() != section.title.lower()
            )
        yield "</div>"
    if section.findings:
        yield '<ul class="findings">'
        for finding in section.findings:
            why = f", since {finding.why}" if finding.why else ""
            advice = escape(f"{finding.where}: {finding.what}{why}; {finding.fix}")
            yield f"<li><code>{escape(finding.code)}</code> {advice}</li>"
        yield "</ul>"
    for heading, text in section.code:
        yield f'<h3>{escape(heading)}</h3><pre tabindex="0">{escape(text)}</pre>'
    yield "</section>"


def _sentences(sentences: Sequence[tuple[str, str]]) -> Iterator[str]:
    """A paragraph per sentence; indented sentences are details of the sentence before."""
    for text, severity in sentences:
        css_classes = [severity] if severity else []
        css_classes += ["detail"] if text.startswith(" ") else []
        class_attribute = f' class="{" ".join(css_classes)}"' if css_classes else ""
        yield f"<p{class_attribute}>{escape(text.strip())}</p>"


def table(content: Table, *, heading: bool = True) -> Iterator[str]:
    """A table that can be scrolled if it is wider than the page.

    A table of names and values, with the header ('', 'value'), is shown without its header.

    Args:
        content: the table.
        heading: True to show the title above the table.
    """
    right = content.right_aligned()
    pairs = list(content.header) == ["", "value"]
    title = escape(content.title)
    class_attribute = "scroll pairs" if pairs else "scroll"
    yield f"<div>{f'<h3>{title}</h3>' if heading else ''}"
    yield f'<div class="{class_attribute}" tabindex="0" role="region" aria-label="{title}">'
    yield "<table>"
    if not pairs:
        yield "<thead><tr>"
        for name, is_right in zip(content.header, right, strict=True):
            yield f'<th scope="col"{_alignment(is_right)}>{escape(name)}</th>'
        yield "</tr></thead>"
    yield "<tbody>"
    for row in content.rows:
        cells = [escape(shown(value)) for value in row]
        yield f'<tr><th scope="row">{cells[0]}</th>' + "".join(
            f"<td{_alignment(is_right or _is_number(value))}>{cell}</td>"
            for cell, value, is_right in zip(cells[1:], row[1:], right[1:], strict=True)
        )
        yield "</tr>"
    yield "</tbody></table></div></div>"


def _is_number(value: object) -> bool:
    """True for a number, and for the text of a number or percentage."""
    if not isinstance(value, str):
        return isinstance(value, int | float)
    digits = value.rstrip("%").replace(",", "").replace(".", "", 1).lstrip("+-−")
    return digits.isdigit()


def _alignment(right: bool) -> str:
    """HTML attribute of a cell that aligns its text on the right; '' if `right` is False."""
    return ' class="n"' if right else ""


_STYLE = """
:root {
  --paper: #ffffff; --ink: #1b1f24; --soft: #5c6670; --line: #d9dee3; --panel: #f5f7f9;
  --accent: #1a66c2; --warning: #8a5a00; --warning-paper: #fff6e0;
  --alarm: #b3261e; --alarm-paper: #fdecea;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171a; --ink: #e4e7ea; --soft: #9aa4ad; --line: #333a41; --panel: #1c2024;
    --accent: #7ab7ff; --warning: #f0c36a; --warning-paper: #2e2613;
    --alarm: #ff8a80; --alarm-paper: #361a18;
  }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 1.5rem 1.25rem 4rem; max-width: 78rem;
  background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
  overflow-wrap: break-word;
}
a { color: var(--accent); }
.tool { margin: 0; color: var(--soft); font-size: .85rem; letter-spacing: .06em; }
h1 { margin: 0 0 1rem; font-size: clamp(1.4rem, 4vw, 2.1rem); line-height: 1.2;
  overflow-wrap: anywhere; }
h2 { margin: 0 0 .75rem; font-size: 1.35rem; line-height: 1.25; }
h3 { margin: 1.5rem 0 .4rem; font-size: .95rem; font-weight: 600; }
.tables h3::first-letter { text-transform: uppercase; }
.headline { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr));
  gap: .75rem; margin: 0 0 1.5rem; }
.headline div { padding: .7rem .9rem; background: var(--panel); border: 1px solid var(--line);
  border-radius: .5rem; }
.headline dt { color: var(--soft); font-size: .8rem; }
.headline dd { margin: 0; font-size: 1.15rem; font-weight: 600; overflow-wrap: anywhere;
  font-variant-numeric: tabular-nums; }
nav { padding: .9rem 1.1rem; margin-bottom: 1rem; background: var(--panel);
  border: 1px solid var(--line); border-radius: .5rem; }
nav h2 { margin: 0 0 .3rem; font-size: .9rem; color: var(--soft); font-weight: 600; }
nav ol { margin: 0; padding-left: 1.4rem; columns: 14rem; }
nav a { text-decoration: none; }
nav a:hover { text-decoration: underline; }
section { padding-top: 1.75rem; margin-top: 1.75rem; border-top: 1px solid var(--line); }
section p { margin: .4rem 0; max-width: 48rem; }
p.detail { padding-left: 1.2rem; color: var(--soft); }
p.warning, p.alarm { padding: .45rem .8rem; border-left: .25rem solid; border-radius: .25rem; }
p.warning { color: var(--warning); background: var(--warning-paper); }
p.alarm { color: var(--alarm); background: var(--alarm-paper); }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr));
  gap: 1rem; margin: 1rem 0; }
figure { margin: 0; padding: .75rem; border: 1px solid var(--line); border-radius: .5rem;
  min-width: 0; max-width: 38rem; break-inside: avoid; }
figure.wide { grid-column: 1 / -1; max-width: 60rem; }
figure svg { display: block; width: 100%; height: auto; }
figure svg text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans",
  sans-serif; }
figcaption { margin-top: .5rem; color: var(--soft); font-size: .85rem; line-height: 1.4; }
figcaption::first-letter { text-transform: uppercase; }
.tables { display: flex; flex-wrap: wrap; gap: 0 2rem; align-items: flex-start; }
.tables > div { min-width: 0; max-width: 100%; margin-top: 1rem; }
.tables h3 { margin-top: 0; }
.scroll { overflow-x: auto; max-width: 100%; border: 1px solid var(--line);
  border-radius: .5rem; }
.scroll { width: fit-content; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .75rem; text-align: left; vertical-align: top; white-space: nowrap; }
thead th { background: var(--panel); color: var(--soft); font-weight: 600;
  border-bottom: 1px solid var(--line); }
tbody th { font-weight: 500; }
tbody tr + tr > * { border-top: 1px solid var(--line); }
td.n, th.n { text-align: right; }
.pairs tbody th { color: var(--soft); white-space: normal; }
.pairs td { white-space: normal; overflow-wrap: anywhere; text-align: left; min-width: 9rem; }
.findings { padding-left: 1.2rem; max-width: 52rem; }
.findings li { margin: .35rem 0; }
pre { padding: .75rem 1rem; margin: 0; overflow-x: auto; background: var(--panel);
  border: 1px solid var(--line); border-radius: .5rem; font-size: .85rem; line-height: 1.45; }
code, pre { font-family: ui-monospace, "Cascadia Mono", Menlo, "DejaVu Sans Mono", monospace; }
code { font-size: .9em; }
@media print {
  :root { --paper: #fff; --ink: #000; --soft: #444; --line: #bbb; --panel: #fff; }
  body { padding: 0; max-width: none; font-size: 10pt; }
  nav { display: none; }
  .scroll { overflow: visible; }
  th, td { white-space: normal; }
  pre { white-space: pre-wrap; }
  section { break-inside: auto; }
  h2, h3 { break-after: avoid; }
}
""".strip()

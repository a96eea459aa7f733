"""Reports: everything known about a network, in sections, as a page or in a terminal.

`nmtool.report` (`nmtool/reporting/results.py`) runs evaluations, checks and comparisons.
`sections.py` turns their results into sentences, tables and figures of a `Report`, `page.py` writes
it as one HTML page, and `svg.py`, which needs matplotlib, draws the figures.
"""

from nmtool.reporting.report import PAGE, Figure, Report, Section, require, section_of

__all__ = ["PAGE", "Figure", "Report", "Section", "require", "section_of"]

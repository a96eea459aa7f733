"""Reports: everything known about a network, in sections, for a page or a terminal.

`nmtool.report` (`nmtool/reporting/results.py`) runs evaluations, checks and comparisons.
`sections.py` turns their results into sentences, tables and figures of a `Report`. `page.py` writes
the report as one HTML page, with figures drawn by `svg.py`, which needs matplotlib. Run
times of backends are only in the JSON, so that equal results give pages of equal bytes.
"""

from nmtool.reporting.report import PAGE, Figure, Report, Section, require, section_of

__all__ = ["PAGE", "Figure", "Report", "Section", "require", "section_of"]

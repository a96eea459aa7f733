"""Reports: everything that is known about a network, in sections, for a page and a terminal.

`nmtool.report` (`nmtool/reporting/results.py`) runs what has to be run and gathers the results.
Here they become a `Report`: `sections.py` turns results into sentences, tables and figures,
`page.py` writes them as one HTML page, and `svg.py` draws the figures for it. Nothing in this
package runs a network, and only `svg.py` needs matplotlib.
"""

from nmtool.reporting.report import Figure, Report, Section, require, section_of

__all__ = ["Figure", "Report", "Section", "require", "section_of"]

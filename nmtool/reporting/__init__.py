"""Reports: results of a network under headings, for a page or a terminal.

Every section shows a result that other functions return, too: an `Evaluation`'s confusion matrix, a
`Run`, a `Certificate`. `nmtool.report` (`nmtool/reporting/results.py`) chooses and orders them.
`report.py` writes them as one HTML page, whose plots need matplotlib. Run times of backends are
only in the JSON, so that equal results give pages of equal bytes.
"""

from nmtool.reporting.report import Figure, Report, Section, require

__all__ = ["Figure", "Report", "Section", "require"]

"""Tables: how values show themselves to people, in a terminal, a script and a notebook.

A value that has something to show is `Tabular`: it gives its tables, and with them a `summary()`
in plain text and a display in notebooks.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Table:
    """Rows under a header.

    Attributes:
        title: what the table is about.
        header: a word or two per column; '' for a column that needs none.
        rows: as many values in each as the header has; numbers are shown by `shown`.

    >>> print(Table("populations", ("name", "neurons"), [("hidden", 1200), ("out", 10)]))
    populations
    name    neurons
    hidden    1,200
    out          10
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[Any]]

    def right_aligned(self) -> list[bool]:
        """Per column: True where all values are numbers."""
        columns = range(len(self.header))
        return [all(isinstance(row[i], int | float) for row in self.rows) for i in columns]

    def __str__(self) -> str:
        cells = [list(self.header), *([shown(value) for value in row] for row in self.rows)]
        widths = [max(len(row[i]) for row in cells) for i in range(len(self.header))]
        right = self.right_aligned()
        lines = [
            "  ".join(
                text.rjust(width) if is_right else text.ljust(width)
                for text, width, is_right in zip(row, widths, right, strict=True)
            ).rstrip()
            for row in cells
        ]
        return "\n".join([self.title, *(line for line in lines if line)])

    def _repr_html_(self) -> str:
        right = ["right" if is_right else "left" for is_right in self.right_aligned()]

        def row(tag: str, values: Sequence[str]) -> Iterator[str]:
            yield "<tr>"
            for value, side in zip(values, right, strict=True):
                yield f'<{tag} style="text-align:{side}">{html.escape(value)}</{tag}>'
            yield "</tr>"

        body = [part for values in self.rows for part in row("td", [shown(v) for v in values])]
        head = list(row("th", self.header))
        caption = f"<caption>{html.escape(self.title)}</caption>"
        return "".join(
            ["<table>", caption, "<thead>", *head, "</thead><tbody>", *body, "</tbody></table>"]
        )


class Tabular:
    """A value that shows itself as tables."""

    def tables(self) -> list[Table]:
        """The tables, the most important first."""
        raise NotImplementedError

    def summary(self) -> str:
        """The tables as plain text, to print."""
        return "\n\n".join(map(str, self.tables()))

    def _repr_html_(self) -> str:
        return "".join(table._repr_html_() for table in self.tables())


def shown(value: Any) -> str:
    """A value as people read it: four digits of a fraction, thousands marked.

    >>> shown(0.123456), shown(1234567), shown(None)
    ('0.1235', '1,234,567', '')
    """
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def brief(value: float, places: int = 3) -> str:
    """A number in few columns: fixed places, from a million on an exponent.

    >>> brief(0.5124), brief(0.0), brief(1234567, 0), brief(12345, 0), brief(8.1e30)
    ('0.512', '0.000', '1.2e+06', '12,345', '8.1e+30')
    """
    if abs(value) >= 1e6:
        return f"{value:.1e}"
    return f"{value:.{places}f}" if places else f"{value:,.0f}"


def exact(value: float) -> str:
    """A number in few digits, or in all that tell it from other floats.

    >>> exact(2.0), exact(0.5), exact(1 / 3)
    ('2', '0.5', '0.3333333333333333')
    """
    short = f"{value:g}"
    return short if float(short) == value else repr(float(value))

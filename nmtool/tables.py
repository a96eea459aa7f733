"""Display of results as tables, in a terminal, a script or a notebook.

A `Tabular` value has tables, a `summary()` in plain text and a display in notebooks. A `Plain`
value gives its fields as JSON for scripts. A `Result` is both.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from pathlib import PurePath
from typing import Any, ClassVar

from nmtool.errors import visible


@dataclass(frozen=True)
class Table:
    """A table: title, header and rows.

    Attributes:
        title: subject of the table.
        header: a word or two per column; '' for a column without a title.
        rows: rows with a value per column; `shown` formats numbers.

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
        """For each column, True if all its values are numbers."""
        columns = range(len(self.header))
        return [all(isinstance(row[i], int | float) for row in self.rows) for i in columns]

    def as_text(self) -> Table:
        """The table with texts, made `visible`, in place of all values."""
        rows = [[visible(shown(value)) for value in row] for row in self.rows]
        return Table(visible(self.title), [visible(name) for name in self.header], rows)

    def __str__(self) -> str:
        table = self.as_text()
        cells = [table.header, *table.rows]
        widths = [max(len(row[i]) for row in cells) for i in range(len(self.header))]
        right = self.right_aligned()
        lines = [
            "  ".join(
                text.rjust(width) if is_right else text.ljust(width)
                for text, width, is_right in zip(row, widths, right, strict=True)
            ).rstrip()
            for row in cells
        ]
        return "\n".join([table.title, *(line for line in lines if line)])

    def _repr_html_(self) -> str:
        """The table as HTML, for notebooks."""
        table = self.as_text()
        right = ["right" if is_right else "left" for is_right in self.right_aligned()]

        def row(tag: str, values: Sequence[str]) -> Iterator[str]:
            """A row of the table as HTML, with cells of the given tag."""
            yield "<tr>"
            for value, side in zip(values, right, strict=True):
                yield f'<{tag} style="text-align:{side}">{html.escape(value)}</{tag}>'
            yield "</tr>"

        body = [part for values in table.rows for part in row("td", values)]
        head = list(row("th", table.header))
        caption = f"<caption>{html.escape(table.title)}</caption>"
        return "".join(
            ["<table>", caption, "<thead>", *head, "</thead><tbody>", *body, "</tbody></table>"]
        )


class Tabular:
    """A value that is displayed as tables.

    Its `repr` is `<Name: …>` with the text of `_line`, or `<Name …>` if the text begins with a
    space. A dataclass with a `_line` needs `repr=False`.
    """

    def __repr__(self) -> str:
        line = self._line()
        colon = "" if line.startswith(" ") else ": "
        return f"<{type(self).__name__}{colon}{visible(line)}>" if line else super().__repr__()

    def _line(self) -> str:
        """The content in a line, for `repr`; '': the usual `repr`."""
        return ""

    def tables(self) -> list[Table]:
        """The tables, the most important first."""
        raise NotImplementedError

    def summary(self) -> str:
        """The tables as plain text, to print."""
        return "\n\n".join(map(str, self.tables()))

    def _repr_html_(self) -> str:
        """All tables as HTML, for notebooks."""
        return "".join(table._repr_html_() for table in self.tables())


_KEY = "json"


def in_json(key: str) -> dict[str, str]:
    """The metadata of a field that is called `key` in JSON."""
    return {_KEY: key}


NOT_IN_JSON = in_json("")
"""The metadata of a field that is left out of JSON."""


class Plain:
    """A dataclass with a JSON form for scripts.

    The form has all fields in order. `in_json` gives a field another name, and `NOT_IN_JSON` leaves
    it out, like values in `_left_out`. Classes that also list properties override `as_json`.
    """

    _left_out: ClassVar[tuple[Any, ...]] = ()

    def as_json(self) -> dict[str, Any]:
        """The content as plain values for JSON, under names that scripts can rely on."""
        keys = {field.name: field.metadata.get(_KEY, field.name) for field in fields(self)}  # type: ignore[arg-type]
        values = {key: plain(getattr(self, name)) for name, key in keys.items() if key}
        return {key: value for key, value in values.items() if value not in self._left_out}


class Result(Plain, Tabular):
    """A dataclass with tables for display and a JSON form for scripts.

    >>> from dataclasses import field
    >>> @dataclass(frozen=True, repr=False)
    ... class Score(Result):
    ...     samples: int
    ...     right: int = field(metadata=in_json("correct"))
    ...
    ...     def _line(self) -> str:
    ...         return f"{self.right / self.samples:.2%} of {counted(self.samples, 'sample')}"
    >>> score = Score(4000, 3000)
    >>> score
    <Score: 75.00% of 4,000 samples>
    >>> score.as_json()
    {'samples': 4000, 'correct': 3000}
    >>> score.tables()[0].rows
    [('samples', '4,000'), ('right', '3,000')]
    """

    def tables(self) -> list[Table]:
        """One row per field; fields that are None, mappings or lists are left out."""
        values = {name.replace("_", " "): getattr(self, name) for name in _fields(self)}
        omitted = (Mapping, list, tuple, type(None))
        rows = [
            (name, shown(value)) for name, value in values.items() if not isinstance(value, omitted)
        ]
        return [Table(type(self).__name__.lower(), ("", "value"), rows)]


def _fields(value: Any) -> list[str]:
    return [field.name for field in fields(value)]


def plain(value: Any) -> Any:
    """A value converted to JSON's types; a value that cannot be converted is returned unchanged.

    >>> plain({"path": PurePath("a/b"), "spans": ((1, 2), (3, 4))})
    {'path': 'a/b', 'spans': [[1, 2], [3, 4]]}
    """
    if hasattr(value, "as_json"):
        return value.as_json()
    if is_dataclass(value):
        return {name: plain(getattr(value, name)) for name in _fields(value)}
    if isinstance(value, Mapping):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Enum):
        return plain(value.value)
    # `tolist` converts the numbers and arrays of numpy.
    return value.tolist() if hasattr(value, "tolist") else value


def counted(number: int, noun: str) -> str:
    """A number with its noun in the singular or plural.

    >>> counted(1, "sample"), counted(4000, "sample"), counted(0, "class")
    ('1 sample', '4,000 samples', '0 classes')
    """
    plural = "es" if noun.endswith("s") else "s"
    return f"{number:,} {noun}{'' if number == 1 else plural}"


def shown(value: Any) -> str:
    """A value formatted for display: floats to four significant digits, thousands separated.

    >>> shown(0.123456), shown(1234567), shown(None)
    ('0.1235', '1,234,567', '')
    """
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:,.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def brief(value: float, places: int = 3) -> str:
    """A number as a short text: with fixed decimal places, or from a million on with an exponent.

    >>> brief(0.5124), brief(0.0), brief(1234567, 0), brief(12345, 0), brief(8.1e30)
    ('0.512', '0.000', '1.2e+06', '12,345', '8.1e+30')
    """
    if abs(value) >= 1e6:
        return f"{value:.1e}"
    return f"{value:.{places}f}" if places else f"{value:,.0f}"


def exact(value: float) -> str:
    """The shortest text that identifies a float exactly.

    >>> exact(2.0), exact(0.5), exact(1 / 3)
    ('2', '0.5', '0.3333333333333333')
    """
    short = f"{value:g}"
    return short if float(short) == value else repr(float(value))


_MOST_RANGES = 8


def index_ranges(indices: Sequence[int]) -> str:
    """Ascending indices as a short text: at most 8 ranges of consecutive indices.

    >>> index_ranges([0, 1, 2, 7, 9, 10])
    '0–2, 7, 9–10'
    """
    ranges: list[list[int]] = []
    for index in indices:
        if ranges and index == ranges[-1][1] + 1:
            ranges[-1][1] = index
        else:
            ranges.append([index, index])
    texts = [f"{a}–{b}" if b > a else f"{a}" for a, b in ranges[:_MOST_RANGES]]
    return ", ".join([*texts, "…"] if len(ranges) > _MOST_RANGES else texts)

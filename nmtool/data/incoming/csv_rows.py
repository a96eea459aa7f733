"""`read_csv` and `write_csv`: samples as a table with a row per event.

Columns are sample, label, unit, and one of time_ms, time_s, time_us, time_ns; upper and lower case
are equal. Instead of unit, there may be positions x and y on a sensor; a column polarity (or p)
then doubles the units. A column split names train, validation or test (`SPLIT_WORDS`). All other
named columns are groups, of integers or names. A row without time and unit is a silent sample.
A row is a spike: an event of several spikes is as many equal rows.
Columns are separated by commas, or by semicolons or tabs if the first line has no comma; with
semicolons, 12,5 is 12.5.
"""

from __future__ import annotations

import csv
import re
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from pathlib import Path
from types import MappingProxyType
from typing import Any, TextIO

from nmtool import storage
from nmtool.data import shd
from nmtool.data.events import SpikeEvents, may_be_time, time_error
from nmtool.data.rows import NUMBER, Rows
from nmtool.errors import DataError, FileFormatError, listed, nearest, printable
from nmtool.splits import SPLITS, split_named

_UNIT_COLUMNS = ("unit", "channel", "neuron")
_REQUIRED = ("sample", "label")
_TIMES = tuple(f"time_{unit}" for unit in shd.TIME_UNITS_MS)
COLUMNS = (*_REQUIRED, *_TIMES, *_UNIT_COLUMNS, "x", "y", "p", "polarity", "split")
"""Names of columns that are not groups."""
_LARGEST = (1 << 63) - 1
_WHOLE = re.compile(r"([+-]?[0-9]+)(?:\.0*)?")
_LONGEST_LINE = 1 << 24
_NO_VALUE = ("", "nan")


def read_csv(file: Path, columns: Mapping[str, str] = MappingProxyType({})) -> dict[str, Rows]:
    """Read the samples of a CSV file, by split.

    Args:
        file: the file.
        columns: names of columns in the file, by their names in `COLUMNS`.

    Raises:
        FileFormatError: the file is not CSV in UTF-8.
        DataError: columns or cells are missing, not numbers, or inconsistent.
    """
    storage.check_file(file)
    try:
        with file.open(newline="", encoding="utf-8-sig") as text:
            lines = _lines(text)
            first = next(lines, "")
            separator = next((mark for mark in ",;\t" if mark in first), ",")
            rows = csv.reader(chain([first], lines), skipinitialspace=True, delimiter=separator)
            own = [name.strip() for name in next(rows)]
            names = _rename_columns(own, columns)
            layout = _find_columns(names, own, decimal="," if separator == ";" else ".")
            samples = _Samples(names, layout)
            for number, row in enumerate(filter(None, rows), 2):
                samples.add(row, number)
    except (OSError, UnicodeError, csv.Error) as error:
        raise FileFormatError(
            f"{file} cannot be read",
            code="csv-unreadable",
            why=str(error),
            fix="write it as CSV in UTF-8, with commas and a header line",
        ) from error
    return samples.splits


def _lines(text: TextIO) -> Iterator[str]:
    """Yield the lines of a file; raise `csv.Error` for a line that would fill the memory."""
    while line := text.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE:
            raise csv.Error(f"a line has {_LONGEST_LINE} letters or more")
        yield line


def write_csv(file: TextIO, splits: Mapping[str, SpikeEvents]) -> None:
    """Write samples as a table: `sample`, `label`, `unit`, `time_ms`, and a column per group.

    An event of several spikes becomes as many equal rows, so that no reader of tables loses spikes.
    Labels are class names. Samples are numbered from 0, consecutively over all splits. A sample
    without events is a row without unit and time. Several splits give a column `split`.

    >>> import sys
    >>> events = SpikeEvents.from_lists([[0.4, 3.2], []], [[0, 3], []], labels=["no", "yes"])
    >>> write_csv(sys.stdout, {"test": events})
    sample,label,unit,time_ms
    0,no,0,0.4
    0,no,3,3.2
    1,yes,,

    Args:
        file: a file opened for text, without translation of line ends.
        splits: samples by split.

    Raises:
        DataError: a group has the name of another column.
    """
    groups = dict.fromkeys(name for events in splits.values() for name in events.groups)
    for name in groups:
        if name.strip().lower() in COLUMNS or not shd.may_name_group(name):
            raise DataError(
                f"the group {printable(ascii(name))} cannot be written",
                code="group-name",
                why="a CSV column of that name has another meaning",
                fix="give it another name",
            )
    is_divided = len(splits) > 1
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(["sample", "label", "unit", "time_ms", *["split"] * is_divided, *groups])
    number = 0
    for split, events in splits.items():
        for batch in events.batches():
            for sample in batch:
                name = sample.class_names[sample.label[0]]
                sample_cells = [split] * is_divided
                sample_cells += [
                    str(sample.groups[group][0]) for group in groups if group in sample.groups
                ]
                count = sample.event_counts().tolist()
                events_of = zip(sample.unit.tolist(), sample.time_ms.tolist(), count, strict=True)
                spikes = (pair for *pair, number in events_of for _ in range(number))
                rows.writerows(
                    [number, name, unit, time_ms, *sample_cells]
                    for unit, time_ms in (spikes if sample.n_events else [("", "")])
                )
                number += 1


@dataclass(frozen=True)
class _Columns:
    """The columns of a CSV file: names, unit of time in ms (`ms`) and decimal mark."""

    time: str
    ms: float
    unit: str
    axes: tuple[str, ...]
    split: str | None
    groups: tuple[str, ...]
    decimal: str


def _rename_columns(names: Sequence[str], columns: Mapping[str, str]) -> list[str]:
    """Rename columns to the names in `COLUMNS`; keep the names of all other columns."""
    new_names = {name: column for column, name in columns.items()}
    if missing := [name for name in new_names if name not in names]:
        near = nearest(missing[0], names)
        raise DataError(
            f"there is no column {listed(missing)}",
            code="csv-columns",
            why=f"the columns are {listed(names) or 'none'}",
            fix=f"did you mean {near}?" if near else "use the names in the file: `columns=`",
        )
    lower_names = [name.lower() if name.lower() in COLUMNS else name for name in names]
    return [new_names.get(name, lower) for name, lower in zip(names, lower_names, strict=True)]


def _find_columns(names: Sequence[str], own: Sequence[str], decimal: str) -> _Columns:
    """Find the required columns; all other columns are groups.

    Args:
        names: column names, after renaming to those in `COLUMNS`.
        own: names of the same columns in the file.
        decimal: decimal mark.
    """
    times = [
        (name, ms)
        for name, ms in zip(_TIMES, shd.TIME_UNITS_MS.values(), strict=True)
        if name in names
    ]
    units = [name for name in _UNIT_COLUMNS if name in names]
    axes = [name for name in ("polarity",) if name in names]
    if not units and "x" in names:
        units = ["x"]
        axes = [name for name in ("y", "p", "polarity") if name in names]
    if len(times) != 1 or len(units) != 1 or not set(_REQUIRED) <= set(names):
        raise DataError(
            f"required columns are missing or given twice: the columns are {listed(own) or 'none'}",
            code="csv-columns",
            why="sample, label, unit (or x and y) and one of time_ms, time_s, time_us, time_ns are "
            "required",
            fix="separate them by commas"
            if len(names) == 1 and "|" in names[0]
            else "use these names in the first line, or say which column is which, as in "
            f"`columns='{_example_of_columns(names, own)}'`; the name for times includes their "
            "unit",
        )
    split = "split" if "split" in names else None
    data_columns = {*_REQUIRED, times[0][0], units[0], *axes, split}
    # A column without a name is the index that pandas writes, and cannot define groups.
    groups = tuple(name for name in names if name and name not in data_columns)
    for name in groups:
        if not shd.may_name_group(name):
            raise DataError(
                f"the column '{printable(name)}' cannot define groups",
                code="csv-columns",
                why="data sets use this name for something else",
                fix="rename it, or leave it out",
            )
    if twice := [name for name, n in Counter(names).items() if name and n > 1]:
        raise DataError(
            f"there are several columns {listed(twice)}",
            code="csv-columns",
            fix="keep only one column of each name",
        )
    return _Columns(*times[0], units[0], tuple(axes), split, groups, decimal)


_MEANT = {
    "sample": ("trial", "recording", "id"),
    "label": ("class", "gesture", "word", "target"),
    "time_us": ("t_us", "us", "timestamp"),
    "time_ms": ("t_ms", "ms", "t", "time"),
    "unit": ("pixel", "taxel", "address", "id"),
}
"""Words that suggest a required column, by the column's name."""


def _example_of_columns(names: Sequence[str], own: Sequence[str]) -> str:
    """Example of `columns=` for a message: names in the file whose meaning can be guessed."""
    unmatched = [name for name, column in zip(own, names, strict=True) if column not in COLUMNS]
    columns, words = set(names), []
    has_unit = bool({*_UNIT_COLUMNS, "x"} & columns)
    for column, hints in _MEANT.items():
        is_time = column in _TIMES
        if (
            column in columns
            or (column == "unit" and has_unit)
            or (is_time and columns & {*_TIMES})
        ):
            continue
        match = next((n for word in hints for n in unmatched if n.lower() == word), None) or next(
            (n for word in hints if len(word) > 2 for n in unmatched if word in n.lower()), None
        )
        if match is not None:
            unmatched.remove(match)
            columns.add(column)
            words.append(f"{column}={match}")
    return ",".join(words) or "time_us=t,unit=pixel"


class _Samples:
    """The samples of a CSV file, from its rows.

    A row has the cells of its sample (split, name, label, groups) and the numbers of an event. The
    cells of a sample are the same in all of its rows, and are checked once.

    Args:
        names: names of all columns.
        columns: the columns that are read.

    Attributes:
        splits: the samples of the rows so far, by split.
    """

    def __init__(self, names: Sequence[str], columns: _Columns) -> None:
        self.splits: dict[str, Rows] = {}
        self._names, self._columns = names, columns
        place = {name: index for index, name in enumerate(names)}
        of_sample = (*_REQUIRED, *columns.groups, *filter(None, [columns.split]))
        of_event = (columns.time, columns.unit, *columns.axes)
        self._cells_of_sample = itemgetter(*[place[name] for name in of_sample])
        self._cells_of_event = itemgetter(*[place[name] for name in of_event])
        self._events: dict[tuple[str, ...], tuple[array, ...]] = {}
        self._places: dict[tuple[str, str], int] = {}

    def add(self, row: list[Any], number: int) -> None:
        """Add the event of a row to its sample; the first row of a sample also adds the sample.

        Args:
            row: cells; the last ones may be missing.
            number: number of the row, for errors.
        """
        columns = self._columns
        row += [None] * (len(self._names) - len(row))
        sample = self._cells_of_sample(row)
        if sample not in self._events or len(row) > len(self._names):
            self._events[sample] = self._find_sample(row, number)
        time, unit, *positions = self._cells_of_event(row)
        if _is_empty(time) and _is_empty(unit):
            return
        time_ms = _number_in_cell(time, columns, float, number, columns.time) * columns.ms
        channel = _number_in_cell(unit, columns, int, number, columns.unit)
        is_negative = channel < 0 and not columns.axes
        if is_negative or not may_be_time(time_ms):
            event = f"line {number}, sample '{printable(sample[0].strip())}'"
            if not may_be_time(time_ms):
                raise time_error(time_ms, event)
            raise DataError(
                f"{event}: the unit {channel} is negative",
                code="units-range",
                fix="number the channels from 0",
            )
        axes = [
            _number_in_cell(position, columns, int, number, name)
            for name, position in zip(columns.axes, positions, strict=True)
        ]
        for numbers, value in zip(self._events[sample], (time_ms, channel, *axes), strict=True):
            numbers.append(value)

    def _find_sample(self, row: Sequence[Any], line: int) -> tuple[array, ...]:
        """Check the cells of a row's sample, and find or add the sample.

        Returns:
            Times in ms, units, and positions along further axes of the sample's events so far.
        """
        columns, where = self._columns, f"line {line}"
        cells = {name: (text or "").strip() for name, text in zip(self._names, row, strict=False)}
        word = "train" if columns.split is None else cells[columns.split]
        split = split_named(word)
        if split is None:
            raise DataError(
                f"{where}: there is no split '{printable(word)}'",
                code="csv-split",
                fix=f"write {', '.join(SPLITS)}",
            )
        if len(row) > len(self._names):
            raise DataError(
                f"{where}: there are more cells than columns",
                code="csv-cells",
                fix="name every column in the first line; quote cells that contain the separator, "
                "and write numbers with a decimal point",
            )
        name, label = cells["sample"], cells["label"]
        if not name:
            raise DataError(
                f"{where}: the cell in the column of samples is empty",
                code="csv-sample-missing",
                fix="give every row the number or name of its sample",
            )
        if _is_empty(label):
            raise DataError(
                f"{where}: the cell in the column of labels is empty",
                code="csv-label-missing",
                fix="give every row the class of its sample",
            )
        groups = {
            group: _group_in_cell(cells[group], columns, line, group) for group in columns.groups
        }
        if (number := NUMBER.fullmatch(label)) and number["exponent"]:
            raise _not_a_number(label, int, f"{where}, column label")
        empty = Rows(groups={g: [] for g in columns.groups}, axes={a: [] for a in columns.axes})
        rows = self.splits.setdefault(split, empty)
        place = self._places.setdefault((split, name), len(rows.labels))
        if place == len(rows.labels):
            rows.labels.append(label)
            rows.times_ms.append(array("d"))
            for numbers in (rows.units, *rows.axes.values()):
                numbers.append(array("q"))
            for group, value in groups.items():
                rows.groups[group].append(value)
        for group, value in groups.items():
            if rows.groups[group][place] != value:
                raise DataError(
                    f"{where}: sample '{printable(name)}' has {printable(group)} "
                    f"{printable(value)}, but {printable(rows.groups[group][place])} in an earlier "
                    "row",
                    code="csv-group-differs",
                    why="a column with an unknown name is a group, with one value per sample",
                    fix=f"give all rows of a sample the same {printable(group)}, or leave the "
                    "column out",
                )
        if rows.labels[place] != label:
            raise DataError(
                f"{where}: sample '{printable(name)}' has label '{printable(label)}', but label "
                f"'{printable(rows.labels[place])}' in an earlier row",
                code="csv-label-differs",
                fix="give every sample its own number and one label",
            )
        return tuple(axis[place] for axis in (rows.times_ms, rows.units, *rows.axes.values()))


def _is_empty(text: str | None) -> bool:
    """True for the text of a cell without a value."""
    return text is None or text.strip().lower() in _NO_VALUE


def _group_in_cell(text: str, columns: _Columns, line: int, name: str) -> int | str:
    """Convert the text of a cell to a group: a whole number or a name."""
    if _is_empty(text):
        raise DataError(
            f"line {line}, column {printable(name)}: the cell is empty",
            code="csv-group-missing",
            why="a column with an unknown name is a group, which every sample must have",
            fix="write a whole number or a name, or leave the column out",
        )
    if not NUMBER.fullmatch(text.replace(columns.decimal, ".")):
        return text
    advice = "leave out columns that are not groups"
    return int(_number_in_cell(text, columns, int, line, name, advice))


def _number_in_cell(
    text: str | None, columns: _Columns, kind: type, line: int, name: str, advice: str = ""
) -> Any:
    """Convert the text of a cell to a number; 3.0 counts as a whole number, but 1e3 does not."""
    plain = (text or "").strip().replace(columns.decimal, ".")
    if kind is float and NUMBER.fullmatch(plain):
        return float(plain)
    whole = _WHOLE.fullmatch(plain)
    if kind is float or whole is None:
        raise _not_a_number(text, kind, f"line {line}, column {printable(name)}", advice)
    # The float is compared first, since Python refuses to convert thousands of digits to int.
    if abs(float(whole[1])) > 2 * _LARGEST or abs(int(whole[1])) > _LARGEST:
        raise DataError(
            f"line {line}, column {printable(name)}: the number {printable(text)} is too large",
            code="csv-number-large",
            fix="number units and groups from 0",
        )
    return int(whole[1])


def _not_a_number(text: str | None, kind: type, where: str, advice: str = "") -> DataError:
    """The error for a cell without a number, or without a whole number."""
    fix = "write a whole number, digit by digit" if kind is int else "write a number with a point"
    return DataError(
        f"{where}: '{printable(text)}' is not a {'' if kind is float else 'whole '}number",
        code="csv-not-a-number",
        fix=f"{fix}; {advice}" if advice else fix,
    )

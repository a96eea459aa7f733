"""`read_csv` and `write_csv`: samples as a table with a row per event.

Columns are sample, label, unit, and one of time_ms, time_s, time_us, time_ns; upper and lower case
are equal. In place of unit, events of a sensor have x and y, and perhaps polarity (or p). A column
split names train, validation or test (`SPLIT_WORDS`). All other named columns are groups, of
integers or names. A row without time and unit is a silent sample. A row is a spike: an event of
several spikes is as many equal rows.
"""

from __future__ import annotations

import csv
import re
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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

_REQUIRED = ("sample", "label")
_POSITION = ("x", "y")
_POLARITIES = ("polarity", "p")
_TIMES = tuple(f"time_{unit}" for unit in shd.TIME_UNITS_MS)
COLUMNS = (*_REQUIRED, "unit", *_TIMES, *_POSITION, *_POLARITIES, "split")
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
            rows = csv.reader(_lines(text), skipinitialspace=True)
            own = [name.strip() for name in next(rows, [])]
            names = _rename_columns(own, columns)
            layout = _find_columns(names, own)
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
    """The columns of a CSV file, by name: of times, with their unit in ms; of units, or of the axes
    of a sensor; of splits and groups."""

    time: str
    ms: float
    units: tuple[str, ...]
    split: str | None
    groups: tuple[str, ...]


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


def _find_columns(names: Sequence[str], own: Sequence[str]) -> _Columns:
    """Find the required columns; all other columns are groups.

    Args:
        names: column names, after renaming to those in `COLUMNS`.
        own: names of the same columns in the file.
    """
    times = [
        (name, ms)
        for name, ms in zip(_TIMES, shd.TIME_UNITS_MS.values(), strict=True)
        if name in names
    ]
    units: tuple[str, ...] = ("unit",)
    if "unit" not in names and set(_POSITION) <= set(names):
        units = _POSITION + tuple(name for name in _POLARITIES if name in names)[:1]
    if len(times) != 1 or not {*_REQUIRED, *units} <= set(names):
        raise DataError(
            f"required columns are missing or given twice: the columns are {listed(own) or 'none'}",
            code="csv-columns",
            why="sample, label, unit (or x and y) and one of time_ms, time_s, time_us, time_ns are "
            "required",
            fix=_advice(names, own),
        )
    split = "split" if "split" in names else None
    data_columns = {*_REQUIRED, *units, times[0][0], split}
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
    return _Columns(*times[0], units, split, groups)


_MEANT = {
    "sample": ("trial", "recording", "id"),
    "label": ("class", "gesture", "word", "target"),
    "time_us": ("t_us", "us", "timestamp"),
    "time_ms": ("t_ms", "ms", "t", "time"),
    "unit": ("pixel", "taxel", "channel", "neuron", "address", "id"),
}
"""Words that suggest a required column, by the column's name."""


def _advice(names: Sequence[str], own: Sequence[str]) -> str:
    """What to do about missing columns; columns in the file whose meaning can be guessed."""
    if len(names) == 1 and {*";|\t"} & {*names[0]}:
        return "separate columns by commas, and write decimals with a point"
    unmatched = [name for name, column in zip(own, names, strict=True) if column not in COLUMNS]
    columns, words = set(names), []
    if set(_POSITION) <= columns:
        columns.add("unit")
    for column, hints in _MEANT.items():
        if column in columns or (column in _TIMES and columns & {*_TIMES}):
            continue
        match = next((n for word in hints for n in unmatched if n.lower() == word), None) or next(
            (n for word in hints if len(word) > 2 for n in unmatched if word in n.lower()), None
        )
        if match is not None:
            unmatched.remove(match)
            columns.add(column)
            words.append(f"{column}={match}")
    return (
        "use these names in the first line, or say which column is which, as in "
        f"`columns='{','.join(words) or 'time_us=t,unit=pixel'}'`; the name for times includes "
        "their unit"
    )


class _Samples:
    """The samples of a CSV file, from its rows.

    A row has the cells of its sample (split, name, label, groups), a time, and a unit or the
    positions along the axes of a sensor. The cells of a sample are the same in all of its rows, and
    are checked once.

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
        of_sample = ("sample", "label", *columns.groups, *filter(None, [columns.split]))
        self._cells_of_sample = itemgetter(*[place[name] for name in of_sample])
        self._cells_of_event = itemgetter(*[place[name] for name in (columns.time, *columns.units)])
        self._events: dict[tuple[str, ...], tuple[array, array]] = {}
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
        time, *places = self._cells_of_event(row)
        if _is_empty(time) and all(map(_is_empty, places)):
            return
        time_ms = _number_in_cell(time, float, number, columns.time) * columns.ms
        event = f"line {number}, sample '{printable(sample[0].strip())}'"
        if not may_be_time(time_ms):
            raise time_error(time_ms, event)
        times, units = self._events[sample]
        for name, cell in zip(columns.units, places, strict=True):
            place = _number_in_cell(cell, int, number, name)
            if place < 0 and name not in _POLARITIES:
                raise DataError(
                    f"{event}: the {name} {place} is negative",
                    code="units-range",
                    fix="number the channels from 0",
                )
            units.append(place)
        times.append(time_ms)

    def _find_sample(self, row: Sequence[Any], line: int) -> tuple[array, array]:
        """Check the cells of a row's sample, and find or add the sample.

        Returns:
            Times in ms and units (or positions, in turn) of the sample's events so far.
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
                code="csv-columns",
                fix="name every column in the first line; quote cells that contain a comma, and "
                "write numbers with a decimal point",
            )
        for name in ("sample", "label", *columns.groups):
            if _is_empty(cells[name]):
                raise DataError(
                    f"{where}, column {printable(name)}: the cell is empty",
                    code="csv-cell-empty",
                    why="every row has the name, the class and the groups of its sample; a column "
                    "with an unknown name is a group",
                    fix="fill the cell; leave out columns that are not groups",
                )
        sample, label = cells["sample"], cells["label"]
        if (number := NUMBER.fullmatch(label)) and number["exponent"]:
            raise _not_a_number(label, int, f"{where}, column label")
        axes = columns.units if len(columns.units) > 1 else ()
        rows = self.splits.setdefault(
            split, Rows(groups={g: [] for g in columns.groups}, axes=axes)
        )
        lists = {"label": rows.labels, **rows.groups}
        values = {"label": label}
        values |= {name: _group_in_cell(cells[name], line, name) for name in columns.groups}
        place = self._places.setdefault((split, sample), len(rows.labels))
        if place == len(rows.labels):
            rows.times_ms.append(array("d"))
            rows.units.append(array("q"))
            for name, value in values.items():
                lists[name].append(value)
        for name, value in values.items():
            if lists[name][place] != value:
                raise DataError(
                    f"{where}: sample '{printable(sample)}' has the {printable(name)} "
                    f"'{printable(value)}', but '{printable(lists[name][place])}' in an earlier "
                    "row",
                    code="csv-sample-differs",
                    why="all rows of a sample have the same class, and the same groups: columns "
                    "with unknown names",
                    fix="give every sample its own number; leave out columns that are not groups",
                )
        return rows.times_ms[place], rows.units[place]


def _is_empty(text: str | None) -> bool:
    """True for the text of a cell without a value."""
    return text is None or text.strip().lower() in _NO_VALUE


def _group_in_cell(text: str, line: int, name: str) -> int | str:
    """Convert the text of a cell to a group: a whole number or a name."""
    if not NUMBER.fullmatch(text):
        return text
    return int(_number_in_cell(text, int, line, name, "leave out columns that are not groups"))


def _number_in_cell(text: str | None, kind: type, line: int, name: str, advice: str = "") -> Any:
    """Convert the text of a cell to a number; 3.0 counts as a whole number, but 1e3 does not."""
    plain = (text or "").strip()
    if kind is float and NUMBER.fullmatch(plain):
        return float(plain)
    whole = _WHOLE.fullmatch(plain)
    if kind is float or whole is None:
        raise _not_a_number(text, kind, f"line {line}, column {printable(name)}", advice)
    # The float is compared first, since Python refuses to convert thousands of digits to int.
    if abs(float(whole[1])) > 2 * _LARGEST or abs(int(whole[1])) > _LARGEST:
        raise DataError(
            f"line {line}, column {printable(name)}: the number {printable(text)} is too large",
            code="csv-not-a-number",
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

"""Input spikes of many samples as a sorted list, read from an archive or from a table.

An archive has the step of each spike; a table has the time of each event in ms.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Events:
    """Input spikes of all samples, with at most one spike per sample, step and channel.

    Attributes:
        offset: [samples + 1] int64; the spikes of sample s have the indices
            offset[s]:offset[s + 1].
        step: [spikes] int32, step of each spike, counted from 0; ascending within a sample.
        channel: [spikes] int32, input channel of each spike.
        n_steps: number of steps of every sample.
        n_channels: number of input channels.
        names: [samples] names of the samples; empty if the file has none.
        labels: [samples] names of the right classes; empty if they are not known.
        late: number of events after the last step; they are dropped.
    """

    offset: NDArray[np.int64]
    step: NDArray[np.int32]
    channel: NDArray[np.int32]
    n_steps: int
    n_channels: int
    names: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    late: int = 0

    def name(self, sample: int) -> str:
        """The name of a sample in its file; its number if the file has no names."""
        return self.names[sample] if self.names else str(sample)

    @property
    def n_samples(self) -> int:
        return len(self.offset) - 1

    def dense(self, sample: int) -> NDArray[np.int32]:
        """[channels, steps] int32: the spikes of one sample, as zeros and ones."""
        own = slice(self.offset[sample], self.offset[sample + 1])
        dense = np.zeros((self.n_channels, self.n_steps), np.int32)
        dense[self.channel[own], self.step[own]] = 1
        return dense

    def step_starts(self) -> NDArray[np.int64]:
        """[samples·steps + 1] int64: index of the first spike of each step of all samples."""
        sample = np.repeat(np.arange(self.n_samples), np.diff(self.offset))
        row = sample * self.n_steps + self.step
        return np.searchsorted(row, np.arange(self.n_samples * self.n_steps + 1))


def read_events(path: str | Path, n_channels: int) -> Events:
    """Read a plain numpy archive with `offset`, `step`, `neuron` and the scalar `n_steps`.

    If the archive contains known answers, read their input.

    Raises:
        OSError: the file cannot be opened.
        ValueError: the file is damaged or no such archive; a member is missing or is not a list
            of integers; or a spike lies outside the steps or channels.
    """
    arrays = _arrays(path)
    offset, step, channel = (_integers(name, arrays[name]) for name in _LISTS)
    n_steps = _integers("n_steps", arrays["n_steps"].reshape(-1))
    if n_steps.size != 1 or n_steps[0] < 1:
        raise ValueError(f"n_steps must be one integer above 0, not {arrays['n_steps']}")
    if not _fit(offset, step, channel):
        raise ValueError("offset, step and neuron do not fit together")
    _check_range("step", step, int(n_steps[0]))
    _check_range("neuron", channel, n_channels)
    events = Events(
        offset, step.astype(np.int32), channel.astype(np.int32), int(n_steps[0]), n_channels
    )
    if (np.diff(_position(events)) <= 0).any():
        raise ValueError("spikes must be unique and sorted by sample, step and neuron")
    return events


_LISTS = ("offset", "step", "neuron")
_INPUT = "spikes.input."


def _arrays(path: str | Path) -> dict[str, NDArray]:
    try:
        # If numpy opened the file itself, it would leave a damaged file open.
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            if f"{_INPUT}offset" in archive.files:
                arrays = {name: archive[f"{_INPUT}{name}"] for name in _LISTS}
                n_steps, _ = json.loads(str(archive["header"][()]))["spikes"]["input"]
                return {**arrays, "n_steps": np.array(n_steps)}
            arrays = {name: archive[name] for name in (*_LISTS, "n_steps") if name in archive.files}
    except OSError:
        raise
    except Exception as error:  # On a damaged file, numpy and zipfile can raise any exception.
        raise ValueError(f"no numpy archive, or a damaged one ({error})") from error
    missing = {*_LISTS, "n_steps"} - set(arrays)
    if missing:
        raise ValueError(f"it lacks {', '.join(sorted(missing))}")
    return arrays


def _integers(name: str, values: NDArray) -> NDArray[np.int64]:
    """Convert a list of integers to int64; an empty list may have any type.

    numpy stores an empty list as floats.
    """
    if values.ndim != 1 or (values.size and values.dtype.kind not in "iu"):
        raise ValueError(f"{name} must hold integers, not {values.dtype} of shape {values.shape}")
    return values.astype(np.int64)


def _fit(offset: NDArray, step: NDArray, channel: NDArray) -> bool:
    if not offset.size or offset[0] != 0 or (np.diff(offset) < 0).any():
        return False
    return bool(offset[-1] == len(step) == len(channel))


def _check_range(name: str, values: NDArray, limit: int) -> None:
    if values.size and not 0 <= values.min() <= values.max() < limit:
        raise ValueError(f"a {name} lies outside 0 … {limit - 1}")


def _position(events: Events) -> NDArray[np.int64]:
    sample = np.repeat(np.arange(events.n_samples, dtype=np.int64), np.diff(events.offset))
    return (sample * events.n_steps + events.step) * events.n_channels + events.channel


_COLUMNS = ("sample", "unit", "time_ms")
_BOUNDARY, _ROUNDING = 1e-9, 2.0**-51
"""Tolerances of times, in steps and relative: a time that lies less than this before the start of
a step counts as a time in that step."""


def read_table(path: str | Path, n_channels: int, group: int, n_steps: int, dt_ms: float) -> Events:
    """Read a CSV file with a row per event.

    Its columns are `sample`, `unit` and `time_ms`; `label` and `split` are optional. Rows may be
    in any order. Several events of a channel in the same step become one spike. A sample without
    events needs one row, with `unit` and `time_ms` empty.

    Args:
        path: path of the CSV file.
        n_channels: number of input channels.
        group: number of neighbouring units that share a channel.
        n_steps: number of steps of every sample.
        dt_ms: length of a step in ms.

    Raises:
        OSError: the file cannot be opened.
        ValueError: a column is missing, or the text of a cell is not valid; the error names the
            line.
    """
    samples: dict[tuple[str, str], int] = {}
    labels: list[str] = []
    place: list[int] = []
    channel: list[int] = []
    position: list[float] = []
    with open(path, newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file, skipinitialspace=True)
        if missing := set(_COLUMNS) - set(rows.fieldnames or ()):
            raise ValueError(f"it has no column {', '.join(sorted(missing))}")
        has_labels = "label" in (rows.fieldnames or ())
        for row in rows:
            cells = {name: row.get(name) or "" for name in (*_COLUMNS, "label", "split")}
            sample = samples.setdefault((cells["split"], cells["sample"]), len(samples))
            if sample == len(labels):
                labels.append(cells["label"])
            if labels[sample] != cells["label"]:
                raise ValueError(f"line {rows.line_num}: the sample has another label before")
            if cells["unit"] or cells["time_ms"]:
                place.append(sample)
                channel.append(int(_number(cells, "unit", rows.line_num, whole=True)) // group)
                position.append(_number(cells, "time_ms", rows.line_num) / dt_ms)
                if channel[-1] >= n_channels:
                    raise ValueError(
                        f"line {rows.line_num}: unit {cells['unit']} lies outside "
                        f"0 … {n_channels * group - 1}"
                    )
    at = np.array(position, np.float64)
    at += np.maximum(_BOUNDARY, _ROUNDING * at)
    mask = at < n_steps
    row_index = np.array(place, np.int64)[mask] * n_steps + at[mask].astype(np.int64)
    spikes = np.unique(row_index * n_channels + np.array(channel, np.int64)[mask])
    row_index, in_channel = np.divmod(spikes, n_channels)
    return Events(
        np.searchsorted(row_index, np.arange(len(samples) + 1) * n_steps).astype(np.int64),
        (row_index % n_steps).astype(np.int32),
        in_channel.astype(np.int32),
        n_steps,
        n_channels,
        names=tuple(name for _, name in samples),
        labels=tuple(labels) if has_labels else (),
        late=int((~mask).sum()),
    )


def _number(cells: dict[str, str], name: str, line: int, *, whole: bool = False) -> float:
    """Read the number in the column `name` of a row; it must be finite and not negative."""
    try:
        number = float(cells[name])
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf") or (whole and number % 1):
        kind = "a whole number" if whole else "a number"
        raise ValueError(f"line {line}: {name} is '{cells[name]}', not {kind} from 0 on")
    return number

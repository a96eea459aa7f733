"""`read_npz`: samples from an archive of dense spikes.

The archive contains spikes [samples, steps, channels …] and labels [samples], as `spikes` and
`labels`, or as `train_spikes`, `train_labels`, `test_spikes` and so on. Instead of spikes, it may
contain numbers of the same shape, `values` or `train_values` …. `class_names` and `dt_ms`
are optional. Other arrays with an integer or a name per sample are groups: `speaker`,
`train_speaker` and so on.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nmtool import storage
from nmtool.data.rows import Rows, check_labels, texts
from nmtool.errors import DataError, listed, printable
from nmtool.splits import SPLIT_WORDS, SPLITS

_log = logging.getLogger(__name__)

_MAX_BYTES = 1 << 30
"""Number of bytes that an archive of dense spikes may unpack to, however small the file is."""

_EVENT_WORDS = ("time", "unit", "event")
"""Parts of the names of arrays with a value per event."""


def read_npz(file: Path) -> dict[str, Rows]:
    """Read the dense samples of an archive, by split; unused arrays are logged.

    Raises:
        FileFormatError: the file is missing or damaged.
        DataError: there are no spikes with labels, or the step length is not a number.
    """
    arrays = storage.read_arrays(file, free_bytes=_MAX_BYTES)
    names = arrays.get("class_names")
    class_names = None if names is None else tuple(map(str, np.atleast_1d(names)))
    dt_ms = _step_length(arrays.get("dt_ms"))
    used = {"class_names", "dt_ms"}
    splits = {}
    for split in ("", *SPLITS):
        labels = _array_name(arrays, split, "labels")
        spikes = _array_name(arrays, split, "spikes")
        content = spikes or _array_name(arrays, split, "values")
        if content is None and labels is None:
            continue
        if content is None or labels is None:
            break
        used |= {content, labels}
        splits[split] = Rows(
            dense=arrays[content] if spikes else None,
            values=None if spikes else arrays[content],
            labels=list(check_labels(np.atleast_1d(arrays[labels]))),
            dt_ms=dt_ms,
            class_names=class_names,
        )
    else:
        if "" in splits and len(splits) > 1:
            raise DataError(
                "some arrays have no split in their names, others have "
                f"{', '.join(filter(None, splits))}",
                code="npz-arrays",
                why="arrays without a split in their names could belong to any split",
                fix="name all of them by split (train_spikes, train_labels, …), or none",
            )
        if splits:
            _add_groups(arrays, splits, used, file)
            return {split or "train": rows for split, rows in splits.items()}
    fix = "name them spikes and labels, or train_spikes, train_labels, test_spikes, test_labels"
    if any(word in name for name in arrays for word in _EVENT_WORDS):
        fix = (
            "write events as a CSV file with a row per event and the columns sample, label, unit "
            "and time_ms; or in Python: SpikeEvents.from_lists(times_ms, units, labels)"
        )
    raise DataError(
        f"required arrays are missing: the arrays are {listed(arrays) or 'none'}",
        code="npz-arrays",
        why="a file must contain spikes or values [samples, steps, channels] and labels "
        "[samples], once or for each split",
        fix=fix,
    )


def _step_length(dt_ms: NDArray | None) -> float | None:
    """Convert the step length in an archive, a number or a list of one number, to a float."""
    if dt_ms is None:
        return None
    if dt_ms.size != 1 or dt_ms.dtype.kind not in "iuf":
        raise DataError(
            f"dt_ms is an array of {printable(dt_ms.dtype)} of shape {dt_ms.shape}, but must be "
            "a number",
            code="npz-step",
            fix="write the length of a step in ms, np.savez(FILE, …, dt_ms=1.0), or leave it out "
            "and set `dt_ms=`",
        )
    return float(dt_ms.item())


def _array_name(arrays: Mapping[str, NDArray], split: str, word: str) -> str | None:
    """Find the name of a split's array, such as `train_spikes`; None if the array is missing."""
    words = [f"{part}_{word}" for part in SPLIT_WORDS[split]] if split else [word]
    return next((name for name in words if name in arrays), None)


def _add_groups(
    arrays: Mapping[str, NDArray], splits: Mapping[str, Rows], used: set[str], file: Path
) -> None:
    """Store unused arrays with an integer or a name per sample as groups of their split."""
    unused = []
    for name, array in arrays.items():
        if name in used:
            continue
        split, group = _split_in_name(name, splits)
        rows = splits.get(split)
        is_list = array.dtype.kind in "iuSU" and array.ndim == 1
        if rows is not None and is_list and array.size == len(rows.labels):
            values = array.tolist()
            rows.groups[group] = values if array.dtype.kind in "iu" else texts(values)
        else:
            unused.append(name)
    if unused:
        _log.warning(
            f"remark[arrays-unused]: {file}: unused arrays: {listed(unused)}; groups are arrays "
            "of an integer or name per sample, whose names begin with the name of a split if "
            "there are several splits: train_speaker"
        )


def _split_in_name(name: str, splits: Mapping[str, Rows]) -> tuple[str, str]:
    """Divide the name of an array into the name of the split and the rest."""
    for split in splits:
        for part in SPLIT_WORDS.get(split, ()):
            if name.startswith(f"{part}_"):
                return split, name.removeprefix(f"{part}_")
    return "", name

"""Numbers of any size in files of other tools are read, or refused with an error for people."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from nmtool.data.incoming import FileConventions, read_incoming
from nmtool.data.shd import read_shd
from nmtool.errors import DataError, NmtoolError
from tests.refusals import refused
from tests.thorough import examples

EDGES = [edge for n in (24, 31, 53, 63, 64) for edge in ((1 << n) - 1, 1 << n, -(1 << n))]
NUMBERS = st.one_of(st.integers(-2, 3), st.sampled_from([*EDGES, 10**30]))
TIMES = st.one_of(NUMBERS, st.sampled_from([0.5, 1e300, 1e-320, np.inf, np.nan]))
HEADS = ("unit", "x,y", "x,y,p", "unit,speaker")
DTYPES = st.sampled_from([np.int8, np.int64, np.uint64, np.float16, np.float64])
CONVENTIONS = st.fixed_dictionaries(
    {},
    optional={
        "n_units": NUMBERS,
        "sensor_size": st.lists(NUMBERS, min_size=1, max_size=3),
        "dt_ms": TIMES,
    },
)

pytestmark = pytest.mark.filterwarnings("error")


def _array(dtype: Any, numbers: list[int]) -> np.ndarray:
    """[numbers] of a type; integers beyond its range become its bounds, and floats infinite."""
    if np.dtype(dtype).kind == "f":
        with np.errstate(over="ignore"):
            return np.array(numbers, np.float64).astype(dtype)
    bounds = np.iinfo(dtype)
    return np.array([min(max(n, int(bounds.min)), int(bounds.max)) for n in numbers], dtype)


def _read(path: Path, conventions: dict[str, Any]) -> None:
    """Read a file; other exceptions than errors for people fail the test."""
    with suppress(NmtoolError):
        read_incoming(path, FileConventions(**conventions))


@settings(max_examples=examples(8))
@given(data=st.data(), conventions=CONVENTIONS)
def test_huge_numbers_in_tables(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, conventions: dict[str, Any]
) -> None:
    head = data.draw(st.sampled_from(HEADS))
    cells = [NUMBERS, TIMES, *[NUMBERS] * (1 + head.count(","))]
    rows = data.draw(st.lists(st.tuples(*cells), max_size=3))
    lines = [f"{sample},{','.join(map(str, row))}" for sample, row in enumerate(rows)]
    path = tmp_path_factory.mktemp("table") / "x.csv"
    path.write_text("\n".join([f"sample,label,time_ms,{head}", *lines]), encoding="utf-8")
    _read(path, conventions)


@settings(max_examples=examples(8))
@given(data=st.data(), conventions=CONVENTIONS)
def test_huge_numbers_in_archives(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, conventions: dict[str, Any]
) -> None:
    spikes, labels, groups = data.draw(st.tuples(DTYPES, DTYPES, DTYPES))
    n = data.draw(st.integers(1, 2))
    numbers = data.draw(st.lists(NUMBERS, min_size=4 * n, max_size=4 * n))
    arrays = {
        "spikes": _array(spikes, numbers).reshape(n, 2, 2),
        "labels": _array(labels, numbers[:n]),
        "speaker": _array(groups, numbers[-n:]),
        "class_names": np.array(["a", "b"]),
    }
    path = tmp_path_factory.mktemp("archive") / "x.npz"
    np.savez(path, **{name: arrays[name] for name in arrays if data.draw(st.booleans())})
    _read(path, conventions)


@settings(max_examples=examples(8))
@given(data=st.data())
def test_huge_numbers_in_shd_layout(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    numbers = data.draw(st.lists(NUMBERS, min_size=1, max_size=3))
    path = tmp_path_factory.mktemp("layout") / "x.h5"
    with h5py.File(path, "w") as file:
        for name in ("times", "units"):
            dtype = data.draw(DTYPES)
            lists = file.create_dataset(f"spikes/{name}", len(numbers), h5py.vlen_dtype(dtype))
            for sample, number in enumerate(numbers):
                lists[sample] = _array(dtype, [number])
        file["labels"] = _array(data.draw(DTYPES), numbers)
        if data.draw(st.booleans()):
            file["extra/keys"] = [b"a", b"b"]
    with suppress(NmtoolError):
        read_shd(path)


def test_labels_beyond_64_bits_are_not_among_the_classes(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    labels = np.array([1e300, 0.0])
    np.savez(path, spikes=np.ones((2, 3, 1)), labels=labels, class_names=["a", "b"], dt_ms=1.0)
    with refused(DataError, "labels-range"):
        read_incoming(path)

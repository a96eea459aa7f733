"""Damage inside a file gives an error or a valid object."""

from __future__ import annotations

import copy
import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from nmtool import storage
from nmtool.errors import FileFormatError, Finding, NetworkError
from nmtool.known_answers import KnownAnswers
from nmtool.recording import Recording
from nmtool.storage import Archive
from tests.nmtool.storage.archives import KINDS, SAMPLES, Saved, assert_refused, read, write
from tests.refusals import refused

REPLACEMENTS: list[Any] = [None, True, -1, 1.5, 10**30, float("nan"), "x", "", [], [1], {}]


def places(value: Any, prefix: tuple = ()) -> Iterator[tuple]:
    """Paths to everything inside nested dictionaries and lists."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        yield (*prefix, key)
        if isinstance(inner, dict | list):
            yield from places(inner, (*prefix, key))


def changed(header: Any, place: tuple, change: Callable[[Any, Any], None]) -> Any:
    header = copy.deepcopy(header)
    inner = header
    for key in place[:-1]:
        inner = inner[key]
    change(inner, place[-1])
    return header


def works(saved: Saved) -> None:
    """Use an object: save, load, and compute with it."""
    buffer = io.BytesIO()
    header, arrays = storage.pack(saved)
    np.savez(buffer, header=np.array(json.dumps(header)), **arrays)
    if isinstance(saved, Recording):
        assert saved.predictions.shape == (saved.n_samples,)
        assert all(raster.dense().ndim == 3 for raster in saved.spikes.values())
        assert all(type(count) is int for count in saved.counts.values())
    elif isinstance(saved, KnownAnswers):
        works(saved.recording)
        assert saved.spikes.dense().ndim == 3
    else:
        assert all(type(size) is int for size in (saved.channels.size, saved.channels.group))
        assert saved.max_delay >= 0


def refused_or_works(kind: str, path: Path) -> bool:
    try:
        loaded = KINDS[kind].load(path)
    except FileFormatError:
        return True
    works(loaded)
    return False


OPTIONAL = ("group", "bias_exponent", "weight_bits", "weight_exponent")
"""Keys of a header that have defaults."""


def test_every_key_of_the_header_is_needed(kind: str, path: Path) -> None:
    header, arrays = read(path)
    for place in places(header):
        if isinstance(place[-1], str) and place[-1] not in OPTIONAL and place[0] != "counts":
            write(path, changed(header, place, lambda inner, key: inner.pop(key)), arrays)
            refused_or_works(kind, path)


def test_values_of_other_types_in_the_header(kind: str, path: Path) -> None:
    header, arrays = read(path)
    refused = 0
    for place in places(header):
        for value in REPLACEMENTS:
            wrong = changed(header, place, lambda inner, key, to=value: inner.__setitem__(key, to))
            refused += refused_or_works(kind, write(path, wrong, arrays))
    assert refused > 50


def test_every_array_is_needed(kind: str, path: Path) -> None:
    header, arrays = read(path)
    for name in arrays:
        error = assert_refused(
            kind, write(path, header, {key: a for key, a in arrays.items() if key != name})
        )
        assert name in error.why


def test_arrays_of_other_types_and_shapes(kind: str, path: Path) -> None:
    header, arrays = read(path)
    for name, good in arrays.items():
        flat = good.ravel()
        wrong = [
            np.array("x"),
            np.zeros(()),
            good[None],
            flat.astype(str).reshape(good.shape),
            np.full(good.shape, np.nan),
            np.full(good.shape, 0.25),
            np.full(good.shape, 1j),
            np.full(good.shape, 2**40),
            np.full(good.shape, -(2**40)),
            np.full(good.shape, "2020-01-01", "M8[D]"),
            np.zeros(good.shape, [("a", "i4"), ("b", "f8")]),
        ]
        for array in wrong:
            refused_or_works(kind, write(path, header, {**arrays, name: array}))
        assert refused_or_works(kind, write(path, header, {**arrays, name: good[None]}))


@pytest.mark.parametrize("name", ["membrane.out", "current.a", "potential.a"])
def test_recordings_over_different_samples_or_steps(name: str, tmp_path: Path) -> None:
    path = tmp_path / "file.npz"
    SAMPLES[Recording.file_kind].save(path)
    header, arrays = read(path)
    for wrong in (arrays[name][:1], arrays[name][:, 1:]):
        write(path, header, {**arrays, name: wrong})
        assert_refused(Recording.file_kind, path, "recording-shapes-differ")


def test_a_recording_without_its_output(tmp_path: Path) -> None:
    path = tmp_path / "file.npz"
    SAMPLES[Recording.file_kind].save(path)
    header, arrays = read(path)
    write(path, {**header, "readout": {"population": "a", "rule": "max"}}, arrays)
    assert "'a'" in assert_refused(Recording.file_kind, path, "output-not-recorded").what


def test_errors_of_contents_keep_why_fix_and_findings(tmp_path: Path) -> None:
    finding = Finding("one-code", "a", "what", "fix")
    first = NetworkError("what", code="some-code", why="why", fix="fix", findings=[finding])
    with refused(FileFormatError, "some-code") as caught, Archive(tmp_path, {}, {}).checked():
        raise first
    error = caught.value
    assert (error.why, error.fix, error.findings) == ("why", "fix", (finding,))
    assert caught.value.__cause__ is first


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats() | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
)


@given(VALUES)
def test_the_memory_of_json_has_a_bound(value: Any) -> None:
    text = json.dumps(value)

    def memory(value: Any) -> int:
        inner = [*value, *value.values()] if isinstance(value, dict) else value
        parts = inner if isinstance(value, list | dict) else []
        return sys.getsizeof(value) + sum(map(memory, parts))

    assert sys.getsizeof(text) + memory(json.loads(text)) <= storage.json_memory(text) + 512

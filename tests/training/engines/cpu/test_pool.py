"""Scratch memory is reused, but never lent to two borrowers at the same time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st

from nmtool.training.engines.cpu.pool import Pool, sparse

_PAGES = Path("/proc/self/statm")


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 40)), min_size=1, max_size=6))
def test_borrowed_arrays_do_not_share_memory(shapes: list[tuple[int, int]]) -> None:
    pool = Pool()
    for _ in range(2):
        _borrow_all(pool, shapes, 0)


def _borrow_all(pool: Pool, shapes: list[tuple[int, int]], value: int) -> None:
    if not shapes:
        return
    with pool.lend(shapes[0], np.int32) as array:
        assert array.shape == shapes[0]
        array[:] = value
        _borrow_all(pool, shapes[1:], value + 1)
        assert (array == value).all()


def test_memory_is_reused_and_does_not_grow() -> None:
    pool = Pool()
    with pool.lend((3, 4), np.float64) as first:
        first[:] = 1.5
    with pool.lend((3, 4), np.float32) as second:
        assert np.shares_memory(first, second)
    for size in range(100, 200, 10):
        with pool.lend((size,), np.uint8):
            pass
    assert len(pool._free) == 1


def test_memory_is_returned_after_an_error() -> None:
    pool = Pool()
    try:
        with pool.lend((4,), np.uint8) as array:
            raise ValueError
    except ValueError:
        pass
    with pool.lend((4,), np.uint8) as again:
        assert np.shares_memory(array, again)


@pytest.mark.skipif(not _PAGES.exists(), reason="this system does not count resident pages")
def test_sparse_memory_only_occupies_touched_pages() -> None:
    with Pool(sparse).lend((1 << 27,), np.uint8) as array:
        before = _resident_pages()
        array[:: 1 << 24] = 1
        assert _resident_pages() - before < 100
        assert array[1 << 24] == 1


def _resident_pages() -> int:
    return int(_PAGES.read_text().split()[1])

"""Division of work: everything is covered exactly once, within the limits."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from nmtool.errors import UsageError
from nmtool.training.engines.cuda.limits import Limits
from tests.refusals import refused

pytestmark = pytest.mark.torch

SIZES = st.integers(1, 5000)


@given(samples=SIZES, sample_bytes=st.integers(0, 1 << 40))
def test_portions_cover_the_batch_and_fit(samples: int, sample_bytes: int) -> None:
    limits = Limits()
    portions = list(limits.portions(samples, sample_bytes))
    assert [first for first, _ in portions] == [0, *(last for _, last in portions[:-1])]
    assert portions[-1][1] == samples
    for first, last in portions:
        assert last - first == 1 or (last - first) * sample_bytes <= limits.scratch_bytes


@given(samples=SIZES, free=st.integers(0, 1 << 36))
def test_portions_take_half_of_the_free_memory_at_most(samples: int, free: int) -> None:
    limits, sample_bytes = Limits(), 16 << 20
    for first, last in limits.portions(samples, sample_bytes, free):
        assert last - first == 1 or (last - first) * sample_bytes <= free / 2
        assert last - first == 1 or (last - first) * sample_bytes <= limits.scratch_bytes


@given(samples=st.integers(0, 5000), blocks=SIZES)
def test_chunks_occupy_the_requested_blocks(samples: int, blocks: int) -> None:
    limits = Limits()
    size = limits.chunk_size(samples, blocks)
    assert size >= 1
    chunks = -(-samples // size)
    assert chunks <= -(-limits.blocks // blocks)
    assert size == 1 or (size - 1) * -(-limits.blocks // blocks) < samples


@given(size=st.integers(0, 5000))
def test_threads_are_whole_warps(size: int) -> None:
    threads = Limits().threads_for(size)
    assert threads % 32 == 0
    assert 32 <= threads <= 1024
    assert threads >= min(size, 1024)


@given(arrival_span=st.integers(1, 6000), itemsize=st.sampled_from([4, 8]))
def test_rings_fit(arrival_span: int, itemsize: int) -> None:
    lanes = Limits().ring_lanes(arrival_span, itemsize)
    assert lanes * arrival_span * itemsize <= 48 << 10
    assert lanes == 32 or 2 * lanes * arrival_span * itemsize > 48 << 10


def test_the_longest_delays() -> None:
    assert Limits().ring_lanes((48 << 10) // 4, 4) == 1
    with refused(UsageError, "delays-too-long-for-gpu") as caught:
        Limits().ring_lanes((48 << 10) // 4 + 1, 4)
    assert "12288 steps" in caught.value.what


def test_windows_hold_two_traces() -> None:
    assert Limits().window(2000, 4) == 2000
    assert 8 * (Limits().window(100_000, 8) + 1) <= 48 << 10


def test_populations_beyond_shared_memory_are_refused() -> None:
    limits = Limits()
    for neurons, itemsize in ((2048, 4), (2048, 8), (5000, 4)):
        assert limits.state_bytes(neurons, itemsize) <= 48 << 10
    with refused(UsageError, "population-too-large-for-gpu") as caught:
        limits.state_bytes(6000, 4)
    assert "6000 neurons" in caught.value.what

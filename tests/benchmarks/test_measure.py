"""Measured memory."""

from __future__ import annotations

import numpy as np

from benchmarks.measure import PeakMemory


def test_the_peak_remains_after_memory_is_freed() -> None:
    memory = PeakMemory()
    assert memory.peak() < 20
    block = np.ones(60_000_000, np.uint8)
    assert memory.now() > 50
    del block
    assert 50 < memory.peak() < 80

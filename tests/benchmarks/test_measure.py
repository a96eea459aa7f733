"""Medians of times, and measured memory."""

from __future__ import annotations

import numpy as np

from benchmarks.measure import PeakMemory, StepTimes, medians


def test_each_part_has_its_own_median() -> None:
    steps = [StepTimes(1, 9, 3, 7), StepTimes(2, 7, 1, 8), StepTimes(9, 8, 2, 9)]
    assert medians(steps) == StepTimes(2, 8, 2, 8)
    assert steps[0].total == 13


def test_the_peak_remains_after_memory_is_freed() -> None:
    memory = PeakMemory()
    assert memory.peak() < 20
    block = np.ones(60_000_000, np.uint8)
    assert memory.now() > 50
    del block
    assert 50 < memory.peak() < 80

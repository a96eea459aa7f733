"""Threads of simulated blocks wait at barriers, and a block ends if a thread fails."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nmtool.training.engines.cuda import SIMULATED
from nmtool.training.engines.cuda.kernels.compiled import cuda, kernel

pytestmark = pytest.mark.torch
pytestmark = [pytestmark, pytest.mark.cuda]
pytestmark += [pytest.mark.skipif(not SIMULATED, reason="needs NUMBA_ENABLE_CUDASIM=1")]

THREADS = 32


@kernel
def turned(waits, values, sums):
    """Every thread adds up the values that all other threads wrote."""
    thread = cuda.threadIdx.x
    values[thread] = thread
    if waits:
        cuda.syncthreads()
    for other in range(values.size):
        sums[thread] += values[other]


@kernel
def failing(values):
    """The second thread accesses memory beyond the array, while the others wait for it."""
    thread = cuda.threadIdx.x
    if thread == 1:
        values[values.size] = 1
    cuda.syncthreads()
    values[thread] = 1


def _launch(function: Any, *arguments: Any) -> None:
    function[1, THREADS](*arguments)


@pytest.mark.filterwarnings("ignore:Grid size")
def test_a_barrier_makes_writes_of_other_threads_visible() -> None:
    values, sums = np.zeros((2, THREADS))
    _launch(turned, True, values, sums)
    assert (sums == sum(range(THREADS))).all()
    values, sums = np.zeros((2, THREADS))
    _launch(turned, False, values, sums)
    assert (sums[:-1] != sum(range(THREADS))).all()


@pytest.mark.filterwarnings("ignore:Grid size")
def test_a_thread_that_fails_ends_its_block() -> None:
    values = np.zeros(THREADS)
    with pytest.raises(IndexError):
        _launch(failing, values)
    assert not values.any()

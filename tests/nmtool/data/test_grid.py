"""The time grid that is proposed for data."""

from __future__ import annotations

import numpy as np
import pytest

from nmtool.data import SpikeEvents
from nmtool.data.grid import lost_share, most_in_bin, propose_grid


def dense(n_steps: int, dt_ms: float) -> SpikeEvents:
    """Twenty samples of noise that last `n_steps`, in steps of `dt_ms`."""
    spikes = np.random.default_rng(1).random((20, n_steps, 6)) < 0.1
    spikes[:, -1, 0] = True
    return SpikeEvents.from_dense(spikes, np.zeros(20, int), dt_ms=dt_ms)


@pytest.mark.parametrize("dt_ms", [0.1, 0.125, 1.0, 3.0, 10.0, 50.0])
def test_time_steps_of_data_are_kept(dt_ms: float) -> None:
    grid = propose_grid(dense(30, dt_ms))
    assert grid is not None
    assert (grid.dt_ms, grid.n_steps, grid.merged) == (dt_ms, 30, 0.0)


def test_counts_do_not_change_the_grid() -> None:
    times = np.arange(0.0, 100.0, 2.5)
    lists = [times] * 3, [[0] * 40] * 3, [0, 1, 0]
    several = SpikeEvents.from_lists(*lists, counts=[[9] * 40] * 3)
    assert propose_grid(several) == propose_grid(SpikeEvents.from_lists(*lists))
    assert most_in_bin(several, 2.5, 40) == 9
    assert [lost_share(several, 2.5, 40, 1, most) for most in (9, 3)] == [0.0, 6 / 9]


def test_short_steps_of_data_may_be_merged() -> None:
    grid = propose_grid(dense(20_000, 0.01))
    assert grid is not None
    assert (grid.dt_ms, grid.n_steps) == (0.05, 4000)
    assert grid.merged > 0


def test_times_without_a_common_step_get_at_least_fifty_steps() -> None:
    times = np.array([0.0, 10.0, 20.0 + 1 / 3, 30.0])
    grid = propose_grid(SpikeEvents.from_lists([times], [[0] * 4], [0]))
    assert grid is not None
    assert (grid.dt_ms, grid.n_steps) == (0.5, 61)


def test_all_events_at_the_start() -> None:
    assert propose_grid(SpikeEvents.from_lists([[0.0]], [[0]], [0])) is None

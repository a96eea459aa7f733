from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st

from nmtool.errors import UsageError
from nmtool.network.float_parts import Projection
from nmtool.network.graph import INPUT
from nmtool.quantisation import DelayGrid
from nmtool.quantisation.pipeline import quantise_network
from nmtool.targets import LOIHI2
from tests.nmtool.quantisation.cases import codes, one_population
from tests.refusals import refused

grids = st.builds(
    DelayGrid,
    st.sampled_from(LOIHI2.delay_bits),
    st.integers(1, LOIHI2.max_delay),
    st.integers(0, LOIHI2.max_delay),
)
delays = st.lists(st.floats(0, 200), min_size=1, max_size=20)


def grid_delays(grid: DelayGrid) -> list[int]:
    """All delays of a grid, by its definition."""
    return [q * grid.stride for q in range(1 << grid.bits) if q * grid.stride <= grid.limit]


@given(grids, delays)
def test_snapping_finds_the_nearest_delay(grid: DelayGrid, delay: list[float]) -> None:
    snapped = grid.snap(delay)
    assert snapped.dtype == np.int32
    for exact, got in zip(delay, snapped, strict=True):
        assert got in grid_delays(grid)
        assert abs(exact - got) == pytest.approx(min(abs(exact - d) for d in grid_delays(grid)))


@given(grids)
def test_the_grid_keeps_its_own_delays(grid: DelayGrid) -> None:
    assert grid.longest == max(grid_delays(grid))
    np.testing.assert_array_equal(grid.snap(grid_delays(grid)), grid_delays(grid))


@given(st.sampled_from(LOIHI2.delay_bits), st.integers(0, 300))
def test_spanning_minimises_the_largest_error(bits: int, longest: int) -> None:
    limit = min(longest, LOIHI2.max_delay)
    delays = np.linspace(0, limit, 977)

    def furthest(grid: DelayGrid) -> float:
        return float(np.abs(grid.snap(delays) - delays).max())

    strides = range(1, LOIHI2.max_delay + 1)
    best = min(furthest(DelayGrid(bits, stride)) for stride in strides)
    assert furthest(DelayGrid.spanning(bits, longest)) == pytest.approx(best, abs=0.1)
    best = min(furthest(DelayGrid(bits, stride, limit)) for stride in strides)
    assert furthest(DelayGrid.spanning(bits, limit, limit)) == pytest.approx(best, abs=0.1)


@given(st.sampled_from(LOIHI2.delay_bits), st.integers(0, LOIHI2.max_delay), delays)
def test_a_grid_that_spans_delays_keeps_its_limit(
    bits: int, limit: int, delay: list[float]
) -> None:
    grid = DelayGrid.spanning(bits, limit, limit)
    assert grid.longest <= grid.limit == limit
    assert grid.snap(delay).max() <= limit


@pytest.mark.parametrize(("bits", "stride"), [(6, 1), (5, 2), (4, 4), (3, 8), (2, 18), (1, 41)])
def test_strides_that_span_the_delays_of_the_target(bits: int, stride: int) -> None:
    assert DelayGrid.spanning(bits, LOIHI2.max_delay) == DelayGrid(bits, stride)


def test_the_last_delay_within_a_limit() -> None:
    assert DelayGrid(3, 3).longest == 21
    assert DelayGrid(3, 3, limit=20).longest == 18
    assert DelayGrid(3, 21, limit=20).longest == 0


@pytest.mark.parametrize(("bits", "stride"), [(0, 1), (7, 1), (6, 0), (6, LOIHI2.max_delay + 1)])
def test_bits_and_strides_beyond_the_target_are_refused(bits: int, stride: int) -> None:
    code = "delay-stride-range" if bits == 6 else "delay-bits-range"
    with refused(UsageError, code):
        DelayGrid(bits, stride)


@pytest.mark.parametrize("limit", [-1, LOIHI2.max_delay + 1])
def test_a_limit_beyond_the_target_is_refused(limit: int) -> None:
    with refused(UsageError, "delay-limit-range"):
        DelayGrid(limit=limit)


def test_delays_and_bits_are_whole_numbers() -> None:
    for wrong in ({"stride": 1.5}, {"limit": 2.5}, {"bits": "6"}, {"target": "loihi2"}):
        with refused(UsageError, "argument-type"):
            DelayGrid(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("dead", [9, 60, 200])
def test_delays_of_synapses_of_weight_0_do_not_count(dead: int) -> None:
    """Synapses without weight deliver nothing; their delays must not make the grid coarser."""
    weight = np.array([[3.0] * 4, [0.0] * 4])
    delay = np.array([[0, 3, 6, 9], [dead] * 4])
    projection = Projection(INPUT, "p", weight, delay)
    network = one_population(weight).with_projections([projection])
    quantised = quantise_network(network, delay_bits=4)
    assert quantised.network.projections[0].delay[0].tolist() == [0, 3, 6, 9]
    assert "delay-range" not in codes(quantised)
    (report,) = quantised.report.projections
    assert (report.delays_clipped, report.delay_error) == (0, 0)
    cut = quantise_network(network.with_projections([replace(projection, weight=weight + 1)]))
    assert ("delay-range" in codes(cut)) == (dead == 200)

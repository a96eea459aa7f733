from __future__ import annotations

import numpy as np
from hypothesis import given, strategies as st

from nmtool.dynamics import drive_scale
from nmtool.network.float_network import Network
from nmtool.quantisation.weights import least_error_range, weight_ranges
from nmtool.rounding import round_half_away
from tests.networks.drawn import float_networks

levels = st.sampled_from([1, 7, 31, 127])
seeds = st.integers(0, 2**32 - 1)


def error(weight: np.ndarray, levels: int, reach: float) -> float:
    whole = np.clip(round_half_away(weight * levels / reach), -levels, levels)
    return float(np.sum((whole * reach / levels - weight) ** 2))


@given(seeds, levels)
def test_the_error_is_at_most_that_of_the_largest_weight(seed: int, levels: int) -> None:
    weight = np.random.default_rng(seed).standard_t(3, (20, 10))
    largest = float(np.abs(weight).max())
    reach = least_error_range(weight, levels)
    assert 0 < reach <= largest
    assert error(weight, levels, reach) <= error(weight, levels, largest)


def test_one_outlier_does_not_set_the_range() -> None:
    weight = np.append(np.linspace(-1, 1, 1000), 10.0)
    assert least_error_range(weight, 1) < 2
    assert least_error_range(weight, 127) == 10.0


def test_weights_of_zero_have_a_range_of_zero() -> None:
    assert least_error_range(np.zeros((3, 2)), 7) == 0.0


@given(float_networks((1, 2, 5)), st.sampled_from([2, 4, 8]))
def test_every_projection_has_a_range_within_its_weights(network: Network, bits: int) -> None:
    ranges = weight_ranges(network, bits)
    assert list(ranges) == list(range(len(network.projections)))
    for index, projection in enumerate(network.projections):
        target = network.population(projection.target)
        scale = drive_scale(target.values("tau_mem_ms"), target.values("tau_syn_ms"), network.dt_ms)
        assert 0 <= ranges[index] <= np.abs(projection.weight * scale).max(initial=0)

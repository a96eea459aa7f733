from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from nmtool.hardware_sim.simulator import simulate
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork
from nmtool.quantisation import round_network, weight_ranges
from nmtool.quantisation.weights import score_error, search_ranges
from nmtool.testing.networks import random_raster
from tests.nmtool.quantisation.test_calibration import spiking_network

BITS = 2


@pytest.fixture
def network() -> Network:
    return spiking_network()


def scores_in_units(integers: IntegerNetwork, raster) -> np.ndarray:
    unit = integers.population("out").unit
    return simulate(integers, raster).scores / unit


def test_equal_scores_are_no_error(network: Network) -> None:
    raster = random_raster(0, 4, 40, 10)
    integers = round_network(network).network
    wanted = scores_in_units(integers, raster)
    assert score_error(integers, raster, wanted) == 0
    assert score_error(integers, raster, wanted + 3.0) == pytest.approx(0, abs=1e-12)
    assert score_error(integers, raster, 2 * wanted) == pytest.approx(0.25)


def test_the_search_lowers_the_error(network: Network) -> None:
    raster = random_raster(1, 8, 40, 10)
    wanted = scores_in_units(round_network(network).network, raster)
    to_integers = partial(round_network, network, weight_bits=BITS)
    start = weight_ranges(network, BITS)
    errors: list[float] = []
    optimum = search_ranges(
        start,
        lambda ranges: to_integers(ranges=ranges).network,
        raster,
        wanted,
        on_try=errors.append,
    )
    before = score_error(to_integers(ranges=start).network, raster, wanted)
    after = score_error(to_integers(ranges=optimum).network, raster, wanted)
    assert after < before
    assert errors[-1] == after
    assert errors == sorted(errors, reverse=True)

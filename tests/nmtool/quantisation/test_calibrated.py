"""Scales from calibration data; invalid options are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nmtool.errors import UsageError
from nmtool.network.float_network import Network
from nmtool.quantisation import Calibration, round_network
from tests.nmtool.quantisation.cases import codes, one_population
from tests.refusals import refused


def test_calibration_sets_the_head_room_of_outputs() -> None:
    network = one_population(np.random.default_rng(1).normal(size=(50, 2)), kind="li")
    blind = round_network(network).network.populations[0].scale
    seen = {"p": 40.0}
    calibrated = round_network(network, calibration=Calibration(membrane=seen))
    seeing = calibrated.network.populations[0].scale
    assert seeing > blind
    assert 64 * seeing * 2 * 40.0 <= 2**23


def test_calibration_keeps_inhibited_membranes_in_range() -> None:
    network = one_population(np.random.default_rng(1).normal(size=(4, 2)))
    blind = round_network(network).network.populations[0].scale
    reach = 2**23 / 64 / blind  # This is the largest v in range at that scale.
    calm, deep = (
        round_network(network, calibration=Calibration(membrane={"p": share * reach}))
        for share in (0.7, 1.5)
    )
    assert calm.network.populations[0].scale == blind
    assert deep.network.populations[0].scale * 1.25 * 1.5 <= blind
    assert codes(deep) == []


def dense_input() -> Network:
    """A network with so many equal weights that static bounds cost nine tenths of the range."""
    return one_population(np.full((4000, 2), 0.1))


@pytest.mark.parametrize(
    ("drive", "current", "scale"), [(0.5, 0.6, 2**15), (0.5, 4.0, 2**14), (1.0, 0.6, 2**14)]
)
def test_data_may_set_the_scale(drive: float, current: float, scale: float) -> None:
    """Twice the range on data fits: 2·drive < 2^15 and 64·2·current < 2^23 in integers."""
    network = dense_input()
    calibration = Calibration({"p": drive}, {"p": current}, {})
    static = round_network(network, calibration=calibration)
    trusting = round_network(network, calibration=calibration, scale="data")
    assert codes(static) == []
    assert codes(trusting) == ["bounds-from-data"]
    assert static.network.populations[0].scale < scale / 4
    assert trusting.network.populations[0].scale == pytest.approx(scale, rel=2e-3)
    assert trusting.report.populations[0].current_share > 1


def test_data_beyond_the_static_bounds_change_nothing() -> None:
    network = dense_input()
    calibration = Calibration({"p": 1e6}, {"p": 1e6})
    trusting = round_network(network, calibration=calibration, scale="data")
    assert codes(trusting) == []
    assert trusting.network.content_hash == round_network(network).network.content_hash


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"weight_bits": 1}, "weight-bits-range"),
        ({"weight_bits": 9}, "weight-bits-range"),
        ({"scale": "dynamic"}, "scale-rule-unknown"),
        ({"scale": "data"}, "calibration-data-missing"),
    ],
)
def test_invalid_options_are_refused(options: dict[str, Any], code: str) -> None:
    with refused(UsageError, code):
        round_network(dense_input(), **options)

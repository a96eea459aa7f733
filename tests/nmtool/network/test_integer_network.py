from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from nmtool.arithmetic import LOIHI2
from nmtool.errors import NetworkError, UsageError
from nmtool.network.graph import INPUT, InputChannels
from nmtool.network.integer_network import (
    EXCITATORY,
    INHIBITORY,
    MIXED,
    IntegerNetwork,
    IntegerPopulation,
    IntegerProjection,
    sign_mode,
)
from nmtool.network.readout import Readout
from nmtool.testing.networks import random_network
from tests.refusals import refused


def population(**changes: Any) -> IntegerPopulation:
    constants = {"du": 400, "dv": 200, "vth": 100, "scale": 2.5}
    return IntegerPopulation("a", 2, **{"kind": "lif", **constants, **changes})


def projection(weight: Any, delay: Any = 0, bits: Any = 8, exponent: Any = 0) -> IntegerProjection:
    weight = np.atleast_2d(weight)
    return IntegerProjection(INPUT, "a", weight, np.full(weight.shape, delay), bits, exponent)


@pytest.mark.parametrize(
    ("key", "limit"), [("du", 4095), ("dv", 4095), ("vth", 131071), ("bias_exponent", 7)]
)
def test_constants_are_whole_numbers_in_their_ranges(key: str, limit: int) -> None:
    for legal in (0, limit, float(limit)):
        value = getattr(population(**{key: legal}), key)
        assert value == legal
        assert type(value) is int
    for wrong in (-1, limit + 1, 0.5, math.nan, math.inf):
        with refused(NetworkError, "constant-range") as caught:
            population(**{key: wrong})
        assert key in caught.value.what
        assert f"{limit}" in caught.value.what


@pytest.mark.parametrize("scale", [0.0, -1.0, math.nan, math.inf])
def test_scales_are_positive(scale: float) -> None:
    with refused(NetworkError, "scale-range"):
        population(scale=scale)


def test_an_integrating_population_never_fires() -> None:
    assert population(kind="li", vth=1 << 17).vth == 1 << 17
    with refused(NetworkError, "li-threshold"):
        population(kind="li", vth=100)


def test_bias_is_mantissa_times_a_power_of_two() -> None:
    biased = population(bias_mantissa=[-4096, 4095], bias_exponent=7)
    assert biased.bias.tolist() == [-4096 * 128, 4095 * 128]
    assert population(bias_mantissa=3).bias.tolist() == [3, 3]
    assert biased.bias_mantissa.dtype == np.int16


@pytest.mark.parametrize("mantissa", [-4097, 4096, 0.5, math.nan])
def test_bias_mantissas_out_of_range(mantissa: float) -> None:
    with refused(NetworkError, "bias-mantissa-range"):
        population(bias_mantissa=[0, mantissa])


@pytest.mark.parametrize(
    ("weight", "mode"),
    [
        ([[0, 3], [255, 0]], EXCITATORY),
        ([[0, 0]], EXCITATORY),
        (np.zeros((0, 3)), EXCITATORY),
        ([[-1, 0]], INHIBITORY),
        ([[-2, 2]], MIXED),
    ],
)
def test_sign_mode_of_the_whole_matrix(weight: Any, mode: str) -> None:
    assert sign_mode(np.asarray(weight)) == mode


@given(st.lists(st.integers(-300, 300), min_size=1, max_size=3), st.integers(2, 8))
def test_weights_lava_would_round_are_refused(weight: list[int], bits: int) -> None:
    """Lava must use the stored weights, so its own truncation must not change them."""
    mode = sign_mode(np.array(weight))
    low = {MIXED: -256, EXCITATORY: 0, INHIBITORY: -255}[mode]
    high = {MIXED: 255, EXCITATORY: 255, INHIBITORY: 0}[mode]
    shift = 8 - bits + (mode == MIXED)
    lava = [min(max(w, low), high) >> shift << shift for w in weight]
    if lava == weight and -256 not in weight:
        assert projection(weight, bits=bits).weight.tolist() == [weight]
    else:
        code = "weights-range" if max(map(abs, weight)) > 255 else "weights-step"
        with refused(NetworkError, code):
            projection(weight, bits=bits)


@pytest.mark.parametrize("weight", [0.5, math.nan, math.inf, -256, 256])
def test_weights_are_whole_and_below_256(weight: float) -> None:
    with refused(NetworkError, "weights-step" if weight == 0.5 else "weights-range"):
        projection(weight)


@pytest.mark.parametrize("delay", [-1, 0.5, 62, math.nan])
def test_delays_are_whole_steps_up_to_61(delay: float) -> None:
    with refused(NetworkError, "delays-not-steps") as caught:
        projection(2, delay=delay)
    assert "61" in caught.value.what


@pytest.mark.parametrize("bits", [1, 9, 4.5])
def test_bits_are_2_to_8(bits: float) -> None:
    with refused(NetworkError, "projection-bits-range"):
        projection(0, bits=bits)


@pytest.mark.parametrize(("bits", "least"), [(8, 0), (6, -2), (4, -4), (2, -6)])
def test_exponents_shift_no_bit_out(bits: int, least: int) -> None:
    for exponent in (least - 1, 8, least + 0.5, math.nan):
        with refused(NetworkError, "projection-exponent-range") as caught:
            projection(0, bits=bits, exponent=exponent)
        assert f"{least} … 7" in caught.value.what
    step = LOIHI2.weight_step(bits, mixed_signs=True)
    finest = projection([[-step, step]], bits=bits, exponent=least)
    assert finest.shifted_weight.tolist() == [[-2, 2]]


def test_constants_that_are_not_numbers() -> None:
    for wrong in ({"vth": None}, {"du": "1"}, {"scale": "1"}, {"bias_mantissa": "1"}):
        with refused(UsageError, "argument-type"):
            population(**wrong)
    with refused(NetworkError, "constants-shape"):
        population(bias_mantissa=[1, 2, 3])
    with refused(UsageError, "argument-type"):
        IntegerProjection(INPUT, "a", "text", [[0]])  # type: ignore[arg-type]


def test_shapes_must_agree() -> None:
    with refused(NetworkError, "weights-delays-shape"):
        IntegerProjection(INPUT, "a", np.zeros((2, 3)), np.zeros((3, 2)))


def test_dtypes_are_fixed() -> None:
    synapses = projection([[-4.0, 6.0]], delay=61.0, exponent=7)
    assert (synapses.weight.dtype, synapses.delay.dtype) == (np.int16, np.uint8)
    assert synapses.shifted_weight.tolist() == [[-512, 768]]
    assert synapses.shifted_weight.dtype == np.int32
    assert (synapses.shape, synapses.sign_mode) == ((1, 2), MIXED)


def test_an_unknown_arithmetic_is_refused() -> None:
    with refused(NetworkError, "arithmetic-unknown") as caught:
        IntegerNetwork(
            InputChannels(1),
            [population()],
            [],
            Readout("a", "first_spike"),
            1.0,
            5,
            arithmetic="loihi3",
        )
    assert "'loihi3'" in caught.value.what


def test_spiking_and_integrating_populations() -> None:
    network = random_network(0, n_hidden=2, spiking_output=False)
    assert [p.name for p in network.spiking] == ["h0", "h1"]
    assert [p.name for p in network.integrating] == ["out"]
    assert network.population("h1").size == network.spiking[1].size
    assert network.max_delay == max(int(p.delay.max()) for p in network.projections)
    assert network.class_names == ("0", "1", "2", "3")


def test_the_hash_depends_on_the_content() -> None:
    networks = [random_network(seed, 1, False) for seed in (0, 0, 1)]
    hashes = [network.content_hash for network in networks]
    assert hashes[0] == hashes[1] != hashes[2]

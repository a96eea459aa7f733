from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nmtool.dynamics import decay, drive_scale, membrane_gain
from nmtool.errors import UsageError
from nmtool.graph import INPUT, InputChannels
from nmtool.integer_network import IntegerNetwork, IntegerPopulation, sign_mode
from nmtool.network import Network, Population, Projection
from nmtool.quantise import Calibration, Quantisation, quantise
from nmtool.readout import Readout
from tests.strategies import float_networks

bits_strategy = st.sampled_from([2, 3, 4, 6, 8])
FAN_IN = (1, 2, 5, 40, 1000)


def one_population(
    *weights: NDArray, delay: int = 0, kind: str = "lif", dt_ms: float = 1.0, **constants: Any
) -> Network:
    """Projections from the input to the population `p`."""
    pre, post = weights[0].shape if weights else (1, 2)
    return Network(
        InputChannels(pre),
        [Population("p", post, kind, **constants)],
        [Projection(INPUT, "p", weight, np.full(weight.shape, delay)) for weight in weights],
        Readout("p", "first_spike" if kind == "lif" else "mean"),
        dt_ms,
        10,
    )


def codes(result: Quantisation) -> list[str]:
    return [finding.code for finding in result.report.findings]


def worst_sum(network: IntegerNetwork, population: IntegerPopulation) -> int:
    """The worst neuron's sum of one sign, in exact integers."""
    sums = np.zeros((2, population.size), object)
    for projection in network.projections:
        if projection.target == population.name:
            weight = projection.weight.astype(object) * 2**projection.weight_exponent
            sums[0] += np.maximum(weight, 0).sum(axis=0)
            sums[1] += np.maximum(-weight, 0).sum(axis=0)
    return int(sums.max())


# The bounds hold for every possible input.


@given(float_networks(FAN_IN), bits_strategy)
def test_no_input_overflows_a_or_u(network: Network, bits: int) -> None:
    result = quantise(network, weight_bits=bits)
    for population, report in zip(
        result.network.populations, result.report.populations, strict=True
    ):
        a = worst_sum(result.network, population)
        assert a < 2**15
        assert 64 * a * 4096 < 2**23 * (population.du + 1)
        assert report.drive_share == pytest.approx(a / 2**15)
        assert report.current_share == pytest.approx(a / 2**17 * 4096 / (population.du + 1))


@given(float_networks(FAN_IN), bits_strategy)
def test_without_calibration_no_input_saturates_a_leaky_output(network: Network, bits: int) -> None:
    result = quantise(network, weight_bits=bits)
    for population in result.network.integrating:
        if population.dv:
            u = 64 * worst_sum(result.network, population) * 4096 / (population.du + 1)
            v = (u + int(np.abs(population.bias).max())) * 4096 / population.dv
            assert v < 2**23


@pytest.mark.parametrize("bits", range(2, 9))
@pytest.mark.parametrize(("weight", "kind"), [(0.05, "lif"), (-0.05, "lif"), (1.0, "li")])
def test_many_equal_weights_that_all_round_up(weight: float, bits: int, kind: str) -> None:
    for fan_in in range(990, 1010):
        network = one_population(np.full((fan_in, 1), weight), kind=kind)
        held = quantise(network, weight_bits=bits).network
        (population,) = held.populations
        a = worst_sum(held, population)
        assert a < 2**15
        assert 64 * a * 4096 < 2**23 * (population.du + 1)
        if kind == "li":
            assert 64 * a * 4096**2 < 2**23 * (population.du + 1) * population.dv


def test_the_bounds_are_used_up() -> None:
    """A fan-in of 1000 equal weights by u or a, a few weights by the largest."""
    for tau_syn in (5.0, 0.1):
        weight = abs(np.random.default_rng(0).normal(size=(1000, 3)))
        (report,) = quantise(one_population(weight, tau_syn_ms=tau_syn)).report.populations
        assert 0.98 < max(report.current_share, report.drive_share) < 1
    (projection,) = quantise(one_population(np.array([[0.3, -0.1]]))).network.projections
    assert np.abs(projection.weight).max() == 254


# Every integer is the nearest one.


@given(float_networks(), bits_strategy)
def test_weights_are_rounded_to_the_nearest_of_their_grid(network: Network, bits: int) -> None:
    result = quantise(network, weight_bits=bits).network
    for projection, exact in zip(result.projections, network.projections, strict=True):
        target, held = network.population(exact.target), result.population(exact.target)
        b = drive_scale(target.values("tau_mem_ms"), target.values("tau_syn_ms"), network.dt_ms)
        step = 2 ** (8 - bits + (sign_mode(exact.weight) == "mixed"))
        assert (projection.weight % step == 0).all()
        unit = step * 2**projection.weight_exponent
        error = projection.shifted_weight - held.scale * exact.weight * b
        assert (np.abs(error) <= unit * (0.5 + 1e-6)).all()
        assert (projection.weight * np.sign(exact.weight) >= 0).all()
        assert (projection.source, projection.target) == (exact.source, exact.target)
        assert projection.weight_bits == bits


@given(float_networks(), bits_strategy)
def test_constants_are_the_nearest_integers(network: Network, bits: int) -> None:
    result = quantise(network, weight_bits=bits).network
    for population, held in zip(network.populations, result.populations, strict=True):
        assert (held.name, held.size, held.kind) == (
            population.name,
            population.size,
            population.kind,
        )
        lost = [
            4096 * (1 - float(decay(population.values(key).mean(), network.dt_ms)))
            for key in ("tau_syn_ms", "tau_mem_ms")
        ]
        assert abs(min(max(lost[0], 1), 4095) - (held.du + 1)) <= 0.5
        assert abs(min(lost[1], 4095) - held.dv) <= 0.5
        if population.kind == "lif":
            theta = held.scale * float(population.values("threshold").mean())
            assert abs(theta - held.vth) <= 0.5 + 1e-6
        else:
            assert held.vth == 2**17
        gain = membrane_gain(population.values("tau_mem_ms"), network.dt_ms)
        bias = 64 * held.scale * gain * population.values("bias")
        assert (np.abs(held.bias - bias) <= 2**held.bias_exponent * (0.5 + 1e-6)).all()


@given(float_networks())
def test_delays_stay_or_are_cut_to_61_and_found(network: Network) -> None:
    result = quantise(network)
    long = 0
    for held, exact, report in zip(
        result.network.projections, network.projections, result.report.projections, strict=True
    ):
        assert np.array_equal(held.delay, np.minimum(exact.delay, 61))
        assert report.delays_clipped == (exact.delay > 61).sum()
        long += report.delays_clipped
    found = [f for f in result.report.findings if f.code == "delay-range"]
    assert bool(found) is bool(long)


@given(float_networks())
def test_the_rest_is_carried_over(network: Network) -> None:
    result = quantise(network).network
    for key in ("channels", "readout", "dt_ms", "n_steps", "class_names"):
        assert getattr(result, key) == getattr(network, key)
    assert result.source_hash == network.content_hash


def represented(seed: int, bits: int, signs: str) -> tuple[Network, IntegerNetwork]:
    """A float network made from integers, one of them the largest there is."""
    random = np.random.default_rng(seed)
    step = 2 ** (8 - bits + (signs == "mixed"))
    top = 256 // step - 1
    weight = random.integers(-top if signs == "mixed" else 0, top + 1, (6, 3)) * step
    weight[0, 0] = top * step
    weight[1, 0] = -step if signs == "mixed" else 0
    weight = -weight if signs == "inhibitory" else weight
    du, dv = int(random.integers(500, 4000)), int(random.integers(1, 4096))
    scale, dt = 37.0, 2.0
    tau_syn, tau_mem = (-dt / math.log1p(-lost / 4096) for lost in (du + 1, dv))
    b = float(drive_scale(tau_mem, tau_syn, dt))
    gain = float(membrane_gain(tau_mem, dt))
    constants = {"du": du, "dv": dv, "vth": 700, "scale": scale}
    mantissa = random.integers(-4095, 4096, 3)
    exact = IntegerPopulation("p", 3, "lif", **constants, bias_mantissa=mantissa)
    network = one_population(
        weight / scale / b,
        delay=61,
        dt_ms=dt,
        tau_mem_ms=tau_mem,
        tau_syn_ms=tau_syn,
        threshold=700 / scale,
        bias=mantissa / (64 * scale * gain),
    )
    projection = replace(quantise(network).network.projections[0], weight=weight)
    integers = replace(quantise(network).network, populations=[exact], projections=[projection])
    return network, integers


@pytest.mark.parametrize("signs", ["mixed", "excitatory", "inhibitory"])
@pytest.mark.parametrize("bits", [8, 5, 3])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_what_integers_can_hold_is_held_exactly(seed: int, bits: int, signs: str) -> None:
    network, integers = represented(seed, bits, signs)
    result = quantise(network, weight_bits=bits)
    (held,), (exact,) = result.network.populations, integers.populations
    for key in ("du", "dv", "vth", "bias_exponent"):
        assert getattr(held, key) == getattr(exact, key)
    assert held.scale == pytest.approx(exact.scale)
    assert np.array_equal(held.bias_mantissa, exact.bias_mantissa)
    assert np.array_equal(result.network.projections[0].weight, integers.projections[0].weight)
    (projection,), (population,) = result.report.projections, result.report.populations
    assert projection.rms_error < 1e-12
    assert abs(population.threshold_error) < 1e-12
    assert population.tau_mem_held_ms == pytest.approx(population.tau_mem_ms)
    assert population.tau_syn_held_ms == pytest.approx(population.tau_syn_ms)
    assert result.report.findings == ()


def test_halves_go_away_from_zero() -> None:
    weight = np.array([[255.0, 2.5, 3.5, 0.5, 0.25]])
    (projection,) = quantise(one_population(weight)).network.projections
    assert projection.weight.tolist() == [[255, 3, 4, 1, 0]]
    (projection,) = quantise(one_population(-weight)).network.projections
    assert projection.weight.tolist() == [[-255, -3, -4, -1, 0]]


@pytest.mark.parametrize(("bits", "step"), [(8, 2), (4, 32), (3, 64), (2, 128)])
def test_mixed_signs_cost_a_bit(bits: int, step: int) -> None:
    weight = np.linspace(-1, 1, 60).reshape(20, 3)
    (projection,) = quantise(one_population(weight), weight_bits=bits).network.projections
    assert (projection.weight % step == 0).all()
    assert np.abs(projection.weight).max() == 256 - step
    (projection,) = quantise(one_population(abs(weight)), weight_bits=bits).network.projections
    assert (projection.weight % (step // 2) == 0).all()
    assert projection.weight.max() == 256 - step // 2


# What does not fit is found.


def test_an_all_zero_matrix_is_held_as_it_is() -> None:
    zero, one = np.zeros((3, 2)), np.ones((3, 2))
    for weights in ((zero,), (zero, one), (one, zero), (zero, zero)):
        result = quantise(one_population(*weights))
        for held, exact in zip(result.network.projections, weights, strict=True):
            assert held.weight.any() == exact.any()
        assert result.report.findings == ()


@pytest.mark.parametrize("kind", ["lif", "li"])
def test_no_projections_at_all(kind: str) -> None:
    result = quantise(one_population(kind=kind, bias=0.4, threshold=2.0))
    (held,) = result.network.populations
    gain = float(membrane_gain(20.0, 1.0))
    assert held.bias / 64 / held.scale == pytest.approx(0.4 * gain, rel=1e-3)
    if kind == "lif":
        assert held.vth / held.scale == pytest.approx(2.0, rel=1e-3)
    assert result.report.findings == ()


@pytest.mark.parametrize(("tau", "du"), [(0.0, 4094), (math.inf, 0), (1e9, 0), (0.01, 4094)])
def test_synaptic_decays_out_of_range(tau: float, du: int) -> None:
    result = quantise(one_population(np.ones((1, 2)), tau_syn_ms=tau))
    assert result.network.populations[0].du == du
    assert codes(result) == ["decay-range"]
    assert "tau_syn_ms" in result.report.findings[0].what


@pytest.mark.parametrize(
    ("tau", "dv", "found"),
    [(0.0, 4095, ["decay-range"]), (math.inf, 0, []), (1e9, 0, []), (20.0, 200, [])],
)
def test_membrane_decays(tau: float, dv: int, found: list[str]) -> None:
    result = quantise(one_population(np.ones((1, 2)), tau_mem_ms=tau))
    assert result.network.populations[0].dv == dv
    assert codes(result) == found


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("tau_mem_ms", "per-neuron-tau-mem"),
        ("tau_syn_ms", "per-neuron-tau-syn"),
        ("threshold", "per-neuron-threshold"),
    ],
)
def test_constants_of_each_neuron_are_averaged_and_found(key: str, code: str) -> None:
    network = one_population(np.ones((1, 2)), **{key: [4.0, 12.0]})
    result = quantise(network)
    (finding,) = result.report.findings
    assert (finding.code, finding.where) == (code, "p")
    assert "8" in finding.fix
    mean = quantise(one_population(np.ones((1, 2)), **{key: 8.0})).network.populations[0]
    held = result.network.populations[0]
    assert (held.du, held.dv) == (mean.du, mean.dv)
    assert held.vth / held.scale == pytest.approx(mean.vth / mean.scale, rel=1e-3)


def test_a_bias_of_each_neuron_is_held() -> None:
    bias = np.array([0.5, -1.5])
    result = quantise(one_population(np.ones((1, 2)), bias=bias))
    (held,) = result.network.populations
    gain = float(membrane_gain(20.0, 1.0))
    assert held.bias / (64 * held.scale * gain) == pytest.approx(bias, rel=1e-3)
    assert result.report.findings == ()


def test_a_large_bias_gets_its_room() -> None:
    """Beside a threshold and weights so small that the bias is what the scale must yield to."""
    result = quantise(one_population(np.full((1, 2), 1e-3), bias=[2.0, -2.0], tau_mem_ms=5.0))
    (held,) = result.network.populations
    gain = float(membrane_gain(5.0, 1.0))
    assert held.bias_exponent == 7
    assert held.bias / (64 * held.scale * gain) == pytest.approx([2.0, -2.0], rel=1e-3)
    assert held.vth / held.scale == pytest.approx(1.0, rel=1e-3)
    assert result.report.findings == ()


def test_an_output_without_a_leak_has_no_bound() -> None:
    network = one_population(np.ones((2, 2)), kind="li", tau_mem_ms=math.inf)
    assert codes(quantise(network)) == ["membrane-unbounded"]
    calibrated = quantise(network, calibration=Calibration(membrane={"p": 600.0}))
    assert codes(calibrated) == []
    (held,) = calibrated.network.populations
    assert 64 * held.scale * 600.0 * 2 == pytest.approx(2**23, rel=2e-3)


# Calibration.


def test_calibration_sets_the_head_room_of_outputs() -> None:
    network = one_population(np.random.default_rng(1).normal(size=(50, 2)), kind="li")
    blind = quantise(network).network.populations[0].scale
    seen = {"p": 40.0}
    seeing = quantise(network, calibration=Calibration(membrane=seen)).network.populations[0].scale
    assert seeing > blind
    assert 64 * seeing * 2 * 40.0 <= 2**23


def test_calibration_keeps_inhibited_membranes_in_range() -> None:
    network = one_population(np.random.default_rng(1).normal(size=(4, 2)))
    blind = quantise(network).network.populations[0].scale
    reach = 2**23 / 64 / blind  # what fits into v at that scale
    calm, deep = (
        quantise(network, calibration=Calibration(membrane={"p": share * reach}))
        for share in (0.7, 1.5)
    )
    assert calm.network.populations[0].scale == blind
    assert deep.network.populations[0].scale * 1.25 * 1.5 <= blind
    assert codes(deep) == []


def dense_input() -> Network:
    """So many equal weights that the static bounds cost nine tenths of the range."""
    return one_population(np.full((4000, 2), 0.1))


@pytest.mark.parametrize(
    ("drive", "current", "scale"), [(0.5, 0.6, 2**15), (0.5, 4.0, 2**14), (1.0, 0.6, 2**14)]
)
def test_data_may_set_the_scale(drive: float, current: float, scale: float) -> None:
    """Twice what was seen fits: 2·drive < 2^15 and 64·2·current < 2^23 in integers."""
    network = dense_input()
    calibration = Calibration({"p": drive}, {"p": current}, {})
    static = quantise(network, calibration=calibration)
    trusting = quantise(network, calibration=calibration, scale="data")
    assert codes(static) == []
    assert codes(trusting) == ["bounds-from-data"]
    assert static.network.populations[0].scale < scale / 4
    assert trusting.network.populations[0].scale == pytest.approx(scale, rel=2e-3)
    assert trusting.report.populations[0].current_share > 1


def test_data_that_say_no_more_than_the_bounds_change_nothing() -> None:
    network = dense_input()
    calibration = Calibration({"p": 1e6}, {"p": 1e6})
    trusting = quantise(network, calibration=calibration, scale="data")
    assert codes(trusting) == []
    assert trusting.network.content_hash == quantise(network).network.content_hash


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"weight_bits": 1}, "2 to 8 bits, not 1"),
        ({"weight_bits": 9}, "2 to 8 bits, not 9"),
        ({"scale": "dynamic"}, "unknown scale rule 'dynamic'"),
        ({"scale": "data"}, "needs calibration data"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        quantise(dense_input(), **options)


# The account.


@given(float_networks(), bits_strategy)
@settings(max_examples=50)
def test_the_report_is_what_happened(network: Network, bits: int) -> None:
    result = quantise(network, weight_bits=bits)
    for report, exact, held in zip(
        result.report.projections, network.projections, result.network.projections, strict=True
    ):
        nonzero = exact.weight != 0
        lost = float((held.weight[nonzero] == 0).mean()) if nonzero.any() else 0.0
        assert report.lost == pytest.approx(lost)
        assert report.largest_weight == np.abs(held.weight).max()
        assert (report.source, report.target) == (exact.source, exact.target)
        assert (report.weight_bits, report.weight_exponent) == (bits, held.weight_exponent)
    assert [r.name for r in result.report.populations] == [p.name for p in network.populations]
    assert not result.report.calibrated
    json.dumps(result.report.as_json())


def test_the_rounding_error_is_relative_to_the_weights() -> None:
    weight = np.array([[255.0, 10.4], [100.3, 0.2], [0.0, 0.0]])
    (report,) = quantise(one_population(weight)).report.projections
    expected = math.sqrt(0.4**2 + 0.3**2 + 0.2**2) / math.sqrt((weight**2).sum())
    assert report.rms_error == pytest.approx(expected)
    assert report.lost == 0.25


@pytest.mark.parametrize(("tau", "held"), [(20.0, 19.97), (0.0, 0.12), (math.inf, math.inf)])
def test_time_constants_before_and_after(tau: float, held: float) -> None:
    (report,) = quantise(one_population(np.ones((1, 1)), tau_mem_ms=tau)).report.populations
    assert report.tau_mem_ms == tau
    assert report.tau_mem_held_ms == pytest.approx(held, abs=0.01)

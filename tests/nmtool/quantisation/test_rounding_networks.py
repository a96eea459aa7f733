from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from nmtool.dynamics import decay, drive_scale, membrane_gain
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation, sign_mode
from nmtool.quantisation import round_network
from nmtool.targets import Target, target_named
from tests.networks.drawn import float_networks
from tests.nmtool.quantisation.cases import FAN_IN, bits_strategy, one_population


def worst_sum(network: IntegerNetwork, population: IntegerPopulation) -> int:
    """Largest sum of arriving weights of one sign into a neuron, in exact integers."""
    sums = np.zeros((2, population.size), object)
    for projection in network.projections:
        if projection.target == population.name:
            weight = projection.weight.astype(object) * 2**projection.weight_exponent
            weight *= network.spike_limits[projection.source]
            sums[0] += np.maximum(weight, 0).sum(axis=0)
            sums[1] += np.maximum(-weight, 0).sum(axis=0)
    return int(sums.max())


# Tests that the bounds hold for every possible input


@given(float_networks(FAN_IN, most_spikes=9), bits_strategy)
def test_no_input_overflows_a_or_u(network: Network, bits: int) -> None:
    result = round_network(network, weight_bits=bits)
    for population, report in zip(
        result.network.populations, result.report.populations, strict=True
    ):
        a = worst_sum(result.network, population)
        assert a == result.network.largest_sum(population) < 2**15
        assert population.most_spikes == network.population(population.name).most_spikes
        assert 64 * a * 4096 < 2**23 * (population.du + 1)
        assert report.drive_share == pytest.approx(a / 2**15)
        assert report.current_share == pytest.approx(a / 2**17 * 4096 / (population.du + 1))


@given(float_networks(FAN_IN, most_spikes=9), bits_strategy)
def test_without_calibration_no_input_saturates_a_leaky_output(network: Network, bits: int) -> None:
    result = round_network(network, weight_bits=bits)
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
        integers = round_network(network, weight_bits=bits).network
        (population,) = integers.populations
        a = worst_sum(integers, population)
        assert a < 2**15
        assert 64 * a * 4096 < 2**23 * (population.du + 1)
        if kind == "li":
            assert 64 * a * 4096**2 < 2**23 * (population.du + 1) * population.dv


def test_the_scale_uses_up_its_bound() -> None:
    """With 1000 weights, u or a limits the scale; with few weights, the largest weight does."""
    for tau_syn in (5.0, 0.1):
        weight = abs(np.random.default_rng(0).normal(size=(1000, 3)))
        (report,) = round_network(one_population(weight, tau_syn_ms=tau_syn)).report.populations
        assert 0.98 < max(report.current_share, report.drive_share) < 1
    (projection,) = round_network(one_population(np.array([[0.3, -0.1]]))).network.projections
    assert np.abs(projection.weight).max() == 254


# Tests that integers are nearest to the exact values


@given(float_networks(), bits_strategy)
def test_weights_are_rounded_to_the_nearest_of_their_grid(network: Network, bits: int) -> None:
    result = round_network(network, weight_bits=bits).network
    for projection, exact in zip(result.projections, network.projections, strict=True):
        target, rounded = network.population(exact.target), result.population(exact.target)
        b = drive_scale(target.values("tau_mem_ms"), target.values("tau_syn_ms"), network.dt_ms)
        step = 2 ** (8 - bits + (sign_mode(exact.weight) == "mixed"))
        assert (projection.weight % step == 0).all()
        unit = step * 2**projection.weight_exponent
        error = projection.shifted_weight - rounded.scale * exact.weight * b
        assert (np.abs(error) <= unit * (0.5 + 1e-6)).all()
        assert (projection.weight * np.sign(exact.weight) >= 0).all()
        assert (projection.source, projection.target) == (exact.source, exact.target)
        assert projection.weight_bits == bits


@given(float_networks(), bits_strategy)
def test_constants_are_the_nearest_integers(network: Network, bits: int) -> None:
    result = round_network(network, weight_bits=bits).network
    for population, rounded in zip(network.populations, result.populations, strict=True):
        assert (rounded.name, rounded.size, rounded.kind) == (
            population.name,
            population.size,
            population.kind,
        )
        lost = [
            4096 * (1 - float(decay(population.values(key).mean(), network.dt_ms)))
            for key in ("tau_syn_ms", "tau_mem_ms")
        ]
        assert abs(max(lost[0], 1) - (rounded.du + 1)) <= 0.5
        assert abs(min(lost[1], 4095) - rounded.dv) <= 0.5
        if population.kind == "lif":
            theta = rounded.scale * float(population.values("threshold").mean())
            assert abs(theta - rounded.vth) <= 0.5 + 1e-6
        else:
            assert rounded.vth == 2**17
        gain = membrane_gain(population.values("tau_mem_ms"), network.dt_ms)
        bias = 64 * rounded.scale * gain * population.values("bias")
        assert (np.abs(rounded.bias - bias) <= 2**rounded.bias_exponent * (0.5 + 1e-6)).all()


@given(float_networks())
def test_delays_beyond_61_are_clipped_with_a_finding(network: Network) -> None:
    result = round_network(network)
    long = 0
    for rounded, exact, report in zip(
        result.network.projections, network.projections, result.report.projections, strict=True
    ):
        assert np.array_equal(rounded.delay, np.minimum(exact.delay, 61))
        assert report.delays_clipped == (exact.delay[exact.weight != 0] > 61).sum()
        long += report.delays_clipped
    findings = [f for f in result.report.findings if f.code == "delay-range"]
    assert bool(findings) is bool(long)


@given(float_networks())
def test_the_rest_is_carried_over(network: Network) -> None:
    result = round_network(network).network
    for key in ("channels", "readout", "dt_ms", "n_steps", "class_names"):
        assert getattr(result, key) == getattr(network, key)
    assert result.source_hash == network.content_hash


def represented(seed: int, bits: int, signs: str) -> tuple[Network, IntegerNetwork]:
    """A float network that integers represent exactly, and these integers."""
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
    projection = replace(round_network(network).network.projections[0], weight=weight)
    integers = replace(
        round_network(network).network, populations=[exact], projections=[projection]
    )
    return network, integers


@pytest.mark.parametrize("signs", ["mixed", "excitatory", "inhibitory"])
@pytest.mark.parametrize("bits", [8, 5, 3])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_exactly_representable_networks_are_rounded_without_error(
    seed: int, bits: int, signs: str
) -> None:
    network, integers = represented(seed, bits, signs)
    result = round_network(network, weight_bits=bits)
    (rounded,), (exact,) = result.network.populations, integers.populations
    for key in ("du", "dv", "vth", "bias_exponent"):
        assert getattr(rounded, key) == getattr(exact, key)
    assert rounded.scale == pytest.approx(exact.scale)
    assert np.array_equal(rounded.bias_mantissa, exact.bias_mantissa)
    assert np.array_equal(result.network.projections[0].weight, integers.projections[0].weight)
    (projection,), (population,) = result.report.projections, result.report.populations
    assert projection.rms_error < 1e-12
    assert abs(population.threshold_error) < 1e-12
    assert population.tau_mem_held_ms == pytest.approx(population.tau_mem_ms)
    assert population.tau_syn_held_ms == pytest.approx(population.tau_syn_ms)
    assert result.report.findings == ()


def test_halves_go_away_from_zero() -> None:
    weight = np.array([[255.0, 2.5, 3.5, 0.5, 0.25]])
    (projection,) = round_network(one_population(weight)).network.projections
    assert projection.weight.tolist() == [[255, 3, 4, 1, 0]]
    (projection,) = round_network(one_population(-weight)).network.projections
    assert projection.weight.tolist() == [[-255, -3, -4, -1, 0]]


@pytest.mark.parametrize(("bits", "step"), [(8, 2), (4, 32), (3, 64), (2, 128)])
def test_mixed_signs_cost_a_bit(bits: int, step: int) -> None:
    weight = np.linspace(-1, 1, 60).reshape(20, 3)
    (projection,) = round_network(one_population(weight), weight_bits=bits).network.projections
    assert (projection.weight % step == 0).all()
    assert np.abs(projection.weight).max() == 256 - step
    (projection,) = round_network(one_population(abs(weight)), weight_bits=bits).network.projections
    assert (projection.weight % (step // 2) == 0).all()
    assert projection.weight.max() == 256 - step // 2


def test_bits_and_delays_are_by_default_the_most_of_the_target() -> None:
    network = Network.layers([8, 20, 2], delays=70, seed=1)
    few = Target("few", weight_bits=(2, 4), delay_bits=(1, 2), max_delay=15)
    integers = round_network(network, target=few).network
    assert {projection.weight_bits for projection in integers.projections} == {4}
    assert np.unique(integers.projections[0].delay).tolist() == [0, 5, 10, 15]
    by_name = round_network(network, target="loihi1").network
    assert by_name == round_network(network, target=target_named("loihi1")).network
    assert ({p.weight_bits for p in by_name.projections}, by_name.max_delay) == ({8}, 61)

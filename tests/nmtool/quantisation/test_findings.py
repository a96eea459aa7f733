"""Findings on everything that integers cannot represent, and reports of rounding."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from nmtool.dynamics import drive_scale, membrane_gain
from nmtool.network.float_network import Network
from nmtool.network.graph import LATE, SUBTRACT
from nmtool.quantisation import Calibration, DelayGrid, round_network, weight_ranges
from tests.networks.drawn import float_networks
from tests.nmtool.quantisation.cases import bits_strategy, codes, one_population
from tests.thorough import examples


def test_a_matrix_of_zeros_causes_no_finding() -> None:
    zeros, ones = np.zeros((3, 2)), np.ones((3, 2))
    for weights in ((zeros,), (zeros, ones), (ones, zeros), (zeros, zeros)):
        result = round_network(one_population(*weights))
        for projection, exact in zip(result.network.projections, weights, strict=True):
            assert projection.weight.any() == exact.any()
        assert result.report.findings == ()


@pytest.mark.parametrize("kind", ["lif", "li"])
def test_no_projections_at_all(kind: str) -> None:
    result = round_network(one_population(kind=kind, bias=0.4, threshold=2.0))
    (population,) = result.network.populations
    gain = float(membrane_gain(20.0, 1.0))
    assert population.bias / 64 / population.scale == pytest.approx(0.4 * gain, rel=1e-3)
    if kind == "lif":
        assert population.vth / population.scale == pytest.approx(2.0, rel=1e-3)
    assert result.report.findings == ()


@pytest.mark.parametrize(("tau", "du"), [(math.inf, 0), (1e9, 0)])
def test_synaptic_decays_out_of_range(tau: float, du: int) -> None:
    result = round_network(one_population(np.ones((1, 2)), tau_syn_ms=tau))
    assert result.network.populations[0].du == du
    assert codes(result) == ["decay-range"]
    assert "tau_syn_ms" in result.report.findings[0].what


@pytest.mark.parametrize("tau", [0.0, 0.01])
def test_a_current_without_memory_is_exact(tau: float) -> None:
    result = round_network(one_population(np.ones((1, 2)), tau_syn_ms=tau))
    assert result.network.populations[0].du == 4095
    assert codes(result) == []


@pytest.mark.parametrize(
    ("tau", "dv", "expected"),
    [
        (0.0, 4095, ["decay-range"]),
        (math.inf, 0, []),
        (1e9, 0, ["decay-range", "weights-lost", "answers-lost"]),
        (8192.0, 0, ["decay-range"]),
        (8191.0, 1, []),
        (20.0, 200, []),
    ],
)
def test_membrane_decays(tau: float, dv: int, expected: list[str]) -> None:
    result = round_network(one_population(np.ones((1, 2)), tau_mem_ms=tau))
    assert result.network.populations[0].dv == dv
    assert codes(result) == expected


@given(st.floats(1.0, 1e9), st.sampled_from([0.1, 0.5, 1.0]))
def test_a_lost_leak_is_a_finding(tau: float, dt_ms: float) -> None:
    result = round_network(one_population(np.ones((1, 2)), tau_mem_ms=tau, dt_ms=dt_ms))
    (population,), (report,) = result.network.populations, result.report.populations
    assert math.isinf(report.tau_mem_held_ms) is (population.dv == 0)
    if population.dv == 0:
        finding = result.report.findings[0]
        assert (finding.code, finding.where) == ("decay-range", "p")
        assert "became infinite" in finding.fix
    else:
        assert "decay-range" not in codes(result)


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("tau_mem_ms", "per-neuron-tau-mem"),
        ("tau_syn_ms", "per-neuron-tau-syn"),
        ("threshold", "per-neuron-threshold"),
    ],
)
def test_constants_per_neuron_are_averaged_with_a_finding(key: str, code: str) -> None:
    network = one_population(np.ones((1, 2)), **{key: [4.0, 12.0]})
    result = round_network(network)
    (finding,) = result.report.findings
    assert (finding.code, finding.where) == (code, "p")
    assert "8" in finding.fix
    mean = round_network(one_population(np.ones((1, 2)), **{key: 8.0})).network.populations[0]
    population = result.network.populations[0]
    assert (population.du, population.dv) == (mean.du, mean.dv)
    assert population.vth / population.scale == pytest.approx(mean.vth / mean.scale, rel=1e-3)


@pytest.mark.parametrize("reset", [SUBTRACT, LATE])
@pytest.mark.parametrize(
    ("reset_by", "expected", "found"),
    [
        (None, 1.0, []),
        (0.7, 0.7, []),
        ([0.5, 1.5], 1.0, ["per-neuron-reset"]),
        (1e-9, None, ["reset-error"]),
        (1e9, None, ["reset-error"]),
    ],
)
def test_the_subtracted_constant_is_rounded(
    reset: str, reset_by: object, expected: float | None, found: list[str]
) -> None:
    """It stays the threshold, exactly, and within 1 … vth + 131071; a mean is a finding."""
    network = one_population(np.ones((1, 2)), reset=reset, reset_by=reset_by, threshold=1.0)
    result = round_network(network)
    (population,) = result.network.populations
    assert population.reset == reset
    assert codes(result) == found
    if reset_by is None:
        assert population.reset_by == population.vth
    elif expected is None:
        assert population.reset_by in (1, population.vth + 131071)
    else:
        assert population.reset_by / population.scale == pytest.approx(expected, rel=1e-3)


def test_biases_may_differ_between_neurons() -> None:
    bias = np.array([0.5, -1.5])
    result = round_network(one_population(np.ones((1, 2)), bias=bias))
    (population,) = result.network.populations
    gain = float(membrane_gain(20.0, 1.0))
    assert population.bias / (64 * population.scale * gain) == pytest.approx(bias, rel=1e-3)
    assert result.report.findings == ()


def test_a_large_bias_limits_the_scale() -> None:
    """Threshold and weights are so small that the bias limits the scale."""
    result = round_network(one_population(np.full((1, 2), 1e-3), bias=[2.0, -2.0], tau_mem_ms=5.0))
    (population,) = result.network.populations
    gain = float(membrane_gain(5.0, 1.0))
    assert population.bias_exponent == 7
    assert population.bias / (64 * population.scale * gain) == pytest.approx([2.0, -2.0], rel=1e-3)
    assert population.vth / population.scale == pytest.approx(1.0, rel=1e-3)
    assert result.report.findings == ()


def test_an_output_without_a_leak_has_no_bound() -> None:
    network = one_population(np.ones((2, 2)), kind="li", tau_mem_ms=math.inf)
    assert codes(round_network(network)) == ["membrane-unbounded"]
    calibrated = round_network(network, calibration=Calibration(membrane={"p": 600.0}))
    assert codes(calibrated) == []
    (population,) = calibrated.network.populations
    assert 64 * population.scale * 600.0 * 2 == pytest.approx(2**23, rel=2e-3)


# Tests that lost weights are reported, and that a small number of bits alone is no finding


def test_a_readout_whose_weights_all_became_0() -> None:
    """The output is so slow that head-room for any input rounds all of its weights to 0."""
    random = np.random.default_rng(0)
    network = one_population(random.normal(0, 0.05, (256, 10)), kind="li", dt_ms=0.1)
    result = round_network(network)
    assert not result.network.projections[0].weight.any()
    assert codes(result) == ["weights-lost", "answers-lost"]
    weights, answers = result.report.findings
    assert (weights.where, answers.where) == ("input → p", "p")
    assert weights.what == "2560 of its 2560 nonzero weights became 0"
    assert "quantise with calibration data" in weights.fix
    calibrated = round_network(network, calibration=Calibration(membrane={"p": 0.1}))
    assert codes(calibrated) == []
    assert calibrated.network.projections[0].weight.any()


def test_a_readout_without_weights_lost_nothing() -> None:
    assert codes(round_network(one_population(np.zeros((3, 2)), kind="li"))) == []


@pytest.mark.parametrize(
    ("constants", "other", "cause"),
    [
        ({"threshold": 1e6}, 0.0, "threshold is large"),
        ({"bias": 1e6}, 0.0, "bias is large"),
        ({"kind": "li", "tau_mem_ms": 3000.0}, 0.0, "membrane has head-room for any input"),
        ({"tau_syn_ms": 4000.0}, 0.0, "currents have head-room"),
        ({"tau_syn_ms": 0.1}, 1e6, "spikes of all inputs at once"),
    ],
)
def test_lost_weights_are_findings_with_their_cause(
    constants: dict[str, Any], other: float, cause: str
) -> None:
    weight = np.random.default_rng(1).normal(0, 0.01, (1000, 3))
    result = round_network(one_population(weight, np.full((1000, 3), other), **constants))
    (finding,) = (f for f in result.report.findings if f.code == "weights-lost")
    assert cause in finding.fix
    assert result.report.projections[0].lost > 0.5


def test_weights_beside_far_larger_weights_are_lost_even_with_bounds_from_data() -> None:
    network = one_population(np.full((2, 1), 0.001), np.full((2, 1), 1e4))
    shy = Calibration({"p": 1e-3}, {"p": 1e-3}, {})
    result = round_network(network, calibration=shy, scale="data")
    assert codes(result) == ["bounds-from-data", "weights-lost"]
    assert "other weights into the same population" in result.report.findings[1].fix


def test_head_room_for_calibration_data_may_cost_all_weights() -> None:
    network = one_population(np.random.default_rng(1).normal(0, 0.01, (1000, 3)), kind="li")
    result = round_network(network, calibration=Calibration(membrane={"p": 1e4}))
    assert codes(result) == ["weights-lost", "answers-lost"]
    assert "head-room for calibration data" in result.report.findings[0].fix


@pytest.mark.parametrize("bits", range(2, 9))
@pytest.mark.parametrize("shape", ["normal", "laplace", "uniform"])
def test_few_bits_alone_cause_no_finding(bits: int, shape: str) -> None:
    random = np.random.default_rng(bits)
    draw = {"normal": random.normal, "laplace": random.laplace, "uniform": random.uniform}[shape]
    network = one_population(draw(-1 if shape == "uniform" else 0, 1, (400, 50)))
    result = round_network(network, weight_bits=bits, ranges=weight_ranges(network, bits))
    assert codes(result) == []
    if bits == 2 and shape == "laplace":
        assert result.report.projections[0].lost > 0.5


def test_few_bits_that_lose_nearly_all_weights_are_a_finding() -> None:
    weight = np.full((40, 2), 0.1)
    weight[0] = [1.0, -1.0]
    result = round_network(one_population(weight), weight_bits=2)
    assert codes(result) == ["weights-lost"]
    (finding,) = result.report.findings
    assert finding.what == "78 of its 80 nonzero weights became 0"
    assert "more weight bits" in finding.fix


@given(float_networks(), bits_strategy)
def test_lost_weights_are_findings(network: Network, bits: int) -> None:
    result = round_network(network, weight_bits=bits)
    pairs = {(finding.code, finding.where) for finding in result.report.findings}
    for report in result.report.projections:
        if report.lost > 0.95:
            assert ("weights-lost", f"{report.source} → {report.target}") in pairs
    for neurons, population in zip(
        result.network.populations, result.report.populations, strict=True
    ):
        moved = abs(population.threshold_error) > 0.05
        code = "threshold-lost" if neurons.vth == 0 else "threshold-error"
        assert ((code, neurons.name) in pairs) is moved


@pytest.mark.parametrize(
    ("threshold", "vth", "code"),
    [(1e-5, 0, "threshold-lost"), (7.43 / 5000, 7, "threshold-error"), (0.01, 50, "")],
)
def test_thresholds_far_below_weights(threshold: float, vth: int, code: str) -> None:
    weight = 255 / 5000 / float(drive_scale(20.0, 5.0, 1.0))
    result = round_network(one_population(np.full((1, 2), weight), threshold=threshold))
    assert result.network.populations[0].vth == vth
    assert codes(result) == ([code] if code else [])


def test_long_delays_are_findings_with_their_cause() -> None:
    network = one_population(np.ones((2, 2)), np.ones((2, 2)), delay=50)
    far = replace(network.projections[1], delay=np.array([[70, 41], [42, 10]]))
    network = network.with_projections([network.projections[0], far])
    assert codes(round_network(network)) == ["delay-range"]
    (finding,) = round_network(network).report.findings
    assert finding.what == "1 delays are longer than the 61 steps of the target"
    assert "a longer time step" in finding.fix
    first, target, bits = round_network(network, delays=DelayGrid(1, 41)).report.findings
    assert first.what.startswith("4 delays are longer than 41 steps, the longest of 1-bit delays")
    assert target.what == finding.what
    assert bits.what.startswith("1 delays are longer than 41 steps")
    for delays in (first, bits):
        assert "time step" not in delays.fix
        assert "bits" in delays.fix


@given(float_networks(), st.integers(1, 6))
def test_the_largest_change_of_a_delay_is_reported(network: Network, bits: int) -> None:
    grid = DelayGrid.spanning(bits, network.max_delay)
    result = round_network(network, delays=grid)
    for report, exact, rounded in zip(
        result.report.projections, network.projections, result.network.projections, strict=True
    ):
        moved = abs(rounded.delay.astype(int) - exact.delay)[exact.weight != 0]
        assert report.delay_error == moved.max(initial=0)


@given(float_networks(), bits_strategy)
@settings(max_examples=examples(1.5))
def test_the_report_matches_the_rounded_network(network: Network, bits: int) -> None:
    result = round_network(network, weight_bits=bits)
    for report, exact, rounded in zip(
        result.report.projections, network.projections, result.network.projections, strict=True
    ):
        nonzero = exact.weight != 0
        lost = float((rounded.weight[nonzero] == 0).mean()) if nonzero.any() else 0.0
        assert report.lost == pytest.approx(lost)
        assert report.largest_weight == np.abs(rounded.weight).max()
        assert (report.source, report.target) == (exact.source, exact.target)
        assert (report.weight_bits, report.weight_exponent) == (bits, rounded.weight_exponent)
    assert [r.name for r in result.report.populations] == [p.name for p in network.populations]
    assert not result.report.calibrated
    json.dumps(result.report.as_json())


def test_the_rounding_error_is_relative_to_the_weights() -> None:
    weight = np.array([[255.0, 10.4], [100.3, 0.2], [0.0, 0.0]])
    (report,) = round_network(one_population(weight)).report.projections
    expected = math.sqrt(0.4**2 + 0.3**2 + 0.2**2) / math.sqrt((weight**2).sum())
    assert report.rms_error == pytest.approx(expected)
    assert report.lost == 0.25


@pytest.mark.parametrize(("tau", "rounded"), [(20.0, 19.97), (0.0, 0.12), (math.inf, math.inf)])
def test_time_constants_before_and_after(tau: float, rounded: float) -> None:
    (report,) = round_network(one_population(np.ones((1, 1)), tau_mem_ms=tau)).report.populations
    assert report.tau_mem_ms == tau
    assert report.tau_mem_held_ms == pytest.approx(rounded, abs=0.01)

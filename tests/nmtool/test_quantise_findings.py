"""What does not fit into integers is found and said; the report is what happened."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmtool.dynamics import membrane_gain
from nmtool.network import Network
from nmtool.quantise import Calibration, quantise
from tests.nmtool.quantise_cases import bits_strategy, codes, one_population
from tests.strategies import float_networks


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
    [
        (0.0, 4095, ["decay-range"]),
        (math.inf, 0, []),
        (1e9, 0, ["decay-range"]),
        (8192.0, 0, ["decay-range"]),
        (8191.0, 1, []),
        (20.0, 200, []),
    ],
)
def test_membrane_decays(tau: float, dv: int, found: list[str]) -> None:
    result = quantise(one_population(np.ones((1, 2)), tau_mem_ms=tau))
    assert result.network.populations[0].dv == dv
    assert codes(result) == found


@given(st.floats(1.0, 1e9), st.sampled_from([0.1, 0.5, 1.0]))
def test_a_leak_is_never_lost_in_silence(tau: float, dt_ms: float) -> None:
    result = quantise(one_population(np.ones((1, 2)), tau_mem_ms=tau, dt_ms=dt_ms))
    (held,), (report,) = result.network.populations, result.report.populations
    assert math.isinf(report.tau_mem_held_ms) is (held.dv == 0)
    if held.dv == 0:
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

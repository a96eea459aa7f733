"""Numbers as counts of input channels: rounding, range, files, and sums of weights in networks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

from nmtool.data import SpikeEvents
from nmtool.errors import DataError, NetworkError, UsageError
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.analogue import AnalogueInput
from nmtool.network.graph import INPUT, LI, InputChannels
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.network.readout import Readout
from tests.refusals import refused

rules = st.builds(AnalogueInput, st.floats(1e-6, 1e6), st.integers(1, 8), st.booleans())
numbers = arrays(
    np.float64, st.tuples(st.integers(0, 4), st.integers(1, 3)), elements=st.floats(-1e9, 1e9)
)


def summing_network(analogue: AnalogueInput | None, weight: list[list[int]]) -> IntegerNetwork:
    """Outputs that neither decay nor spike: membranes are the sums of all weighted input so far.

    Args:
        analogue: the rule of the input.
        weight: [channels, outputs] weights.
    """
    most = 1 if analogue is None else analogue.largest
    channels = InputChannels(len(weight), most_spikes=most, analogue=analogue)
    outputs = IntegerPopulation("output", len(weight[0]), LI, 4095, 0, vth=131072, scale=1.0)
    synapses = IntegerProjection(INPUT, "output", np.array(weight), np.zeros_like(weight))
    return IntegerNetwork(channels, [outputs], [synapses], Readout("output", "max"), 1.0, 6)


@given(rules, numbers)
def test_numbers_are_rounded_to_the_nearest_count_within_the_range(
    rule: AnalogueInput, values: np.ndarray
) -> None:
    counts = rule.counts(values)
    assert counts.dtype == np.uint8
    assert counts.max(initial=0) <= rule.largest == 2**rule.bits - 1
    assert counts.shape == (*values.shape[:-1], values.shape[-1] * (2 if rule.signed else 1))
    limit = rule.largest * rule.scale
    inside = np.clip(values, -limit if rule.signed else 0.0, limit)
    error = np.abs(rule.values(counts) - inside)
    assert (error <= rule.scale / 2 * (1 + 1e-9)).all()
    if rule.signed:
        assert not (counts[..., 0::2] & counts[..., 1::2]).any()


@given(st.integers(1, 8), st.booleans(), st.data())
def test_whole_numbers_stay_whole(bits: int, signed: bool, data: st.DataObject) -> None:
    rule = AnalogueInput(1.0, bits, signed)
    low = -rule.largest if signed else 0
    whole = data.draw(st.lists(st.integers(low, rule.largest), min_size=1))
    assert rule.values(rule.counts(whole)).tolist() == whole


@given(numbers, st.integers(1, 8))
def test_a_fitted_rule_uses_all_counts(values: np.ndarray, bits: int) -> None:
    rule = AnalogueInput.fitted_to(values, bits=bits)
    assert rule.signed == (values < 0).any()
    largest = np.abs(values).max(initial=0.0)
    assert rule.counts(values).max(initial=0) == (rule.largest if largest > 1e-300 else 0)


def test_halves_become_even_and_huge_ratios_the_largest_count() -> None:
    rule = AnalogueInput(1.0, 2)
    assert rule.counts([0.5, 1.5, 2.5, 1e308, -1e308]).tolist() == [0, 2, 2, 3, 0]
    assert AnalogueInput(1e-300).counts([1e300]).tolist() == [255]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((0.0,), "analogue-scale"),
        ((-1.0,), "analogue-scale"),
        ((float("inf"),), "analogue-scale"),
        ((1.0, 0), "analogue-bits"),
        ((1.0, 9), "analogue-bits"),
    ],
)
def test_impossible_rules_are_refused(arguments: tuple, code: str) -> None:
    with refused(NetworkError, code):
        AnalogueInput(*arguments)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ([1.0, float("nan")], "values-not-finite"),
        (1.0, "values-not-numbers"),
        (["a"], "values-not-numbers"),
    ],
)
def test_values_must_be_finite_numbers(values: object, code: str) -> None:
    with refused(DataError, code):
        AnalogueInput(1.0).counts(values)


@pytest.mark.parametrize(
    ("channels", "code"),
    [
        ({"size": 2, "most_spikes": 254}, "analogue-counts"),
        ({"size": 2, "most_spikes": 255, "group": 2}, "analogue-channels"),
        ({"size": 3, "most_spikes": 255}, "analogue-channels"),
    ],
)
def test_channels_must_carry_the_counts(channels: dict[str, int], code: str) -> None:
    with refused(NetworkError, code):
        InputChannels(**channels, analogue=AnalogueInput(1.0, signed=True))


@pytest.mark.parametrize("bits", [1, 8])
def test_files_keep_the_rule(bits: int, tmp_path: Path) -> None:
    rule = AnalogueInput(0.1, bits, signed=True)
    network = summing_network(rule, [[4], [-4]])
    network.save(tmp_path / "network.npz")
    assert IntegerNetwork.load(tmp_path / "network.npz") == network
    with np.load(tmp_path / "network.npz") as archive:
        assert '"version": 3' in str(archive["header"])
    plain = replace(network, channels=replace(network.channels, analogue=None))
    assert plain.content_hash != network.content_hash
    assert "analogue" not in plain.channels.as_json()
    assert network.as_json()["analogue"] == f"signed, {bits} bits, scale 0.1"


def test_channels_add_the_products_of_weight_and_count() -> None:
    network = summing_network(
        AnalogueInput(0.5, 4, signed=True), [[6, -2], [-6, 2], [2, 8], [0, 0]]
    )
    values = [[1.5, 0.0], [-1.0, 2.0], [0.2, -9.0], [100.0, 0.5], [0.0, 0.0], [0.0, 0.0]]
    events = SpikeEvents.from_values([values], [0], **network.channels.analogue.as_json())
    # Counts of (1st number, its negative part, 2nd number, its negative part), by step:
    counts = [[3, 0, 0, 0], [0, 2, 4, 0], [0, 0, 0, 15], [15, 0, 1, 0], [0] * 4, [0] * 4]
    raster = network.bin(events).raster
    assert raster.dense_counts()[0].tolist() == counts
    sums = np.cumsum(np.array(counts) @ network.projections[0].weight, axis=0)
    membrane = simulate(network, raster).membrane["output"][0]
    assert sums.tolist() == [[18, -6], [14, 30], [14, 30], [106, 8], [106, 8], [106, 8]]
    assert membrane[1:].tolist() == (64 * sums[:-1]).tolist()


def test_data_by_another_rule_are_refused() -> None:
    rule = AnalogueInput(0.5, 4)
    values = np.ones((1, 2, 1))
    counts = SpikeEvents.from_values(values, [0], **rule.as_json())
    network = summing_network(rule, [[2]])
    assert network.bin(counts).raster.most_spikes == 2
    others = SpikeEvents.from_values(values, [0]), SpikeEvents.from_dense(values, [0])
    for events in others:
        with refused(UsageError, "data-analogue-differs") as caught:
            network.bin(events)
        assert "scale 0.5" in caught.value.what
    with refused(UsageError, "data-analogue-differs") as caught:
        summing_network(None, [[2]]).bin(counts)
    assert "InputChannels(1, most_spikes=15, analogue=events.analogue)" in caught.value.fix

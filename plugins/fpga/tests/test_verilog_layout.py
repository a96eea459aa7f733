"""Words of the core's memories, and networks that do not fit into them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from nmtool.errors import DoesNotFitError
from nmtool.network.graph import INPUT, LI, LIF, RESET, RESET_BY, InputChannels
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.network.readout import RULES, Readout, Rule
from nmtool.testing.networks import with_resets
from nmtool_fpga.verilog import layout as layout_module
from nmtool_fpga.verilog.answer import answer_block
from nmtool_fpga.verilog.format import Verilog
from nmtool_fpga.verilog.layout import (
    BANK_BITS,
    LANES,
    MAX_BANKS,
    MAX_COUNTING_CHANNELS,
    SUM_LIMIT,
    Layout,
    Memory,
    bits_for,
    max_sum,
    misfits,
    synapse_words,
)
from nmtool_fpga.verilog.options import VerilogOptions
from tests.networks.chains import chain_network
from tests.networks.drawn import integer_networks, seeds
from tests.refusals import refused
from tests.thorough import examples


@given(data=st.data(), width=st.integers(1, 130), words=st.integers(1, 5))
def test_words_are_hexadecimal_numbers(data: st.DataObject, width: int, words: int) -> None:
    values = data.draw(st.lists(st.integers(0, 2**width - 1), min_size=words, max_size=words))
    bits = [[value >> place & 1 for place in range(width - 1, -1, -1)] for value in values]
    lines = Memory(np.array(bits, np.uint8)).hex_lines().splitlines()
    assert [int(line, 16) for line in lines] == values
    assert {len(line) for line in lines} == {-(-width // 4)}


def network(weight: list[list[int]], delay: list[list[int]], **options: int) -> IntegerNetwork:
    """One projection from the input to `li` neurons."""
    pre, post = np.shape(weight)
    return IntegerNetwork(
        InputChannels(pre),
        [IntegerPopulation("out", post, LI, 100, 200, 1 << 17, 1.0)],
        [IntegerProjection(INPUT, "out", np.array(weight), np.array(delay), **options)],
        Readout("out", "mean"),
        dt_ms=1.0,
        n_steps=10,
    )


def test_weights_are_stored_in_units_of_their_common_factor() -> None:
    """Mixed weights of 8 bits are even: halves have 7 bits and a sign; the shift grows by 1."""
    layout = Layout(network([[2, -254], [6, 0]], [[0, 3], [61, 1]]))
    p = layout.parameters
    assert (p["WEIGHT_BITS"], p["DELAY_BITS"], p["SHIFT"], p["SLOT_BITS"]) == (8, 6, 7, 6)
    words = [int(line, 16) for line in layout.memories["synapses"].hex_lines().split()]
    assert words[:4] == [1 << 6, (-127 & 0xFF) << 6 | 3, 3 << 6 | 61, 0 << 6 | 1]


def test_weights_of_one_sign_are_magnitudes() -> None:
    layout = Layout(network([[-255, -1]], [[0, 0]]))
    p = layout.parameters
    assert (p["WEIGHT_BITS"], p["DELAY_BITS"], p["SLOT_BITS"], p["ACC_BITS"]) == (8, 1, 1, 9)
    words = [int(line, 16) for line in layout.memories["synapses"].hex_lines().split()]
    assert words[:2] == [255 << 1, 1 << 1]


def test_low_bits_that_are_always_0_are_not_stored() -> None:
    """Weights of four bits and delays of four bits take a byte."""
    weight = np.arange(-7, 8)[None] * 32
    layout = Layout(network(weight.tolist(), [[15] * 15], weight_bits=4))
    p = layout.parameters
    assert p["WEIGHT_BITS"] + p["DELAY_BITS"] == 8
    assert layout.memories["synapses"].width == 8


def test_lanes_are_neighbours_and_the_last_word_is_padded() -> None:
    layout = Layout(network([[1, 2, 3, 4, 5]], [[0] * 5]), lanes=4)
    words = [int(line, 16) for line in layout.memories["synapses"].hex_lines().split()]
    cell = layout.parameters["WEIGHT_BITS"] + layout.parameters["DELAY_BITS"]
    lanes = [[word >> cell * lane + 1 & 7 for lane in range(4)] for word in words[:2]]
    assert lanes == [[1, 2, 3, 4], [5, 0, 0, 0]]


@settings(max_examples=examples(2))
@given(
    drawn=integer_networks(properties=(RESET, RESET_BY)),
    lanes=st.sampled_from(LANES),
    most=st.sampled_from([1, 2, 15]),
    seed=seeds,
)
def test_every_memory_has_the_width_that_the_core_reads(
    drawn: IntegerNetwork, lanes: int, most: int, seed: int
) -> None:
    if most > 1:
        drawn = with_resets(drawn, seed, most)
    layout = Layout(drawn, lanes)
    p = layout.parameters
    widths = {name: memory.width for name, memory in layout.memories.items()}
    assert widths == {
        "synapses": lanes * (p["WEIGHT_BITS"] + p["DELAY_BITS"]),
        "biases": layout.slices * p["BIAS_BITS"],
        "populations": 43
        + sum(p[n] for n in ("DROP_BITS", "COUNT_BITS", "INDEX_BITS", "WORD_BITS")),
        "sources": 1
        + max(p["COUNT_BITS"], p["IN_COUNT_BITS"])
        + sum(p[n] for n in ("PROJECTION_BITS", "INDEX_BITS")),
        "projections": 3
        + sum(p[n] for n in ("JUMP_BITS", "WORD_BITS", "LENGTH_BITS", "SYNAPSE_BITS")),
    }
    assert p["SYNAPSE_BITS"] >= max(p["INDEX_BITS"], p["LENGTH_BITS"])
    assert p["ACC_BITS"] > p["WEIGHT_BITS"]
    assert 1 << p["SLOT_BITS"] >= drawn.max_delay + 2
    if not misfits(drawn):
        assert p["ACC_BITS"] + p["SHIFT"] <= 25


def test_words_of_populations_have_a_reset_if_some_spike_subtracts() -> None:
    populations = [
        IntegerPopulation("a", 1, LIF, 0, 0, 131071, 1.0, reset="subtract", reset_by=262142),
        IntegerPopulation("b", 1, LIF, 0, 0, 131071, 1.0, reset="late", reset_by=262142),
        IntegerPopulation("c", 1, LIF, 0, 0, 131071, 1.0),
    ]
    resets = []
    for chosen in (populations, populations[2:]):
        network = IntegerNetwork(InputChannels(1), chosen, [], Readout("c", "first_spike"), 1.0, 1)
        layout = Layout(network)
        others = 43 + layout.parameters["INDEX_BITS"] + layout.parameters["WORD_BITS"]
        assert layout.memories["populations"].width == others + layout.parameters["DROP_BITS"]
        words = layout.memories["populations"].hex_lines().split()
        resets.append([int(word, 16) >> others for word in words[: len(chosen)]])
    assert resets == [[262142, (1 << 19) - 262142, 0], [0]]


def test_words_have_the_further_spikes_of_populations_and_sources() -> None:
    """Rows are shifted by up to three bits more for the digits of a count of at most 15."""
    counting = {"reset": "subtract", "reset_by": 5}
    populations = [
        IntegerPopulation("a", 1, LIF, 0, 0, 9, 1.0, **counting, most_spikes=3),
        IntegerPopulation("b", 1, LIF, 0, 0, 9, 1.0, **counting),
    ]
    weight = np.array([[3]])
    projections = [IntegerProjection(name, "b", weight, weight * 0) for name in (INPUT, "a", "b")]
    for most, bits, shift, sources in ((1, 0, 1, [2, 0, 0]), (15, 4, 3, [2, 0, 14])):
        channels, readout = InputChannels(1, most_spikes=most), Readout("b", "first_spike")
        layout = Layout(IntegerNetwork(channels, populations, projections, readout, 1.0, 1))
        p = layout.parameters
        assert (p["COUNT_BITS"], p["IN_COUNT_BITS"]) == (2, bits)
        assert p["JUMP_BITS"] == bits_for(shift)
        assert p["ACC_BITS"] == (3 * (most + 3 + 1)).bit_length() + 1
        low = 43 + p["INDEX_BITS"] + p["WORD_BITS"]
        words = [int(word, 16) for word in layout.memories["populations"].hex_lines().split()]
        assert [word >> low & 3 for word in words[:2]] == [2, 0]
        low = 1 + p["PROJECTION_BITS"] + p["INDEX_BITS"]
        words = [int(word, 16) for word in layout.memories["sources"].hex_lines().split()]
        assert [word >> low for word in words] == sources


def test_counts_that_words_cannot_express_are_refused(tmp_path: Path) -> None:
    counting = {"reset": "subtract", "reset_by": 5}
    populations = [
        IntegerPopulation(name, 1, LIF, 0, 0, 9, 1.0, **counting, most_spikes=most)
        for name, most in (("a", 15), ("b", 16))
    ]
    channels, readout = InputChannels(1, most_spikes=16), Readout("a", "first_spike")
    often = IntegerNetwork(channels, populations, [], readout, 1.0, 1)
    with refused(DoesNotFitError, "format-does-not-fit") as caught:
        Verilog.write(often, tmp_path / "x")
    codes = [(finding.code, finding.where) for finding in caught.value.findings]
    assert codes == [("property-not-expressed", "input"), ("property-not-expressed", "b")]
    assert not list(tmp_path.iterdir())
    many = InputChannels(MAX_COUNTING_CHANNELS + 1, most_spikes=2)
    wide_input = replace(often, channels=many, populations=populations[:1])
    assert [finding.code for finding in misfits(wide_input)] == ["verilog-channels"]


def wide(n: int, exponent: int) -> IntegerNetwork:
    return network([[255]] * n, [[0]] * n, weight_exponent=exponent)


def test_sums_that_are_too_wide_for_the_core_are_refused(tmp_path) -> None:
    """Nine weights of 255·2^7 sum to more than 2^18, eight do not."""
    assert max_sum(wide(8, 7)) < SUM_LIMIT <= max_sum(wide(9, 7))
    assert misfits(wide(8, 7)) == []
    assert [finding.code for finding in misfits(wide(9, 7))] == ["verilog-sum-wide"]
    with refused(DoesNotFitError, "verilog-misfit") as caught:
        Verilog.write(wide(9, 7), tmp_path / "x")
    assert [finding.where for finding in caught.value.findings] == ["out"]
    assert not list(tmp_path.iterdir())


def test_counts_multiply_the_sums_of_weights() -> None:
    fits, over = (
        replace(wide(8, 3), channels=InputChannels(8, most_spikes=most)) for most in (15, 17)
    )
    assert max_sum(fits) == 15 * 8 * 255 << 3 < SUM_LIMIT <= max_sum(over)
    assert [[f.code for f in misfits(n)] for n in (fits, over)] == [[], ["verilog-sum-wide"]]


def test_positive_and_negative_weights_are_summed_separately() -> None:
    weight = np.array([[254]] * 9 + [[-254]] * 9)
    mixed = network(weight.tolist(), [[0]] * 18, weight_exponent=7)
    assert max_sum(mixed) == 9 * 254 << 7
    assert misfits(mixed)


@pytest.mark.parametrize(("words", "expected"), [(0, []), (1, ["verilog-banks"])])
def test_banks_have_numbers_of_three_digits(
    words: int, expected: list[str], tmp_path: Path
) -> None:
    """With a word per channel, a bank has 2,048 words on four lanes, and 8,192 on one lane."""
    channels = MAX_BANKS * (1 << BANK_BITS[4]) + words
    none = np.zeros((channels, 1), np.int16)
    long = network(none, none)
    assert synapse_words(long, 4) == channels
    assert [finding.code for finding in misfits(long, 4)] == expected
    assert misfits(long) == []
    if expected:
        with refused(DoesNotFitError, "verilog-misfit") as caught:
            Verilog.write(long, tmp_path / "x", options=VerilogOptions(lanes=4))
        assert "`lanes=1`" in caught.value.findings[0].fix
        assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("more", "expected"), [(0, []), (1, ["verilog-banks"])])
def test_a_network_too_large_for_any_number_of_lanes(
    more: int, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    full = {lanes: MAX_BANKS << BANK_BITS[lanes] for lanes in LANES}
    monkeypatch.setattr(layout_module, "synapse_words", lambda _, lanes: full[lanes] + more)
    assert [finding.code for finding in misfits(network([[2]], [[0]]))] == expected


@settings(max_examples=examples(2))
@given(drawn=integer_networks(properties=(RESET, RESET_BY)), lanes=st.sampled_from(LANES))
def test_words_of_every_memory_are_counted(drawn: IntegerNetwork, lanes: int) -> None:
    assert synapse_words(drawn, lanes) == len(Layout(drawn, lanes).memories["synapses"].bits)


def test_too_many_populations_are_a_finding() -> None:
    population = IntegerPopulation("a", 1, LIF, 0, 0, 1, 1.0)
    many = [replace(population, name=f"a{index}") for index in range(1 << 13)]
    channels = InputChannels(1)
    large = IntegerNetwork(channels, many, [], Readout("a0", "first_spike"), 1.0, 1)
    assert [finding.code for finding in misfits(large)] == ["verilog-populations"]


@pytest.mark.parametrize("exponent", [0, 1, 3])
def test_exponents_add_to_the_shift_before_the_neuron(exponent: int) -> None:
    weight = np.array([[16, 32, -48]])
    layout = Layout(network(weight.tolist(), [[0] * 3], weight_exponent=exponent))
    assert layout.parameters["SHIFT"] == 6 + 4 + exponent


def test_new_weights_per_step_need_no_code(monkeypatch: pytest.MonkeyPatch) -> None:
    formula = "1/T * sum over n of v[n][c] * n/T"
    monkeypatch.setitem(RULES, "late", Rule(LI, formula, is_mean=True, weight=lambda x: x))
    network = replace(chain_network(4), readout=Readout("out", "late"), n_steps=4)
    block = answer_block(network)
    assert block.importance is not None
    lines = block.importance.hex_lines().split()
    assert [int(line, 16) for line in lines] == [n * (1 << 15) // 4 for n in range(4)]

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, strategies as st

from nmtool.arithmetic import LOIHI2
from nmtool.hardware_sim import kernel
from nmtool.hardware_sim.resets import owed_after, v_after
from nmtool.hardware_sim.rules import FLOOR, FREE, KEEP, WRAP, Rules
from nmtool.hardware_sim.step import Step, neuron_step
from nmtool.testing.arithmetics import step_by_rules
from tests import faults
from tests.hardware_sim.lava_arithmetic import lava_step

M = 1 << 23
WORD = 1 << 32


def near(*values: int) -> st.SearchStrategy[int]:
    return st.builds(lambda value, by: value + by, st.sampled_from(values), st.integers(-2, 2))


inputs = st.one_of(
    st.integers(-(2**15), 2**15),
    st.integers(-(2**31), 2**31 - 1),
    near(0, M >> 6, -M >> 6, M >> 5, 2**25, -(2**25)),
)
currents = st.one_of(st.integers(-M, M), near(0, M, -M), st.integers(-(2**31), 2**31 - 1))
membranes = st.one_of(st.integers(1 - M, M - 1), st.sampled_from([0, 1, -1, M - 1, 1 - M]))
biases = st.one_of(st.just(0), st.integers(-4096 << 7, 4095 << 7))
current_decays = st.one_of(st.integers(0, 4095), st.sampled_from([0, 1, 2047, 4094, 4095]))
membrane_decays = st.one_of(st.integers(0, 4095), st.sampled_from([0, 1, 2048, 4095]))
thresholds = st.one_of(st.integers(0, 131071), st.sampled_from([0, 131071, 1 << 17]))


def plain(a: int, u: int, v: int, bias: int, du: int, dv: int, vth: int) -> Step:
    return neuron_step(a, u, v, bias, LOIHI2.keep_u(du), LOIHI2.keep_v(dv), vth)


@example(0, M, 0, 0, 0, 0, 100)
@example(0, -M, 0, 0, 0, 0, 100)
@example(M >> 6, 0, 0, 0, 0, 0, 131071)
@example(-M >> 6, 0, 0, 0, 0, 0, 0)
@example(-1, 0, -(M - 1), 0, 4094, 0, 0)
@example(2**31 - 1, M, M - 1, 4095 << 7, 0, 0, 1 << 17)
@given(inputs, currents, membranes, biases, current_decays, membrane_decays, thresholds)
def test_step_is_lava_s(a: int, u: int, v: int, bias: int, du: int, dv: int, vth: int) -> None:
    expected = lava_step(*np.array([[a], [u], [v], [bias]], np.int32), du, dv, vth)
    assert plain(a, u, v, bias, du, dv, vth) == tuple(array[0] for array in expected)


@given(inputs, currents, membranes, biases, current_decays, membrane_decays, thresholds)
def test_compiled_step_is_the_plain_one(
    a: int, u: int, v: int, bias: int, du: int, dv: int, vth: int
) -> None:
    state = (a, u, v, bias, LOIHI2.keep_u(du), LOIHI2.keep_v(dv), vth)
    compiled, expected = kernel.compiled_step(LOIHI2.module)(*state), neuron_step(*state)
    assert compiled == expected
    assert [type(value) for value in compiled] == [type(value) for value in expected]


everything = (inputs, currents, membranes, biases, current_decays, membrane_decays, thresholds)


drops = st.one_of(st.just(0), st.integers(1, 1 << 18), st.integers(-(1 << 18), -1))


@given(*everything, st.booleans(), drops)
def test_a_step_by_the_rules_of_loihi2_equals_the_plain_step(
    a: int, u: int, v: int, bias: int, du: int, dv: int, vth: int, spiked: bool, c: int
) -> None:
    constants, drop = (LOIHI2.keep_u(du), LOIHI2.keep_v(dv), vth), c << 6
    state = step_by_rules(RIGHT, (a, u, v, bias, *constants), spiked=spiked, drop=drop)
    after = neuron_step(a, u, v, bias + owed_after(spiked, drop), *constants)
    assert state == (after.u, v_after(after.peak, after.spiked, drop), after.spiked, after.peak)


RIGHT = Rules.of(LOIHI2)
WRONG = {
    "u rounds down": RIGHT._replace(round_u=FLOOR),
    "v rounds down": RIGHT._replace(round_v=FLOOR),
    "both round down": RIGHT._replace(round_u=FLOOR, round_v=FLOOR),
    "u goes on": RIGHT._replace(limit_u=FREE),
    "v wraps": RIGHT._replace(limit_v=WRAP),
    "v goes on": RIGHT._replace(limit_v=FREE),
    "≥": RIGHT._replace(at_threshold=True),
    "v is kept": RIGHT._replace(reset=KEEP),
    "v before u": RIGHT._replace(old_u=True),
}
"""Wrong rules, by the name of the wrong line of `step.py` that has the same effect."""

REPLACED = {name: faults.executed(faults.faulty_step(name))["neuron_step"] for name in WRONG}


@given(*everything, st.sampled_from(sorted(WRONG)))
def test_a_wrong_rule_equals_a_wrong_line_of_the_step(
    a: int, u: int, v: int, bias: int, du: int, dv: int, vth: int, name: str
) -> None:
    step = (a, u, v, bias, LOIHI2.keep_u(du), LOIHI2.keep_v(dv), vth)
    wrong = REPLACED[name](*step)
    by_rules = step_by_rules(WRONG[name], step)
    assert by_rules == (wrong.u, wrong.v, wrong.spiked, wrong.peak)


@given(st.integers(-(2**31), 2**31 - 1), st.integers(-1000, 1000), currents)
def test_only_the_low_32_bits_of_the_input_count(a: int, times: int, u: int) -> None:
    assert plain(a, u, 0, 0, 400, 200, 50) == plain(a + times * WORD, u, 0, 0, 400, 200, 50)


@pytest.mark.parametrize(
    ("u", "wrapped"),
    [(M, M), (M + 1, 1 - M), (-M, M), (1 - M, 1 - M), (-M - 1, M - 1), (3 * M + 1, M + 1)],
)
def test_u_wraps_once_above_m_and_at_or_below_minus_m(u: int, wrapped: int) -> None:
    """With du = 4094, the new u is the old u divided by 4096, plus 64·a."""
    a, rest = divmod(u, 64)
    before = rest << 12
    outcome = plain(a, before, 0, 0, 4094, 0, 1 << 17)
    assert outcome.u == wrapped
    assert outcome.wrapped == (wrapped != u)


@pytest.mark.parametrize("state", [1, 4096, 12345, M - 1])
def test_decay_rounds_toward_zero(state: int) -> None:
    up, down = (plain(0, sign * state, 0, 0, 700, 4095, 1 << 17).u for sign in (1, -1))
    assert up == state * (4096 - 701) // 4096
    assert down == -up


@pytest.mark.parametrize(("v", "spikes"), [(6400, False), (6401, True)])
def test_a_membrane_at_its_threshold_does_not_spike(v: int, spikes: bool) -> None:
    outcome = plain(0, 0, v, 0, 0, 0, 100)
    assert outcome.spiked is spikes
    assert outcome.v == (0 if spikes else v)


@given(membranes, biases, membrane_decays)
def test_nothing_reaches_the_silent_threshold(v: int, bias: int, dv: int) -> None:
    assert not plain(131071, M, v, bias, 0, dv, 1 << 17).spiked


def test_a_saturated_membrane_is_marked_as_clipped() -> None:
    full = plain(0, 0, M - 1, 1, 0, 0, 1 << 17)
    assert (full.v, full.clipped) == (M - 1, True)
    empty = plain(0, 0, 1 - M, -1, 0, 0, 1 << 17)
    assert (empty.v, empty.clipped) == (1 - M, True)
    assert not plain(0, 0, M - 1, 0, 0, 0, 1 << 17).clipped


def test_a_spike_keeps_the_current() -> None:
    outcome = plain(100, 0, 0, 0, 0, 0, 1)
    assert (outcome.spiked, outcome.u, outcome.v) == (True, 6400, 0)

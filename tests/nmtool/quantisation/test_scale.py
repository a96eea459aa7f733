from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, strategies as st

from nmtool.quantisation.scale import (
    Ceilings,
    choose_scale,
    current_ceiling,
    largest_scale,
    membrane_ceiling,
    one_signed_sum,
)
from nmtool.targets import LOIHI2

positive = st.floats(1e-6, 1e6)
or_nothing = st.one_of(st.none(), positive)
ceilings_strategy = st.builds(
    Ceilings, st.one_of(st.just(0.0), positive), st.one_of(st.just(0.0), positive),
    or_nothing, or_nothing, positive,
)  # fmt: skip
projections_strategy = st.lists(
    st.tuples(st.one_of(st.just(0.0), positive), st.sampled_from([254, 255, 252, 192, 128])),
    max_size=4,
)
bits_strategy = st.sampled_from(LOIHI2.weight_bits)


def within_rules(
    scale: float,
    ceilings: Ceilings,
    projections: list[tuple[float, int]],
    exponents: list[int],
    slack: float = 1.0,
) -> bool:
    """True if the rules in the module's docstring hold, all with the same slack."""
    touching = slack * (1 + 1e-12)
    rules = [scale * ceilings.drive < slack * 2**15, 64 * scale * ceilings.current < slack * 2**23]
    if ceilings.threshold is not None:
        rules.append(scale * ceilings.threshold <= touching * 131071)
    if ceilings.membrane is not None:
        rules.append(64 * scale * ceilings.membrane < slack * 2**23)
    rules.append(64 * scale * ceilings.bias <= touching * 4095 * 2**7)
    for (largest, limit), exponent in zip(projections, exponents, strict=True):
        rules.append(scale * largest <= slack * limit * 2**exponent * (1 + 1e-8))
    return all(rules)


@given(ceilings_strategy, projections_strategy, bits_strategy)
def test_the_scale_keeps_every_rule(
    ceilings: Ceilings, projections: list[tuple[float, int]], bits: int
) -> None:
    scale, exponents = choose_scale(ceilings, *_split(projections), weight_bits=bits)
    assert 0 < scale < math.inf
    assert all(exponent in LOIHI2.weight_exponents(bits) for exponent in exponents)
    assert within_rules(scale, ceilings, projections, exponents)


@given(ceilings_strategy, projections_strategy, bits_strategy)
def test_one_percent_more_breaks_a_rule(
    ceilings: Ceilings, projections: list[tuple[float, int]], bits: int
) -> None:
    """Or a projection needs a larger exponent, which costs a bit of its resolution."""
    assume(any(largest for largest, _ in projections) or _bounded(ceilings))
    scale, exponents = choose_scale(ceilings, *_split(projections), weight_bits=bits)
    assert not within_rules(1.01 * scale, ceilings, projections, exponents)


@given(ceilings_strategy, projections_strategy, bits_strategy)
def test_twice_as_much_breaks_a_rule_or_gains_nothing(
    ceilings: Ceilings, projections: list[tuple[float, int]], bits: int
) -> None:
    """A projection gains if its doubled weights still fit with the smallest exponent."""
    scale, _ = choose_scale(ceilings, *_split(projections), weight_bits=bits)
    least = LOIHI2.weight_exponents(bits)[0]
    higher = [_exponent(2 * scale, *projection, least) for projection in projections]
    gains = any(
        largest and exponent == least
        for (largest, _), exponent in zip(projections, higher, strict=True)
    )
    possible = max(higher, default=0) in LOIHI2.weight_exponents(bits)
    fits = within_rules(2 * scale, ceilings, projections, higher, slack=1 - 1 / 512)
    assert not (gains and possible and fits)


@given(ceilings_strategy, projections_strategy, bits_strategy)
def test_exponents_are_no_larger_than_needed(
    ceilings: Ceilings, projections: list[tuple[float, int]], bits: int
) -> None:
    scale, exponents = choose_scale(ceilings, *_split(projections), weight_bits=bits)
    least = LOIHI2.weight_exponents(bits)[0]
    assert exponents == [_exponent(scale, *projection, least) for projection in projections]


def _split(projections: list[tuple[float, int]]) -> tuple[list[float], list[int]]:
    return [largest for largest, _ in projections], [limit for _, limit in projections]


def _exponent(scale: float, largest: float, limit: int, least: int) -> int:
    exponent = least if largest else 0
    while scale * largest > limit * 2**exponent * (1 + 1e-8):
        exponent += 1
    return exponent


def _bounded(ceilings: Ceilings) -> bool:
    return not math.isinf(largest_scale(ceilings))


FREE = Ceilings(0.0, 0.0, None, None, 0.0)


@pytest.mark.parametrize(
    ("ceilings", "scale"),
    [
        (replace(FREE, drive=2.0), 2**14),
        (replace(FREE, current=4.0), 2**15),
        (replace(FREE, threshold=10.0), 13107.1),
        (replace(FREE, membrane=1.0), 2**17),
        (replace(FREE, bias=64.0), 4095 * 2 / 64),
        (replace(FREE, bias=64.0, threshold=1000.0), 4095 * 2 / 64),
    ],
)
def test_each_rule_alone(ceilings: Ceilings, scale: float) -> None:
    assert largest_scale(ceilings) == pytest.approx(scale, rel=2e-3)


def test_nothing_to_scale() -> None:
    assert choose_scale(FREE, [], []) == (1.0, [])
    assert choose_scale(FREE, [0.0, 0.0], [254, 255]) == (1.0, [0, 0])
    assert choose_scale(replace(FREE, threshold=1.0), [0.0], [255]) == (131071.0, [0])


def test_the_largest_weight_fills_its_range() -> None:
    assert choose_scale(FREE, [0.5], [254]) == (508.0, [0])
    assert choose_scale(FREE, [0.5, 0.0], [254, 255]) == (508.0, [0, 0])


def test_a_small_projection_keeps_its_bits_beside_a_large_one() -> None:
    """With a ratio of 16, the large projection is shifted by 4 bits, and both fill their ranges."""
    assert choose_scale(FREE, [1.0, 1 / 16], [254, 254]) == (254 * 16, [4, 0])
    scale, exponents = choose_scale(replace(FREE, drive=30.0), [1.0, 1 / 16], [254, 254])
    assert (scale, exponents) == (254 * 4, [2, 0])


def test_negative_exponents_make_few_bits_finer() -> None:
    """The input of u limits the scale; the small projection would use a seventh of its range."""
    bounded = replace(FREE, drive=100.0)
    assert choose_scale(bounded, [1.0, 1 / 7], [224, 224], weight_bits=4)[1] == [0, -2]
    assert choose_scale(bounded, [1.0, 1 / 7], [224, 224], weight_bits=7)[1] == [0, -1]
    assert choose_scale(bounded, [1.0, 1 / 7], [224, 224])[1] == [0, 0]
    alone = choose_scale(replace(FREE, drive=2**15 / 10), [1.0], [224], weight_bits=4)
    assert alone == (pytest.approx(10, rel=2e-3), [-4])


def test_exponents_end_at_7() -> None:
    assert choose_scale(FREE, [1.0, 1e-4], [254, 254]) == (254 * 128, [7, 0])


def test_a_bound_on_the_scale() -> None:
    assert choose_scale(FREE, [0.5], [254], at_most=100.0) == (100.0, [0])
    assert choose_scale(FREE, [0.5], [254], at_most=1000.0) == (508.0, [0])


def test_one_signed_sums_are_of_the_worst_neuron_over_all_projections() -> None:
    first = np.array([[1.0, -2.0], [3.0, -4.0]])
    second = np.array([[-1.0, -3.0]])
    assert one_signed_sum([first, second]) == 9.0
    assert one_signed_sum([-first, -second]) == 9.0
    assert one_signed_sum([]) == 0.0
    assert one_signed_sum([np.zeros((0, 3))]) == 0.0


@given(st.integers(0, 4095), st.integers(1, 4095))
def test_ceilings_are_the_geometric_sums(du: int, dv: int) -> None:
    """With constant input a, u tends to a/(1 − keep), and v in the same way."""
    assert current_ceiling(2.0, du) * (du + 1) / 4096 == pytest.approx(2.0)
    assert membrane_ceiling(3.0, dv) * dv / 4096 == pytest.approx(3.0)
    assert membrane_ceiling(3.0, 0) == math.inf

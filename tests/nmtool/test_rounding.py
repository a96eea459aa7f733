from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, strategies as st

from nmtool.rounding import round_half_away

halves = st.integers(-(2**52), 2**52).map(lambda k: k / 2)
values = st.one_of(halves, st.floats(allow_nan=False, allow_infinity=False))
nudged = st.builds(math.nextafter, halves, st.sampled_from([-math.inf, math.inf]))


@example(0.49999999999999994)
@example(-0.49999999999999994)
@example(2.0**52 + 1)
@example(2.0**51 + 0.5)
@given(st.one_of(values, nudged))
def test_nearest_integer_halves_away_from_zero(x: float) -> None:
    exact = math.floor(abs(Fraction(x)) + Fraction(1, 2))
    assert float(round_half_away(x)) == math.copysign(exact, x)


def test_halves() -> None:
    assert round_half_away([0.5, 1.5, 2.5, -0.5, -1.5, -2.5]).tolist() == [1, 2, 3, -1, -2, -3]


@pytest.mark.parametrize("shape", [(), (0,), (2, 3)])
def test_shape_is_kept_and_type_is_float64(shape: tuple[int, ...]) -> None:
    rounded = round_half_away(np.full(shape, 3.2, np.float32))
    assert (rounded.shape, rounded.dtype) == (shape, np.float64)

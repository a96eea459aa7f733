"""Descriptions of the numbers that were changed in an export."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as arrays

from nmtool.exporters.differences import array_change

SHAPES = arrays.array_shapes(max_dims=3, max_side=4)


@given(arrays.arrays(np.int32, SHAPES), st.data())
def test_one_number_is_named(values: np.ndarray, data: st.DataObject) -> None:
    place = tuple(data.draw(st.integers(0, side - 1)) for side in values.shape)
    changed = values.copy()
    changed[place] ^= 1
    change = array_change(values, changed)
    assert change == f"{list(place)} is {changed[place]}, not {values[place]}"
    assert array_change(values, values.copy()) == ""


@pytest.mark.parametrize(
    ("actual", "change"),
    [
        (np.zeros((2, 1)), "its shape is [2, 1], not [2]"),
        (np.zeros(2, np.int32), "its numbers are int32, not float64"),
        (np.ones(2), "[0] is 1.0, not 0.0; 2 of 2 numbers differ"),
        (np.array([0.0, np.nan]), "[1] is nan, not 0.0"),
        (np.array(["a", "b"]), "it differs"),
    ],
)
def test_other_shapes_and_types_are_described(actual: np.ndarray, change: str) -> None:
    assert array_change(np.zeros(2), actual) == change


def test_a_scalar_has_no_index() -> None:
    assert array_change(np.array(3), np.array(4)) == "is 4, not 3"

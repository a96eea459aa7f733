"""A third arithmetic, with states of 8 bits, only needs an `Arithmetic` and a `neuron_step`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nmtool.arithmetic import LOIHI2, Arithmetic
from nmtool.testing import check_arithmetic
from tests.thorough import examples
from tests.tiny8.nmtool_tiny8 import TINY8


@pytest.mark.parametrize("arithmetic", [LOIHI2, TINY8], ids=repr)
def test_promises_of_an_arithmetic(arithmetic: Arithmetic) -> None:
    check_arithmetic(arithmetic, examples(0.25))


@pytest.mark.parametrize(
    "wrong",
    [
        replace(TINY8, lowest=-127),
        replace(TINY8, state_shift=2, max_threshold=31),
        replace(TINY8, neuron=replace(TINY8.neuron, rounding="nearest")),
        replace(TINY8, neuron=replace(TINY8.neuron, compare="at least")),
        replace(TINY8, neuron=replace(TINY8.neuron, decay_bits=8)),
    ],
    ids=str,
)
def test_properties_that_the_step_does_not_have(wrong: Arithmetic) -> None:
    with pytest.raises(AssertionError, match=r"neuron_step.* as properties say.*seed 0"):
        check_arithmetic(wrong, 1)

"""brian2-loihi passes the conformance vectors without biases and overflows."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmtool.errors import DoesNotFitError
from nmtool_chips.brian2_loihi.format import Brian2Loihi
from tests.refusals import refused
from tests.test_vectors import NAMES, assert_passes, read, run

_BIASED = ("one-step", "v-limits", "thresholds", "biases", "unused", "readout-", "mixed-")
BIASED = [name for name in NAMES if name.startswith(_BIASED)]
OVERFLOWING = ("u-limits", "u-twice", "u-word", "a-sum")
"""Vectors with biases or overflows, which brian2-loihi cannot express."""


def test_all_without_bias_are_accepted() -> None:
    assert [name for name in NAMES if Brian2Loihi.misfits(read(name).integers)] == BIASED


@pytest.mark.brian2_loihi
@pytest.mark.parametrize("name", [n for n in NAMES if n not in BIASED])
def test_the_vectors_pass(name: str, tmp_path: Path) -> None:
    if name in OVERFLOWING:
        with refused(DoesNotFitError, "brian2-loihi-does-not-fit"):
            run(Brian2Loihi, name, tmp_path)
    else:
        assert_passes(name, run(Brian2Loihi, name, tmp_path))

"""The core passes the conformance vectors in Icarus.

In Verilator, `test_verilog_conformance.py` runs them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from plugins.fpga.tests.verilog_bench import needs_icarus, record
from tests.test_vectors import NAMES, assert_passes, read

TOO_WIDE = ("u-twice", "u-word", "a-sum", "reset-late-word")
"""Vectors that the core refuses, since sums of weights exceed 18 bits."""

COUNTED = tuple(name for name in NAMES if name.startswith("counts-"))
"""Vectors that the core refuses, since they count more than 15 spikes."""


@needs_icarus
@pytest.mark.parametrize("name", [name for name in NAMES if name not in (*TOO_WIDE, *COUNTED)])
def test_the_core_in_icarus(name: str, tmp_path: Path) -> None:
    spikes = read(name).known_answers().spikes
    assert_passes(name, record(read(name).integers, spikes, tmp_path, deep=True))

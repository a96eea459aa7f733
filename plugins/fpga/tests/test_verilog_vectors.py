"""The core passes the conformance vectors in Icarus and in Verilator."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmtool_fpga.verilog.format import Verilog
from plugins.fpga.tests.verilog_bench import needs_icarus, needs_verilator, record
from tests.test_vectors import NAMES, assert_passes, read, run

TOO_WIDE = ("u-twice", "u-word", "a-sum")
"""Vectors that the core refuses, since sums of weights exceed 18 bits."""

fitting_the_core = pytest.mark.parametrize("name", [n for n in NAMES if n not in TOO_WIDE])


def test_the_core_accepts_all_but_the_widest_sums() -> None:
    assert [name for name in NAMES if Verilog.misfits(read(name).integers)] == [*TOO_WIDE]


@needs_icarus
@fitting_the_core
def test_the_core_in_icarus(name: str, tmp_path: Path) -> None:
    spikes = read(name).known_answers().spikes
    assert_passes(name, record(read(name).integers, spikes, tmp_path, deep=True))


@pytest.mark.long
@needs_verilator
@fitting_the_core
def test_the_core_in_verilator(name: str, tmp_path: Path) -> None:
    assert_passes(name, run(Verilog, name, tmp_path))

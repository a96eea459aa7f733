"""The blocks of the tutorial run, in an empty folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.tutorials import run_blocks

PAGE = Path(__file__).parents[1] / "docs" / "tutorial-fpga.md"
PROGRAMS = ("cc", "iverilog", "verilator", "make")


@pytest.mark.torch
@pytest.mark.skipif(not all(map(shutil.which, PROGRAMS)), reason=f"needs {', '.join(PROGRAMS)}")
def test_all_blocks_run(tmp_path: Path) -> None:
    run_blocks(PAGE, tmp_path)

"""The Verilog format keeps the promises that `nmtool.testing` checks."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmtool.testing import Promise
from nmtool_fpga.verilog.format import Verilog
from plugins.fpga.tests.test_verilog_vectors import COUNTED, TOO_WIDE
from tests.promises import assert_the_step_has_all_digits, promises

REFUSED = {f"vector {name}" for name in (*TOO_WIDE, *COUNTED)}


@pytest.mark.parametrize(
    ("promise", "outcomes"), promises(Verilog, any_network=False, refused=REFUSED, often=REFUSED)
)
def test_promises(promise: Promise, outcomes: set[bool], tmp_path: Path) -> None:
    assert promise(tmp_path) in outcomes


def test_the_step_is_written_with_all_digits(tmp_path: Path) -> None:
    assert_the_step_has_all_digits(Verilog, tmp_path)

"""Firmware and emulated processors keep the promises that `nmtool.testing` checks."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmtool.testing import Promise
from nmtool_mcu.processors import PROCESSORS
from tests.promises import promises

OFTEN = {"vector u-word", "vector mixed-16"}


@pytest.mark.parametrize(
    ("promise", "outcomes"),
    [
        *promises("firmware", often=OFTEN),
        *(case for name in PROCESSORS for case in promises(name, pytest.mark.processors)),
    ],
)
def test_promises(promise: Promise, outcomes: set[bool], tmp_path: Path) -> None:
    assert promise(tmp_path) in outcomes

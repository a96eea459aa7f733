"""Fixtures of tests of commands, and the order of test files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.nmtool.cli.conftest import arguments_of, integers, nmtool

__all__ = ["arguments_of", "integers", "nmtool"]

LONGEST = (
    "test_verilog_conformance.py",
    "test_verilog_folder.py",
    "test_verilog_networks.py",
)
"""Test files of ten seconds and more; they begin after those of the core."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the files of `LONGEST` before all but the longest files of the core."""
    longest = {Path(__file__).parent / name for name in LONGEST}
    items.sort(key=lambda item: item.path not in longest)

"""Fixtures of tests of commands, and the order of test files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.nmtool.cli.conftest import arguments_of, data, floats, integers, nmtool

__all__ = ["arguments_of", "data", "floats", "integers", "nmtool"]

LONGEST = "test_fenn_package.py"
"""The test file of ten seconds and more; it begins after those of the core."""


def pytest_configure(config: pytest.Config) -> None:
    for marker in (
        "fenn: needs the environment of FeNN's simulator (nmtool setup fenn)",
        "brian2_loihi: needs the environment of brian2-loihi (nmtool setup brian2-loihi)",
    ):
        config.addinivalue_line("markers", marker)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the file `LONGEST` before all but the longest files of the core."""
    items.sort(key=lambda item: item.path != Path(__file__).with_name(LONGEST))

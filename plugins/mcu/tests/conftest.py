"""Emulated processors on which tests run, and fixtures of tests of commands."""

from __future__ import annotations

import pytest

from nmtool.exporters.c.processor import Processor
from tests.nmtool.cli.conftest import integers, nmtool

__all__ = ["integers", "nmtool", "real"]


@pytest.fixture(scope="module")
def real(request: pytest.FixtureRequest) -> Processor:
    """The processor of a parametrised test; skips the test if its tools are not installed."""
    processor: Processor = request.param
    if processor.missing:
        pytest.skip(f"missing: {', '.join(processor.missing)}")
    return processor

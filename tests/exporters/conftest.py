"""Processors that tests run on, where they can be emulated."""

from __future__ import annotations

import pytest

from nmtool.exporters.processors import Processor


@pytest.fixture(scope="module")
def real(request: pytest.FixtureRequest) -> Processor:
    """The processor that a test is parametrised with, if its compiler and emulator are here."""
    processor: Processor = request.param
    if processor.missing:
        pytest.skip(f"missing: {', '.join(processor.missing)}")
    return processor

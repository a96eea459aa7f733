"""Processors that tests run on, where they can be emulated."""

from __future__ import annotations

import pytest

from nmtool.exporters.processors import Processor


@pytest.fixture(scope="module")
def real(request: pytest.FixtureRequest) -> Processor:
    """The processor of a parametrised test, if its compiler and emulator are installed."""
    processor: Processor = request.param
    if processor.missing:
        pytest.skip(f"missing: {', '.join(processor.missing)}")
    return processor

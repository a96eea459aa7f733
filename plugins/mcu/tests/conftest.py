"""Emulated processors on which tests run, and fixtures of tests of commands."""

from __future__ import annotations

import pytest

from nmtool_mcu.processors import Processor
from tests.nmtool.cli.conftest import integers, nmtool

__all__ = ["integers", "nmtool", "real"]


PROCESSORS = "processors: needs compilers for other processors and QEMU (make processors)"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", PROCESSORS)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect tests on emulated processors unless `-m` names them."""
    if "processors" not in config.getoption("markexpr"):
        marked = [item for item in items if item.get_closest_marker("processors")]
        config.hook.pytest_deselected(items=marked)
        items[:] = [item for item in items if item not in marked]


@pytest.fixture(scope="module")
def real(request: pytest.FixtureRequest) -> Processor:
    """The processor of a parametrised test; skips the test if its tools are not installed."""
    processor: Processor = request.param
    if processor.missing:
        pytest.skip(f"missing: {', '.join(processor.missing)}")
    return processor

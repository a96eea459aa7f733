"""Settings of the CUDA engine's tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _threads_take_short_turns() -> Iterator[None]:
    """Numba's simulator waits for its threads in a loop: 5 ms a barrier at Python's own pace."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)

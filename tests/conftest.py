"""Settings of all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Read by numba when it is first imported: a machine with one core runs two threads as well.
os.environ.setdefault("NUMBA_NUM_THREADS", str(max(2, os.cpu_count() or 1)))

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Modules of deselected tests may need libraries that are not there: do not import them."""
    expression = config.getoption("markexpr")
    if collection_path.suffix != ".py" or "not torch" not in expression:
        return None
    return "\npytestmark = pytest.mark.torch" in collection_path.read_text("utf-8") or None

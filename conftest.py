"""Settings of all tests, of the core and of plug-ins."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from nmtool.cli.threads import PATIENCE
from tests.thorough import EXAMPLES

# Numba reads this variable when it is first imported. The tests need two threads, even on a single
# core.
os.environ.setdefault("NUMBA_NUM_THREADS", str(max(2, os.cpu_count() or 1)))

# OpenMP reads these variables when torch or numba is first imported. By default, threads spin while
# they wait for the next kernel, and take processor time from the tests in other processes.
for _name, _value in PATIENCE.items():
    os.environ.setdefault(_name, _value)

settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=EXAMPLES)
settings.load_profile("repeatable")


LONGEST = (
    "training/loop/test_resume.py",
    "exporters/test_conformance.py",
    "training/front/test_model.py",
    "exporters/test_lava_run.py",
    "training/front/test_rounding.py",
    "exporters/test_c_program.py",
    "training/studies/test_search.py",
    "nmtool/verification/test_explain.py",
    "test_plugins_page.py",
    "benchmarks/test_cnn.py",
    "nmtool/cli/test_train.py",
    "nmtool/verification/test_verify.py",
    "nmtool/cli/test_demo.py",
    "training/studies/test_folds.py",
    "training/loop/test_trainer.py",
    "test_wheel.py",
)
"""Test files of ten seconds and more; they begin first, so that none runs alone at the end.

Of two processes, the first begins with the files that compile the kernels of training, and the
second with other files, which later use the compiled kernels.
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the files of `LONGEST` first, and all others in their order."""
    place = {Path(__file__).parent / "tests" / name: n for n, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(place)))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not import modules of deselected tests, which may need libraries that are missing."""
    expression = config.getoption("markexpr")
    if collection_path.suffix != ".py" or "not torch" not in expression:
        return None
    return "\npytestmark = pytest.mark.torch" in collection_path.read_text("utf-8") or None


@pytest.fixture(scope="module")
def tiny8() -> Iterator[None]:
    """Register `TINY8` of `tests/tiny8`, which random tests draw besides `loihi2`."""
    from nmtool.testing import registered
    from tests.tiny8.nmtool_tiny8 import TINY8

    with registered(TINY8):
        yield


@pytest.fixture(autouse=True)
def _remarks() -> Iterator[None]:
    """Restore the logger of remarks, which commands change, e.g. to silence other ranks."""
    logger = logging.getLogger("nmtool")
    level, handlers = logger.level, [*logger.handlers]
    yield
    logger.setLevel(level)
    logger.handlers[:] = handlers


@pytest.fixture
def _heeds_interrupts() -> Iterator[None]:
    """Handle SIGINT, which a shell's background jobs and the programs that they start ignore."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, previous)

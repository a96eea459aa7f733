from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.nmtool.cli.cases import write_folder


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a data set `two` of twelve training and six test samples."""
    monkeypatch.chdir(tmp_path)
    return write_folder(tmp_path / "two")


@pytest.fixture
def _heeds_interrupts() -> Iterator[None]:
    """A shell's background jobs ignore SIGINT, and so would the programs they start."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, previous)

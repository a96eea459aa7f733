from __future__ import annotations

from pathlib import Path

import pytest

from tests.nmtool.cli.cases import write_folder


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a data set `two` of twelve training and six test samples."""
    monkeypatch.chdir(tmp_path)
    return write_folder(tmp_path / "two")

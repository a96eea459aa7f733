from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nmtool.cli.main import main
from tests.nmtool.cli import cases
from tests.nmtool.cli.cases import CommandResult

Nmtool = Callable[..., CommandResult]


@pytest.fixture
def nmtool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Nmtool:
    """`nmtool(*words)` runs a command in an empty folder and returns what it said."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NMTOOL_DATA", raising=False)

    def run(*words: object) -> CommandResult:
        capsys.readouterr()
        code = main([str(word) for word in words])
        return CommandResult(code, *capsys.readouterr())

    return run


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with twelve training and six test samples."""
    return cases.write_folder(tmp_path / "two")


@pytest.fixture
def integers(tmp_path: Path) -> Path:
    """An integer network file."""
    path = tmp_path / "integers.npz"
    cases.integer_network().save(path)
    return path


@pytest.fixture
def floats(tmp_path: Path) -> Path:
    """A float network file."""
    path = tmp_path / "floats.npz"
    cases.float_network().save(path)
    return path

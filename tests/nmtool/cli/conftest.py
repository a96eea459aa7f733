from __future__ import annotations

import inspect
import pydoc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nmtool.cli.main import main
from tests.nmtool.cli import cases
from tests.nmtool.cli.cases import CommandResult

Nmtool = Callable[..., CommandResult]
ArgumentsOf = Callable[[str, str], dict[str, Any]]


@pytest.fixture
def nmtool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Nmtool:
    """`nmtool(*words)` runs a command in an empty folder and returns its result."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NMTOOL_DATA", raising=False)

    def run(*words: object) -> CommandResult:
        capsys.readouterr()
        code = main([str(word) for word in words])
        return CommandResult(code, *capsys.readouterr())

    return run


class _CalledError(Exception):
    """Raised to end a command when it calls the library."""


@pytest.fixture
def arguments_of(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> ArgumentsOf:
    """`arguments_of(words, function)`: the arguments that a command passes to a function."""

    def arguments(words: str, name: str) -> dict[str, Any]:
        function: Any = pydoc.locate(name)
        given: dict[str, Any] = {}

        def note(*values: Any, **named: Any) -> None:
            call = inspect.signature(function).bind(*values, **named)
            call.apply_defaults()
            given.update(call.arguments)
            raise _CalledError

        monkeypatch.setattr(name, note)
        with pytest.raises(_CalledError):
            nmtool(*words.split())
        return given

    return arguments


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

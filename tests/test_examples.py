"""Every example runs and prints what its docstring says."""

from __future__ import annotations

import ast
import runpy
import sys
import textwrap
from pathlib import Path

import pytest

from nmtool.network import Network

EXAMPLES = Path(__file__).parents[1] / "examples"


def _run(
    name: str, monkeypatch: pytest.MonkeyPatch, folder: Path, capsys: pytest.CaptureFixture[str]
) -> str:
    """What the script prints when it runs in the folder."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", [name])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    return capsys.readouterr().out


def _promised(name: str) -> str:
    """The indented block after the line "prints" of the script's docstring."""
    text = ast.get_docstring(ast.parse((EXAMPLES / name).read_text(encoding="utf-8")))
    assert text is not None
    return textwrap.dedent(text.split("\nprints\n\n")[1]) + "\n"


@pytest.mark.torch
def test_own_training_loop(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "own_training_loop.py"
    assert _run(name, monkeypatch, tmp_path, capsys) == _promised(name)
    learnt = Network.load(tmp_path / "sequence.npz").projections[0]
    assert (learnt.weight == 1.0).all()
    assert (learnt.delay[[0, 1], [0, 1]] > learnt.delay[[0, 1], [1, 0]]).all()

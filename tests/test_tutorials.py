"""All blocks of a tutorial or concept run, one after the other, in an empty folder."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tests.tutorials import blocks, check_shown, run, run_blocks

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler"),
]

LIBRARIES = {"tutorial-own-loop": "onnxruntime", "tutorial-foreign": "nir"}


@pytest.mark.parametrize(
    "page",
    [
        pytest.param("tutorial-first", marks=[pytest.mark.long, pytest.mark.lava]),
        pytest.param("tutorial-own-data", marks=pytest.mark.long),
        pytest.param("tutorial-own-loop", marks=pytest.mark.long),
        "tutorial-foreign",
        "certificate",
    ],
)
def test_all_blocks_run(page: str, tmp_path: Path) -> None:
    if page in LIBRARIES:
        pytest.importorskip(LIBRARIES[page])
    run_blocks(DOCS / f"{page}.md", tmp_path)


def test_the_first_tutorial_has_the_commands_of_the_readme() -> None:
    commands = [
        line.partition("  ")[0]
        for language, text in blocks(ROOT / "README.md")
        for line in text.splitlines()
        if not language and line.startswith("nmtool ")
    ]
    page = [line for _, text in blocks(DOCS / "tutorial-first.md") for line in text.splitlines()]
    assert len(commands) == 5
    assert [line for line in page if line in commands] == commands


@pytest.mark.long
@pytest.mark.lava
def test_the_readme_shows_the_demo(tmp_path: Path) -> None:
    [shown] = [text for language, text in blocks(ROOT / "README.md") if language == "text"]
    check_shown(shown, run([sys.executable, "-m", "nmtool", "demo"], tmp_path))

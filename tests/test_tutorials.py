"""All blocks of a tutorial or concept run, one after the other, in an empty folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.tutorials import run_blocks

DOCS = Path(__file__).parents[1] / "docs"

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler"),
]

LIBRARIES = {"tutorial-own-loop": "onnxruntime", "tutorial-foreign": "nir"}


@pytest.mark.parametrize(
    "page",
    [
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

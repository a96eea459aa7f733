"""All blocks of a tutorial or concept run, one after the other, in an empty folder."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
BLOCK = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
FILE_NAME = re.compile(r"/\* ([\w/.]+):")
"""A block of C is written to the file named in its first line."""

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler"),
]


def blocks(page: str) -> list[tuple[str, str]]:
    """Language and text of the blocks of a page; blocks of commands have no language."""
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    return [(match["language"], match["text"]) for match in BLOCK.finditer(text)]


def run(words: list[str], folder: Path) -> str:
    """Output of a command on stdout; it must succeed."""
    done = subprocess.run(
        words,
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "NUMBA_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, f"{words}: {done.stderr}"
    return done.stdout


LIBRARIES = {"tutorial-own-loop": "onnxruntime", "tutorial-foreign": "nir"}
PROGRAMS = {
    "tutorial-fpga": ("iverilog", "verilator", "make"),
    "tutorial-firmware": ("arm-none-eabi-gcc", "qemu-system-arm", "make"),
}


@pytest.mark.parametrize(
    "page",
    [
        pytest.param("tutorial-own-data", marks=pytest.mark.long),
        pytest.param("tutorial-own-loop", marks=pytest.mark.long),
        *("tutorial-foreign", "tutorial-fpga"),
        "certificate",
        pytest.param("tutorial-firmware", marks=pytest.mark.processors),
    ],
)
def test_all_blocks_run(page: str, tmp_path: Path) -> None:
    if page in LIBRARIES:
        pytest.importorskip(LIBRARIES[page])
    for program in PROGRAMS.get(page, ()):
        if shutil.which(program) is None:
            pytest.skip(f"no {program}")
    output, python = "", ""
    for language, text in blocks(page):
        if language == "python":
            # Successive blocks of Python run together, because later blocks use names of earlier
            # blocks.
            python += text
            continue
        if language == "c":
            name = FILE_NAME.match(text)
            assert name is not None
            (tmp_path / name[1]).write_text(text, encoding="ascii")
            continue
        assert language == ""
        if python:
            output += run([sys.executable, "-c", python], tmp_path)
            python = ""
        for line in text.splitlines():
            command, *words = shlex.split(line)
            assert command in ("nmtool", "make", "cc", "./check")
            program = [sys.executable, "-m", "nmtool"] if command == "nmtool" else [command]
            output += run([*program, *words], tmp_path)
    if python:
        output += run([sys.executable, "-c", python], tmp_path)
    assert re.search(r"spikes compared \d+, different 0; spikes emitted [1-9]", output)

"""Runs the blocks of a page, as its reader would."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

BLOCK = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
FILE_NAME = re.compile(r"/\* ([\w/.]+):")
"""A block of C is written to the file named in its first line."""


def blocks(page: Path) -> list[tuple[str, str]]:
    """Language and text of the blocks of a page; blocks of commands have no language."""
    text = page.read_text(encoding="utf-8")
    return [(match["language"], match["text"]) for match in BLOCK.finditer(text)]


def run(words: list[str], folder: Path) -> str:
    """Output of a command, on stdout and stderr; it must succeed."""
    done = subprocess.run(
        words,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "NUMBA_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, f"{words}: {done.stdout}"
    return done.stdout


def check_shown(shown: str, output: str) -> None:
    """Check that a page shows lines of an output, but for their numbers.

    Args:
        shown: lines of the page. A line of `…` stands for lines that are left out, and a `…` at the
            end of a line for its rest.
        output: the output.
    """
    lines = [_without_numbers(line) for line in output.splitlines()]
    for line in filter(None, map(_without_numbers, shown.splitlines())):
        start = line.removesuffix("…").rstrip()
        known = any(other.startswith(start) if start != line else other == line for other in lines)
        assert known, f"{line!r} is not in the output:\n{output}"


def _without_numbers(line: str) -> str:
    """A line with 0 for every number, single spaces, and rules of one length."""
    line = re.sub("─+", "─", " ".join(line.split()))
    return re.sub(r"[-+−]?\d+([.,]\d+)*", "0", line)


def run_blocks(page: Path, folder: Path) -> None:
    """Run all blocks, one after the other, in an empty folder; a comparison must be equal.

    A block `text` shows lines of the output up to there.
    """
    output, python = "", ""
    for language, text in blocks(page):
        if language == "text":
            if python:
                output += run([sys.executable, "-c", python], folder)
                python = ""
            check_shown(text, output)
            continue
        if language == "python":
            # Successive blocks of Python run together, because later blocks use names of earlier
            # blocks.
            python += text
            continue
        if language == "c":
            name = FILE_NAME.match(text)
            assert name is not None
            (folder / name[1]).write_text(text, encoding="ascii")
            continue
        assert language == ""
        if python:
            output += run([sys.executable, "-c", python], folder)
            python = ""
        for line in text.splitlines():
            command, *words = shlex.split(line)
            assert command in ("nmtool", "make", "cc", "./check")
            program = [sys.executable, "-m", "nmtool"] if command == "nmtool" else [command]
            output += run([*program, *words], folder)
    if python:
        output += run([sys.executable, "-c", python], folder)
    assert re.search(r"spikes compared \d+, different 0; spikes emitted [1-9]", output)

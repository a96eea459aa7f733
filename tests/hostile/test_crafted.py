"""Every crafted file ends with exit code 2 and a short error, within 10 s of CPU time and 1 GB."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from tests.hidden import hidden
from tests.hostile import crafted
from tests.hostile.forks import answers
from tests.thorough import THOROUGH

on_linux = [
    pytest.mark.torch,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="forks, and counts as Linux"),
]
pytestmark = on_linux

MAX_BYTES = 1 << 30
MAX_LETTERS = 2500
"""Largest length of an error, besides the command's words, for any names and lists in a file."""


def test_crafted_files_are_refused(tmp_path: Path) -> None:
    assert complaints(crafted.CASES, tmp_path) == {}


def complaints(
    cases: dict[str, crafted.Make],
    folder: Path,
    *,
    slow: Collection[str] = crafted.SLOW,
    every: int = 6,
) -> dict[str, str]:
    """What is wrong with the answers to crafted files, by case; no entry for a correct answer.

    Args:
        cases: functions that write the files and return the command.
        folder: an empty folder.
        slow: cases that only `make nightly` runs.
        every: otherwise, one in so many of the fast cases is run.
    """
    names = list(cases) if THOROUGH else [name for name in cases if name not in slow][::every]
    jobs = []
    crafted.whole(folder / "whole")
    for number, name in enumerate(names):
        working = folder / str(number)
        shutil.copytree(folder / "whole", working)
        jobs.append({"words": cases[name](working), "folder": str(working)})
    return {
        name: problem
        for name, job, answer in zip(names, jobs, answers(jobs, folder), strict=True)
        if (problem := complaint(answer, name in crafted.HARMLESS, sum(map(len, job["words"]))))
    }


def complaint(answer: dict[str, Any], harmless: bool, typed: int) -> str:
    """Description of what is wrong with an answer; '' for a correct one."""
    if letters := hidden(answer["out"] + answer["err"]):
        return f"it writes {letters} to the screen"
    if answer["bytes"] > MAX_BYTES:
        return f"it takes {answer['bytes'] >> 20} MiB: {answer['err'][-300:]}"
    if harmless and answer["code"] == 0:
        return ""
    codes = re.findall(r"^error\[([a-z0-9-]+)\]: \S", answer["err"], re.M)
    if answer["code"] != 2 or len(codes) != 1 or codes[0] == "memory-exhausted":
        return f"code {answer['code']}: {answer['err'][-600:]}"
    if len(answer["err"]) > MAX_LETTERS + typed:
        return f"it says {len(answer['err'])} letters: {answer['err'][:200]}"
    if answer["out"]:
        return f"it says {answer['out'][:200]} on stdout"
    return ""

"""Every crafted file ends with exit code 2 and a short error, within 10 s of CPU time and 1 GB."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.hidden import hidden
from tests.hostile import crafted
from tests.hostile.forks import answers
from tests.thorough import THOROUGH

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="forks, and counts as Linux"),
]

MAX_BYTES = 1 << 30
MAX_LETTERS = 2500
"""Largest length of an error, besides the command's words, for any names and lists in a file."""


def chosen() -> list[str]:
    """The cases: all in `make nightly`, otherwise every sixth of the fast ones."""
    names = list(crafted.CASES)
    if not THOROUGH:
        names = [name for name in names if name not in crafted.SLOW][::6]
    return names


def test_crafted_files_are_refused(tmp_path: Path) -> None:
    names = chosen()
    jobs = []
    crafted.whole(tmp_path / "whole")
    for number, name in enumerate(names):
        folder = tmp_path / str(number)
        shutil.copytree(tmp_path / "whole", folder)
        jobs.append({"words": crafted.CASES[name](folder), "folder": str(folder)})
    wrong = {
        name: problem
        for name, job, answer in zip(names, jobs, answers(jobs, tmp_path), strict=True)
        if (problem := complaint(answer, name in crafted.HARMLESS, sum(map(len, job["words"]))))
    }
    assert wrong == {}


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

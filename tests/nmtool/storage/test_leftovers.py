"""Unfinished files of killed processes are deleted by the next process that writes there."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nmtool import leftovers, storage
from nmtool.exporters.output import replacing_folder

GONE = 4_000_000
"""The number of no process: Linux's are at most 2^22."""

KILLED = """
import os, signal, sys
from nmtool import storage
from nmtool.exporters.output import replacing_folder
kind, path = sys.argv[1:]
if kind == "file":
    with storage.replacing(path) as temporary:
        temporary.write_text("half")
        os.kill(os.getpid(), signal.SIGKILL)
rename = os.rename
def kill(old, new):
    if kind == "folder" or str(new) == path:
        os.kill(os.getpid(), signal.SIGKILL)
    rename(old, new)
os.rename = kill
with replacing_folder(path, True, lambda: True, {"a"}) as new:
    (new / "a").write_text("half")
"""


@pytest.fixture(autouse=True)
def _anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "_cleaned", set())


def kill(kind: str, path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, kind, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_killed_file(tmp_path: Path) -> None:
    kill("file", tmp_path / "x.txt")
    [left] = names(tmp_path)
    assert left.startswith(".x.txt.nmtool-")
    storage.write_text(tmp_path / "y.txt", "another")
    assert names(tmp_path) == ["y.txt"]


def test_a_killed_folder(tmp_path: Path) -> None:
    kill("folder", tmp_path / "x")
    assert len(names(tmp_path)) == 1
    with replacing_folder(tmp_path / "x", False, lambda: True, {"a"}) as new:
        (new / "a").write_text("whole")
    assert names(tmp_path) == ["x"]
    assert (tmp_path / "x" / "a").read_text() == "whole"


def test_a_folder_that_was_moved_away_comes_back(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "a").write_text("before")
    kill("between", tmp_path / "x")
    assert "x" not in names(tmp_path)
    leftovers.clean(tmp_path)
    assert names(tmp_path) == ["x"]
    assert (tmp_path / "x" / "a").read_text() == "before"


@pytest.mark.parametrize("renamed", [0, 1])
def test_an_interrupt_while_a_folder_is_replaced_leaves_the_old_one(
    renamed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The interrupt comes before or after the old folder has been moved away."""
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "a").write_text("before")
    rename, calls = os.rename, iter(range(9))

    def interrupted(old: Path, new: Path) -> None:
        if next(calls) == renamed:
            raise KeyboardInterrupt
        rename(old, new)

    monkeypatch.setattr(os, "rename", interrupted)
    with (
        pytest.raises(KeyboardInterrupt),
        replacing_folder(tmp_path / "x", True, lambda: True, {"a"}) as new,
    ):
        (new / "a").write_text("after")
    assert names(tmp_path) == ["x"]
    assert (tmp_path / "x" / "a").read_text() == "before"


def test_files_that_other_processes_write_stay(tmp_path: Path) -> None:
    mine = tmp_path / (leftovers.prefix("x.txt") + "abcdefgh")
    elsewhere = tmp_path / re.sub("nmtool-[0-9a-f]+-[0-9]+", f"nmtool-00000000-{GONE}", mine.name)
    others = [tmp_path / name for name in (".x.txt.abcdefgh", "nmtool-x", f".nmtool-{GONE}")]
    for path in (mine, elsewhere, *others):
        path.write_text("")
    leftovers.clean(tmp_path)
    assert len(names(tmp_path)) == 5
    leftovers._cleaned.clear()
    for path in (mine, elsewhere, *others):
        os.utime(path, (0, 0))
    leftovers.clean(tmp_path)
    assert names(tmp_path) == sorted(path.name for path in others)


def test_a_folder_is_looked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leftovers.clean(tmp_path)
    monkeypatch.setattr(os, "scandir", None)
    leftovers.clean(tmp_path)
    leftovers._cleaned.clear()
    monkeypatch.undo()
    leftovers.clean(tmp_path / "nowhere")

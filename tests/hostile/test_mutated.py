"""Every mutated file gives a result or a short error with a code, and changes no other file."""

from __future__ import annotations

import re
import shutil
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.hostile.forks import answers
from tests.hostile.mutated import KINDS, Kind, mutate
from tests.hostile.test_crafted import MAX_BYTES, MAX_LETTERS, crafted, on_linux
from tests.thorough import EXAMPLES, THOROUGH

pytestmark = on_linux

FILES = EXAMPLES if THOROUGH else 4
"""Mutated files of each kind."""

MAX_PRINTED = 20_000
"""Largest number of letters on stdout."""


def test_mutated_files_do_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Folders of Lava are read and checked, but not run.
    monkeypatch.setenv("NMTOOL_LAVA_PYTHON", str(tmp_path / "missing"))
    assert_harmless(KINDS, tmp_path, monkeypatch)


def assert_harmless(kinds: dict[str, Kind], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Assert that commands which read mutated files give results or errors, and nothing else.

    Args:
        kinds: kinds of files, by name.
        folder: an empty folder.
        monkeypatch: sets the folder of temporary files, and the working folder.
    """
    temporary = folder / "temporary"
    temporary.mkdir()
    jobs, before = [], []
    for name, kind in kinds.items():
        whole = folder / name
        crafted.whole(whole)
        with monkeypatch.context() as patch:
            patch.chdir(whole)
            kind.write(Path(kind.name))
        random = np.random.default_rng(zlib.crc32(name.encode()))
        for number in range(FILES):
            working = folder / f"{name} {number}"
            shutil.copytree(whole, working)
            change = mutate(working / kind.name, random)
            words = kind.commands[number % len(kind.commands)].split()
            jobs.append({"words": words, "folder": str(working), "change": change})
            before.append(contents(working, kind))
    monkeypatch.setenv("TMPDIR", str(temporary))
    wrong = {}
    for job, content, answer in zip(jobs, before, answers(jobs, folder), strict=True):
        working = Path(job["folder"])
        kind = kinds[working.name.split()[0]]
        after = contents(working, kind)
        if kind.made is None:
            after = {name: after.get(name, "deleted") for name in content}
        problem = complaint(answer) if after == content else "it changed other files"
        if problem:
            wrong[f"{working.name}, {job['change']}: {' '.join(job['words'])}"] = problem
    assert wrong == {}, "\n".join(map(": ".join, wrong.items()))
    assert not [*temporary.iterdir()]


def contents(folder: Path, kind: Kind) -> dict[str, bytes | str]:
    """Files of a folder, besides those that the commands may change, with their content."""
    paths = (
        path
        for path in folder.rglob("*")
        if path.relative_to(folder).parts[0] not in (kind.made or ())
    )
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        if path.is_file() and not path.is_symlink() and path.stat().st_size < 1 << 20
        else "special"
        for path in paths
    }


def complaint(answer: dict[str, Any]) -> str:
    """Description of what is wrong with an answer; '' for a correct one."""
    out, err = answer["out"], answer["err"]
    if answer["bytes"] > MAX_BYTES:
        return f"it takes {answer['bytes'] >> 20} MiB: {err[-300:]}"
    codes = re.findall(r"^error\[([a-z0-9-]+)\]: \S", err, re.M)
    # Exit code 1 is the result of a comparison, or an error.
    is_result = answer["code"] == 0 or (answer["code"] == 1 and out)
    is_error = answer["code"] in (1, 2, 3) and len(codes) == 1 and codes != ["memory-exhausted"]
    if not (is_result or is_error) or "Traceback" in err:
        return f"code {answer['code']} after {answer['seconds']:.1f} s: {err[-900:]}"
    if len(err) > MAX_LETTERS or len(out) > MAX_PRINTED:
        return f"it says {len(err)} and {len(out)} letters: {err[:200]} {out[:200]}"
    return ""

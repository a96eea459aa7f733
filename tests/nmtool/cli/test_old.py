"""Earlier spellings of commands still work, and name the current ones."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from nmtool.cli.commands import COMMANDS, OLD
from nmtool.cli.old import SPELLINGS
from tests.nmtool.cli import cases
from tests.nmtool.cli.conftest import Nmtool

FAST = " ".join(map(str, [*cases.SETTINGS, "--epochs", "1"]))
ALIKE = {
    "finetune run -o {} --epochs 1 --threads 1 --json": "train --start run -o {} --epochs 1 "
    "--threads 1 --json",
    f"crossvalidate two --by 3 --folds 2 -o {{}} {FAST} --json": "train two --by 3 --folds 2 -o {} "
    f"{FAST} --json",
    "lava status --json": "setup lava --status --json",
    "brian2-loihi status --json": "setup brian2-loihi --status --json",
    "completion bash": "setup completion bash",
}
"""Old spellings, each with the current one that has the same output; {} is the folder to write."""


def test_every_old_spelling_maps_to_a_command() -> None:
    assert SPELLINGS.keys() == OLD.keys()
    assert not OLD.keys() & COMMANDS.keys()
    assert all(now.split()[0] in COMMANDS for now in OLD.values())


@pytest.mark.parametrize("name", OLD)
def test_help_names_the_current_spelling(name: str, nmtool: Nmtool) -> None:
    result = nmtool(name, "--help")
    assert result.code == 0
    assert result.err == f"nmtool {name} is now: nmtool {OLD[name]}\n"
    assert f"\n  {name} " not in nmtool("--help").out


@pytest.mark.torch
@pytest.mark.usefixtures("data")
@pytest.mark.parametrize("old", ALIKE)
def test_old_spellings_give_the_same_output(
    old: str, nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("shtab")
    from nmtool.exporters.environments import Environment, Referee

    monkeypatch.setattr(Referee, "find", lambda self: Environment(Path("/some/python"), self))
    assert nmtool("train", "two", "-o", "run", *cases.SETTINGS).code == 0
    results = [
        nmtool(*shlex.split(words.format(folder)))
        for words, folder in ((old, "made_before"), (ALIKE[old], "made_now"))
    ]
    assert [result.code for result in results] == [0, 0]
    before, now = (re.sub('"seconds": .*', "", result.out) for result in results)
    assert before.replace("made_before", "made_now") == now
    name = old.split()[0]
    assert results[0].err.startswith(f"nmtool {name} is now: nmtool {OLD[name]}\n")
    assert "is now" not in results[1].err

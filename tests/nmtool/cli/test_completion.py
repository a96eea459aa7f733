"""`nmtool setup completion SHELL`: proposals of a shell that has read the script."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nmtool.cli.commands import COMMANDS
from tests.nmtool.cli.conftest import Nmtool

BASH = """
source ./script
proposed() {
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
    COMPREPLY=()
    function=$(complete -p nmtool | sed 's/.*-F \\([^ ]*\\).*/\\1/')
    "$function" nmtool "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
    echo "${COMPREPLY[@]}"
}
"""

LINES = {
    ("nmtool", "tra"): {"train"},
    ("nmtool", ""): {*COMMANDS},
    ("nmtool", "train", "two", "--hid"): {"--hidden"},
    ("nmtool", "export", "n.npz", "--to", ""): {"lava", "onnx", "nir", "c", "json"},
    ("nmtool", "export", "net"): {"network.npz"},
    ("nmtool", "setup", ""): {"lava", "completion"},
    ("nmtool", "setup", "completion", "f"): {"fish"},
}


@pytest.fixture
def script(nmtool: Nmtool) -> Path:
    pytest.importorskip("shtab")
    result = nmtool("setup", "completion", "bash")
    assert (result.code, result.err) == (0, "")
    Path("script").write_text(result.out)
    return Path("script")


@pytest.mark.usefixtures("script")
@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_proposals_in_bash() -> None:
    Path("network.npz").write_text("")
    calls = "\n".join("proposed " + " ".join(f"'{word}'" for word in line) for line in LINES)
    done = subprocess.run(["bash", "-c", BASH + calls], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    proposals = [{*line.split()} for line in done.stdout.splitlines()]
    for (line, expected), proposal in zip(LINES.items(), proposals, strict=True):
        assert expected <= proposal, line
        if line[-1]:
            assert proposal == expected, line


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_script_is_valid_in_its_shell(shell: str, nmtool: Nmtool) -> None:
    pytest.importorskip("shtab")
    result = nmtool("setup", "completion", shell)
    assert (result.code, result.err) == (0, "")
    for word in (*COMMANDS, "hidden", "prefix"):
        assert word in result.out
    if shutil.which(shell):
        done = subprocess.run([shell, "-n"], input=result.out, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")


def test_without_the_library(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    result = nmtool("setup", "completion", "bash")
    assert (result.code, result.out, result.error) == (3, "", "library-missing")
    assert "'shtab<" in result.err
    result = nmtool("setup", "completion", "cmd")
    assert (result.code, result.error) == (2, "command-line")

"""Closed or full standard streams: no traceback, and correct exit codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.hostile.forks import CLOSED, answers
from tests.nmtool.cli import cases
from tests.nmtool.cli.test_main import _environment

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")

FULL = "/dev/full"
OUT, ERR, BOTH, ALL = ("", CLOSED), ("", "", CLOSED), ("", CLOSED, CLOSED), (CLOSED,) * 3
FULL_OUT, FULL_ERR, FULL_BOTH = ("", FULL), ("", "", FULL), ("", FULL, FULL)
EVERY = (OUT, ERR, BOTH, ALL, FULL_OUT, FULL_ERR, FULL_BOTH)

Streams = tuple[str, ...]


SHOWN = "inspect integers.npz"
EVALUATED = "evaluate integers.npz two --json"
REFUSED = "inspect nowhere"
WRITTEN = "export integers.npz -o {}.c"
HELP = ("--help", "--version", "train --help", "inspect --help", "setup --help")
WRONG = ("", "nonsense")
USED = (
    f"train two -o run {' '.join(cases.SETTINGS)} --epochs 1",
    "search two -o study --budget soon",
    "train two --start nowhere -o tuned",
    "compare two --a nowhere --b nowhere",
    "quantise floats.npz -o q.npz --force",
    "quantise floats.npz -o q.npz --force --json",
    "convert floats.npz x.npz --force",
    "evaluate nowhere two",
    "verify nowhere",
    "verify integers.npz two --against onnx",
    "data two",
    "data two --json",
    "setup nonsense",
    "demo --nonsense",
)

RUNS = [
    *((words, streams) for words in (SHOWN, EVALUATED, REFUSED) for streams in EVERY),
    *((WRITTEN.format(n), streams) for n, streams in enumerate(EVERY)),
    *((words, streams) for words in (*HELP, *WRONG, *USED) for streams in (BOTH, FULL_BOTH)),
]

COMPILING_S = 60
"""Limit of CPU seconds per command: the first training on a machine compiles its kernels."""

Codes = dict[tuple[str, Streams], int]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("streams")
    cases.integer_network().save(path / "integers.npz")
    cases.float_network().save(path / "floats.npz")
    cases.write_folder(path / "two")
    return path


@pytest.fixture(scope="module")
def codes(folder: Path) -> Codes:
    """Exit codes of all commands; 120 stands for a traceback."""
    common = {"folder": str(folder), "cpu_s": COMPILING_S}
    jobs = [{"words": words.split(), "streams": streams, **common} for words, streams in RUNS]
    ended = answers(jobs, folder)
    for answer in ended:
        assert "Traceback" not in answer["err"] + answer["out"], answer["err"]
    return dict(zip(RUNS, (answer["code"] for answer in ended), strict=True))


def test_lost_remarks_are_ignored_and_lost_results_are_errors(codes: Codes) -> None:
    """Remarks that cannot be printed do not stop a command; results that cannot be written do."""
    for words in (SHOWN, EVALUATED):
        assert [codes[words, streams] for streams in EVERY] == [0, 0, 0, 0, 2, 0, 2]
    assert {codes[REFUSED, streams] for streams in EVERY} == {2}


def test_files_that_are_written(codes: Codes, folder: Path) -> None:
    """No file that a command writes becomes its standard output."""
    assert [codes[WRITTEN.format(n), streams] for n, streams in enumerate(EVERY[:4])] == [0] * 4
    for n in range(4):
        assert (folder / f"{n}.c").read_text().startswith("/*")


def test_help(codes: Codes) -> None:
    assert {codes[words, FULL_BOTH] for words in HELP} == {2}
    assert {codes[words, BOTH] for words in HELP} == {0}
    assert {codes[words, streams] for words in WRONG for streams in (BOTH, FULL_BOTH)} == {2}


@pytest.mark.torch
def test_every_command_ends_with_a_code(codes: Codes) -> None:
    outcomes = {(words, s): codes[words, s] for words in USED for s in (BOTH, FULL_BOTH)}
    assert {run: code for run, code in outcomes.items() if code not in (0, 1, 2, 3)} == {}


@pytest.mark.parametrize("redirection", [">&- 2>&-", "> /dev/full 2> /dev/full"])
def test_closed_streams_in_a_separate_process(redirection: str, folder: Path) -> None:
    command = f'"$0" -W error -m nmtool inspect integers.npz {redirection}; echo $?'
    done = subprocess.run(
        ["bash", "-c", command, sys.executable],
        cwd=folder,
        env=_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("0\n" if "-" in redirection else "2\n", "")

"""Studies of a few trials that take less than a second each, and their stored trials."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from nmtool.training.options import TrainOptions
from nmtool.training.studies.plan import read_plan
from nmtool.training.studies.study import open_study

ROOT = Path(__file__).parents[3]
TIMEOUT_S = 120
GRACE_S = 5.0

HEAD = 'data = "two"\nfolder = "study"\n'
SETTINGS = """
[settings]
hidden = 6
steps = 30
max_delay = 9
batch_size = 4
validation = 4
init_rate = "none"
init_input = [1.0, 0.5]
"""
SEARCH = """
[search]
lr = { low = 1e-3, high = 0.1, log = true }
init_delay_input = { low = 0, high = 9, step = 3 }
readout = ["mean", "max"]
"""


def write_study(
    more: str = "trials = 4\n",
    settings: str = "",
    search: str = SEARCH,
    name: str = "study.toml",
    epochs: int = 3,
) -> None:
    """Write a study into the working folder; settings are added to those of all studies."""
    fixed = f"{SETTINGS}epochs = {epochs}\n{settings}"
    Path(name).write_text(HEAD + more + fixed + search)


def trials(name: str = "study.toml") -> list[tuple[str, float | None, dict[str, Any], dict]]:
    """State, value, parameters and attributes of every trial."""
    with open_study(read_plan(name)) as study:
        return [
            (trial.state.name, trial.value, trial.params, trial.user_attrs)
            for trial in study.trials()
        ]


def states(name: str = "study.toml") -> list[str]:
    """State of every trial."""
    return [trial[0] for trial in trials(name)]


def logs() -> dict[str, list[dict[str, Any]]]:
    """The log of every training run, by folder."""
    return {
        path.parent.as_posix(): [json.loads(line) for line in path.read_text().splitlines()]
        for path in sorted(Path("study/trials").rglob("log.jsonl"))
    }


def fake_training(
    results: Iterable[float | BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Replace training: every run takes the next result, an accuracy or an exception."""
    left = iter(results)

    def train(options: TrainOptions, dataset: object, **arguments: Any) -> None:
        result = next(left)
        if isinstance(result, BaseException):
            raise result
        for epoch in range(1, options.epochs + 1):
            arguments["on_epoch"]({"epoch": epoch, "validation_accuracy": result})

    monkeypatch.setattr("nmtool.training.loop.run.run_training", train)


def one_epoch(*arguments: object, on_epoch: Any, **more: Any) -> None:
    """Replaces `nmtool.training.loop.run.run_training`."""
    on_epoch({"epoch": 1, "validation_accuracy": 0.5})


@contextmanager
def sweeping(*words: str) -> Iterator[subprocess.Popen[str]]:
    """Run `nmtool sweep study.toml` in new processes, and kill all of them after the block.

    They handle Ctrl-C even if the tests are a shell's background job.

    Args:
        words: further words of the command.
    """
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "nmtool", "sweep", "study.toml", *words],
            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
    finally:
        signal.signal(signal.SIGINT, previous)
    with process:
        try:
            yield process
        finally:
            _end(process.pid)


def still_running(group: int, within_s: float = GRACE_S) -> list[int]:
    """Processes of a group that still run some time after its first process has ended."""
    deadline = time.monotonic() + within_s
    while (left := processes_of(group)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def processes_of(group: int) -> list[int]:
    """Running processes of a group, beginning with its first."""
    words = ["ps", "-A", "-o", "pgid=,pid=,stat="]
    listed = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in listed.splitlines()]
    return sorted(int(row[1]) for row in rows if int(row[0]) == group and row[2][0] != "Z")


def _end(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return

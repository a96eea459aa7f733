"""`nmtool search`: its output and exit codes, and several processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.nmtool.cli.conftest import Nmtool
from tests.training.studies.searches import ROOT, fake_training, states

pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("data")]

SETTINGS = (
    *("--hidden", "6", "--steps", "30", "--max-delay", "9", "--batch-size", "4"),
    *("--validation", "4", "--epochs", "3"),
)
WORDS = ("search", "two", "-o", "study", "--ranges", "ranges.toml", *SETTINGS)
TIMEOUT_S = 120


@pytest.fixture(autouse=True)
def _ranges(nmtool: Nmtool, data: Path) -> None:
    Path("ranges.toml").write_text(
        'lr = { low = 1e-3, high = 0.1, log = true }\nreadout = ["mean", "max"]\n'
    )


def test_a_search_in_the_terminal(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_training([0.5, 0.6, 0.7, 0.9, 0.8], monkeypatch)
    result = nmtool(*WORDS, "--budget", "2")
    assert result.code == 0
    lines = result.out.splitlines()
    assert lines[0].startswith("full trials; trial 1 is chosen")
    assert lines[-2:] == [
        "study/full/trial-1: trial 1  validation 90.0%",
        "settings: study/best.toml",
    ]
    assert [line.split(":")[0] for line in result.err.splitlines()][:-1] == [
        *("the defaults in full", "trial 0", "trial 1", "trial 1 in full", "trial 0 in full"),
    ]


def test_the_chosen_settings_give_the_chosen_run(nmtool: Nmtool) -> None:
    result = nmtool(*WORDS, "--budget", "1", "--json")
    assert result.code == 0, result.err
    answer = result.json
    assert answer["run"] == "study/full/defaults"
    assert {trial["trial"] for trial in answer["full"]} == {"the defaults", "trial 0"}
    assert nmtool("train", "two", "-o", "run", "--config", answer["config"]).code == 0
    for name in ("network.npz", "run.json"):
        assert Path("run", name).read_bytes() == Path(answer["run"], name).read_bytes()


def test_a_stopped_search(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_training([0.5, KeyboardInterrupt()], monkeypatch)
    result = nmtool(*WORDS, "--storage", "sqlite:///shared.db")
    assert (result.code, result.out) == (130, "")
    assert result.err.endswith("the same command continues the search\ninterrupted\n")
    assert Path("shared.db").exists()


@contextmanager
def _searching(*words: str) -> Iterator[subprocess.Popen[str]]:
    """Run the search in new processes, and kill all of them after the block.

    They handle Ctrl-C even if the tests are a shell's background job.
    """
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "nmtool", *WORDS, *words],
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
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.long
def test_two_processes() -> None:
    with _searching("--budget", "5", "--processes", "2", "--json") as job:
        out, err = job.communicate(timeout=TIMEOUT_S)
    assert job.returncode == 0, err
    answer = json.loads(out)
    assert len(answer["full"]) == 5
    assert len(answer["short"]) >= 5
    assert len({json.dumps(trial["searched"]) for trial in answer["short"]}) >= 5


@pytest.mark.long
def test_two_processes_interrupted() -> None:
    with _searching("--budget", "400", "--processes", "2") as job:
        assert job.stderr is not None
        while "validation" not in job.stderr.readline():
            assert job.poll() is None
        os.killpg(job.pid, signal.SIGINT)
        out, err = job.communicate(timeout=TIMEOUT_S)
    # If the signal arrives inside exec(), Python ends itself by the same signal.
    assert job.returncode in (130, -signal.SIGINT)
    assert out == ""
    assert err.endswith("the same command continues the search\ninterrupted\n")
    assert "Traceback" not in err
    assert "RUNNING" not in states()

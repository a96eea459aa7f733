"""`nmtool sweep`: stops, and several processes."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from tests.nmtool.cli.conftest import Nmtool
from tests.nmtool.cli.studies import (
    TIMEOUT_S,
    fake_training,
    processes_of,
    states,
    still_running,
    sweeping,
    trials,
    write_study,
)

pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("data")]
pytest.importorskip("optuna")


def test_ctrl_c(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_training([0.5, KeyboardInterrupt()], monkeypatch)
    write_study("trials = 3\n")
    result = nmtool("sweep", "study.toml", "--storage", "sqlite:///shared.db")
    assert (result.code, result.out) == (130, "")
    assert result.err.endswith(
        "continue with: nmtool sweep study.toml --storage URL\ninterrupted\n"
    )
    assert Path("study/best.toml").exists()
    assert Path("shared.db").exists()


@pytest.mark.long
def test_two_processes(nmtool: Nmtool) -> None:
    write_study("trials = 5\n")
    with sweeping("--processes", "2", "--json") as job:
        out, err = job.communicate(timeout=TIMEOUT_S)
    assert job.returncode == 0, err
    assert sum(json.loads(out)["trials"].values()) == 5
    ended = [line.split(":")[0] for line in err.splitlines() if line.startswith("trial ")]
    assert sorted(ended) == [f"trial {number}" for number in range(5)]
    assert len({json.dumps(trial[2]) for trial in trials()}) == 5


@pytest.mark.long
def test_a_process_that_is_killed_in_a_trial(nmtool: Nmtool) -> None:
    write_study("trials = 4\nheartbeat_s = 1\nprune = false\n", epochs=30)
    with sweeping("--processes", "2", "--json") as job:
        # The test waits until both trials have all three settings, because a trial that was killed
        # earlier would lack some.
        while [len(trial[2]) for trial in trials() if trial[0] == "RUNNING"] != [3, 3]:
            assert job.poll() is None
            time.sleep(0.1)
        os.kill(processes_of(job.pid)[1], signal.SIGKILL)
        out, err = job.communicate(timeout=TIMEOUT_S)
    assert job.returncode == 0, err
    counts = json.loads(out)["trials"]
    assert {name: number for name, number in counts.items() if number} == {
        "finished": 4,
        "cut_off": 1,
    }
    ended = trials()
    (killed,) = [trial for trial in ended if trial[0] == "FAIL"]
    assert killed[2] in [trial[2] for trial in ended if trial[0] == "COMPLETE"]
    assert "1 of 2 processes ended early, by signal 9; the others finished the study" in err


@pytest.mark.long
def test_two_processes_interrupted(nmtool: Nmtool) -> None:
    write_study("trials = 400\nheartbeat_s = 1\n")
    with sweeping("--processes", "2") as job:
        assert job.stderr is not None
        while "validation" not in job.stderr.readline():
            assert job.poll() is None
        os.killpg(job.pid, signal.SIGINT)
        out, err = job.communicate(timeout=TIMEOUT_S)
        left = still_running(job.pid)
    # If the signal arrives inside exec(), Python ends itself by the same signal.
    assert job.returncode in (130, -signal.SIGINT)
    assert left == []
    assert out == ""
    assert err.endswith("continue with: nmtool sweep study.toml --processes 2\ninterrupted\n")
    assert err.count("continue with") == 1
    assert "Traceback" not in err
    assert Path("study/best.toml").exists()
    assert "RUNNING" not in states()


@pytest.mark.long
def test_copies_end_if_their_parent_is_killed(nmtool: Nmtool) -> None:
    write_study("trials = 400\n")
    with sweeping("--processes", "2") as job:
        assert job.stderr is not None
        assert job.stderr.readline().startswith("trial ")
        job.kill()
        job.wait()
        assert still_running(job.pid, within_s=TIMEOUT_S) == []
    assert "RUNNING" not in states()


def test_processes_that_die(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = ["by signal 9", "with exit code 2"]
    monkeypatch.setattr("nmtool.training.studies.sweep.run_copies", lambda *arguments: ends)
    write_study("trials = 1\n")
    result = nmtool("sweep", "study.toml", "--processes", "3")
    assert (result.code, result.error) == (3, "study-processes-ended")
    assert "2 of 3 " in result.err
    assert "nmtool sweep study.toml --processes 3" in result.err

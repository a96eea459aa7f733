"""`nmtool sweep`, stopped, and in several processes."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from tests.nmtool.cli.conftest import Nmtool
from tests.nmtool.cli.studies import (
    TIMEOUT_S,
    fake_training,
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
    said = nmtool("sweep", "study.toml", "--storage", "sqlite:///shared.db")
    assert (said.code, said.out) == (130, "")
    assert said.err.endswith("continue with: nmtool sweep study.toml --storage URL\ninterrupted\n")
    assert Path("study/best.toml").exists()
    assert Path("shared.db").exists()


def test_two_processes(nmtool: Nmtool) -> None:
    write_study("trials = 5\n")
    with sweeping("--processes", "2", "--json") as job:
        out, err = job.communicate(timeout=TIMEOUT_S)
    assert job.returncode == 0, err
    assert sum(json.loads(out)["trials"].values()) == 5
    assert sorted(line.split(":")[0] for line in err.splitlines()) == [
        f"trial {number}" for number in range(5)
    ]
    assert len({json.dumps(trial[2]) for trial in trials()}) == 5


def test_two_processes_interrupted(nmtool: Nmtool) -> None:
    write_study("trials = 400\n")
    with sweeping("--processes", "2", trainer="Waits") as job:
        assert job.stderr is not None
        while "validation" not in job.stderr.readline():
            assert job.poll() is None
        os.killpg(job.pid, signal.SIGINT)
        out, err = job.communicate(timeout=TIMEOUT_S)
        left = still_running(job.pid)
    # Python ends itself by the signal where it struck inside of exec().
    assert job.returncode in (130, -signal.SIGINT)
    assert left == []
    assert out == ""
    assert err.endswith("continue with: nmtool sweep study.toml --processes 2\ninterrupted\n")
    assert "Traceback" not in err
    assert Path("study/best.toml").exists()


def test_workers_whose_parent_is_gone_end(nmtool: Nmtool) -> None:
    write_study("trials = 400\n")
    with sweeping("--processes", "2", trainer="Waits") as job:
        assert job.stderr is not None
        assert job.stderr.readline().startswith("trial ")
        job.kill()
        job.wait()
        assert still_running(job.pid, within_s=TIMEOUT_S) == []


def test_processes_that_die(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nmtool.training.sweeps.run_workers", lambda *arguments: [-9, 2])
    write_study("trials = 1\n")
    said = nmtool("sweep", "study.toml", "--processes", "3")
    assert (said.code, said.error) == (3, "study-processes-ended")
    assert "2 of 3 " in said.err
    assert "nmtool sweep study.toml --processes 3" in said.err

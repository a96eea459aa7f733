"""`nmtool sweep --processes`: one study, several processes."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from nmtool.cli import sweep_workers
from nmtool.cli.sweep_lock import Lock
from tests.nmtool.cli.conftest import Nmtool
from tests.nmtool.cli.studies import TIMEOUT_S, still_running, sweeping, trials, write_study

pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("data")]
pytest.importorskip("optuna")


def test_a_lock_is_held_once(tmp_path: Path) -> None:
    first = Lock.take(tmp_path / "a.lock")
    assert first is not None
    assert Lock.take(tmp_path / "a.lock") is None
    first.release()
    again = Lock.take(tmp_path / "a.lock")
    assert again is not None
    again.release()


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
    with sweeping("--processes", "2") as job:
        assert job.stderr is not None
        assert job.stderr.readline().startswith("trial ")
        os.killpg(job.pid, signal.SIGINT)
        out, err = job.communicate(timeout=TIMEOUT_S)
        left = still_running(job.pid)
    # Python ends itself by the signal where it struck inside of exec().
    assert job.returncode in (130, -signal.SIGINT)
    assert left == []
    assert out == ""
    assert err.endswith("go on with: nmtool sweep study.toml --processes 2\ninterrupted\n")
    assert "Traceback" not in err
    assert Path("study/best.toml").exists()


def test_workers_whose_parent_is_gone_end(nmtool: Nmtool) -> None:
    write_study("trials = 400\n")
    with sweeping("--processes", "2") as job:
        assert job.stderr is not None
        assert job.stderr.readline().startswith("trial ")
        job.kill()
        job.wait()
        assert still_running(job.pid, within_s=TIMEOUT_S) == []


def test_processes_that_die(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep_workers, "run_workers", lambda *arguments: [-9, 2])
    write_study("trials = 1\n")
    said = nmtool("sweep", "study.toml", "--processes", "3")
    assert said.code == 3
    assert said.err == (
        "error: 2 of 3 processes ended early\n  why: by signal 9, with exit code 2\n"
        "  fix: go on with: nmtool sweep study.toml --processes 3\n"
    )

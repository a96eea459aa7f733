"""A worker process, seen from the parent: one job, in a fresh interpreter of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.engines import find_engine
from benchmarks.job import Job
from benchmarks.measure import StepTimes
from benchmarks.worker import STEP

ROOT = Path(__file__).resolve().parent.parent
_THREADS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)


class WorkerError(Exception):
    """A worker could not do its job; the text says why."""


class Worker:
    """Runs a job's steps one at a time, whenever told; use it in a `with`.

    Args:
        job: what to measure.

    Attributes:
        hidden_spikes: all hidden spikes, the mean per sample.
        times: of every step so far, warm-up left out.
        code_mb: what compiled code and libraries take when they are used first.
        peak_mb: memory at its peak so far, minus that before the first batch.
        device_mb: largest memory on a GPU so far; None on a CPU.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.hidden_spikes = self.code_mb = 0.0
        self.times: list[StepTimes] = []
        self.peak_mb = 0.0
        self.device_mb: float | None = None
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker"],
            cwd=ROOT,
            env={**os.environ, **_environment(job)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.kill()
        self._process.communicate()

    @property
    def process_id(self) -> int:
        """The worker's, as the system knows it."""
        return self._process.pid

    def find_drive(self) -> float:
        """The drive of a job that has none."""
        return self._ask(self.job.dumps())["drive"]

    def warm_up(self) -> None:
        """The first steps, which are not timed."""
        answer = self._ask(self.job.dumps())
        self.hidden_spikes, self.code_mb = answer["hidden_spikes"], answer["code_mb"]

    def step(self) -> None:
        """One more timed step."""
        answer = self._ask(STEP)
        self.peak_mb, self.device_mb = answer.pop("peak_mb"), answer.pop("device_mb")
        self.times.append(StepTimes(**answer))

    def _ask(self, line: str) -> dict[str, Any]:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        with suppress(BrokenPipeError):  # It ended: reading below says how.
            stdin.write(f"{line}\n")
            stdin.flush()
        answer = stdout.readline()
        if not answer:
            raise WorkerError(f"ended with code {self._process.wait()}")
        values = json.loads(answer)
        if "error" in values:
            raise WorkerError(values["error"])
        return values


def _environment(job: Job) -> dict[str, str]:
    engine = find_engine(job.engine, job.device)
    assert engine is not None
    return {**engine.environment, **dict.fromkeys(_THREADS, str(job.threads))}

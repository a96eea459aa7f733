"""Start a worker, which runs one job in a new interpreter, and exchange messages with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.engines import find_engine
from benchmarks.job import OK, Job, Result
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
    """The error of a worker that failed; its message is the reason."""


class Worker:
    """Measures a job step by step in a process, which runs as long as the `with` block.

    Args:
        result: a result with the job; measurements are added to it while its status is `ok`.

    Attributes:
        result: the result with all measurements so far.
    """

    def __init__(self, result: Result) -> None:
        self.result = result

    def __enter__(self) -> Worker:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker"],
            cwd=ROOT,
            env={**os.environ, **_environment(self.result.job)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.kill()
        self._process.communicate()

    @property
    def process_id(self) -> int:
        """Process ID of the worker."""
        return self._process.pid

    def find_drive(self) -> float:
        """Find the drive of a job that has none; raises `WorkerError`."""
        drive: float = self._request(self.result.job.dumps())["drive"]
        return drive

    def warm_up(self) -> None:
        """Run the first steps, which are not timed."""
        self._measure(self.result.job.dumps())

    def step(self) -> None:
        """Run one more timed step."""
        self._measure(STEP)

    def _measure(self, line: str) -> None:
        """Send a line, and add the worker's answer to the result; an error ends the measurement."""
        if self.result.status != OK:
            return
        try:
            answer = self._request(line)
        except WorkerError as error:
            self.result = Result(self.result.job, f"failed: {error}")
            return
        if "times" in answer:
            answer["times"] = (*self.result.times, StepTimes(**answer["times"]))
        self.result = replace(self.result, **answer)

    def _request(self, line: str) -> dict[str, Any]:
        """Send a line to the worker, and return its answer; raise `WorkerError` for an error."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        # The pipe is broken if the worker has ended. The code below then raises an error with the
        # worker's exit code.
        with suppress(BrokenPipeError):
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
    """Environment variables of a job: those of its engine, and the number of threads."""
    engine = find_engine(job.engine, job.device)
    assert engine is not None
    return {**engine.environment, **dict.fromkeys(_THREADS, str(job.threads))}

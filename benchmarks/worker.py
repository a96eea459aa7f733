"""The process that runs one job, `python -m benchmarks.worker`; it reads and writes lines of JSON.

    input (→)                        output (←)
    → a job without a drive          ← {"drive": x}; the process ends
    → a job with a drive             ← {"hidden_spikes": n, "code_mb": MB}
    → "step", any number of times    ← {"times": {"forward": s, …}, "peak_mb": MB,
                                        "device_mb": MB or null}
    → end of input                   the process ends

A job with a drive starts with two steps that are not timed: a step of a small network, which loads
compiled code, and a step of the job's network. If anything fails, the output is {"error": text}.
The parent sets the number of threads in the environment, which libraries read when they are
imported.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import IO, Any

from benchmarks.drive import Build, find_drive
from benchmarks.engines import find_engine
from benchmarks.job import Job
from benchmarks.measure import PeakMemory, time_step
from benchmarks.workload import Workload

STEP = "step"


def main() -> None:
    """Run the job until the input ends."""
    output = _open_answers()
    try:
        for answer in _serve(sys.stdin):
            print(json.dumps(answer), file=output, flush=True)
    except Exception as error:
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}), file=output, flush=True)


def _open_answers() -> IO[str]:
    """Open stdout as the stream of answers, and redirect the output of libraries to stderr."""
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return output


def _serve(lines: IO[str]) -> Iterator[dict[str, Any]]:
    """Read a job from the first line, run the job, and yield the answers."""
    job = Job.loads(lines.readline())
    _use_threads(job.threads)
    if job.drive is None:
        yield {"drive": _find_drive(job)}
    else:
        yield from _measure(job, job.drive, lines)


def _use_threads(threads: int) -> None:
    """Set the number of threads of torch."""
    import torch

    torch.set_num_threads(threads)


def _find_drive(job: Job) -> float:
    """Run a whole step, which compiles all code for later workers; then find the job's drive."""
    build = _build(job)
    _run_once(build, job.workload)
    return find_drive(build, job.workload)


def _measure(job: Job, drive: float, commands: IO[str]) -> Iterator[dict[str, Any]]:
    """Measure a step for each command, and yield the measurements."""
    build, workload = _build(job), job.workload
    step = build(workload.network(drive), workload)
    spikes, labels = workload.spikes(), workload.labels()
    memory = PeakMemory()
    _run_once(build, replace(workload, hidden=4, n_steps=100, input_spikes=100, batch=1))
    code_mb = memory.now()
    step.load(spikes, labels)
    time_step(step)
    yield {"hidden_spikes": step.hidden_spikes, "code_mb": code_mb}
    for _ in commands:
        # An unmeasured step warms up the threads and the caches, as in a running training loop.
        time_step(step)
        times = time_step(step)
        yield {"times": asdict(times), "peak_mb": memory.peak(), "device_mb": step.device_mb}


def _run_once(build: Build, workload: Workload) -> None:
    """Run one whole training step, which compiles code or loads it from the cache."""
    step = build(workload.network(), workload)
    step.load(workload.spikes(), workload.labels())
    time_step(step)


def _build(job: Job) -> Build:
    """The function that makes the training step of a job's engine."""
    engine = find_engine(job.engine, job.device)
    assert engine is not None
    return engine.build()


if __name__ == "__main__":
    main()

"""`Job`: an engine, a workload and a number of threads. `Result`: the measurements of a job."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from benchmarks.engines import CPU
from benchmarks.measure import StepTimes
from benchmarks.workload import Workload

OK = "ok"


@dataclass(frozen=True)
class Job:
    """A measurement that one worker makes.

    Attributes:
        engine: name of an engine of `ENGINES`.
        workload: network and batch.
        threads: number of threads.
        device: device to run on.
        drive: factor on the input weights; if None, the worker finds the factor that gives the
            workload's firing rate.
    """

    engine: str
    workload: Workload
    threads: int = 1
    device: str = CPU
    drive: float | None = None

    def dumps(self) -> str:
        """Convert the job to one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def loads(cls, line: str) -> Job:
        """Read a line that `dumps` wrote."""
        values: dict[str, Any] = json.loads(line)
        return cls(**{**values, "workload": Workload(**values["workload"])})

    def untuned(self) -> Job:
        """The job without a drive, for a batch of one sample and one thread.

        The drive that gives the firing rate does not depend on the batch and the threads.
        """
        return Job(self.engine, replace(self.workload, batch=1), device=self.device)

    def __str__(self) -> str:
        w = self.workload
        kind = "recurrent" if w.recurrent else "feed-forward"
        return (
            f"{self.engine}, {w.hidden} hidden, {kind}, {w.n_steps} steps, "
            f"{w.input_spikes} spikes, delays to {w.max_delay}, batch {w.batch}, "
            f"threads {self.threads}"
        )


@dataclass(frozen=True)
class Result:
    """The outcome of a job.

    Attributes:
        job: the job, with its drive as soon as the drive is known.
        status: `ok`, or the reason why there is no result: `skipped: …`, `failed: …`.
        times: times of a step, one entry per round.
        hidden_spikes: mean number of spikes per sample, summed over all hidden neurons.
        code_mb: memory that compiled code and libraries take at first use, in MB.
        peak_mb: peak memory minus the memory before the first batch, in MB.
        device_mb: largest memory on a GPU, in MB; None on a CPU.
    """

    job: Job
    status: str = OK
    times: Sequence[StepTimes] = ()
    hidden_spikes: float = 0.0
    code_mb: float = 0.0
    peak_mb: float = 0.0
    device_mb: float | None = None

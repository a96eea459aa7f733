"""One engine on one workload with so many threads: what a worker process is told to measure."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

from benchmarks.engines import CPU
from benchmarks.workload import Workload


@dataclass(frozen=True)
class Job:
    """The measurement that one worker makes.

    Attributes:
        engine: a name of `ENGINES`.
        workload: network and batch.
        threads: cores it may use.
        device: the device it runs on.
        drive: factor on the input weights; None asks the worker for the one that gives the
            workload's firing rate.
    """

    engine: str
    workload: Workload
    threads: int = 1
    device: str = CPU
    drive: float | None = None

    def dumps(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def loads(cls, line: str) -> Job:
        """Read what `dumps` wrote."""
        values: dict[str, Any] = json.loads(line)
        return cls(**{**values, "workload": Workload(**values["workload"])})

    def untuned(self) -> Job:
        """The parts that the firing rate depends on: neither batch nor threads."""
        return Job(self.engine, replace(self.workload, batch=1), device=self.device)

    def __str__(self) -> str:
        w = self.workload
        kind = "recurrent" if w.recurrent else "feed-forward"
        return (
            f"{self.engine}, {w.hidden} hidden, {kind}, {w.n_steps} steps, "
            f"{w.input_spikes} spikes, delays to {w.max_delay}, batch {w.batch}, "
            f"threads {self.threads}"
        )

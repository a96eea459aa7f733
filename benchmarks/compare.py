"""Running comparisons: workers take turns, A, B, A, B …, and their times become results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from benchmarks.engines import obstacle
from benchmarks.job import Job
from benchmarks.measure import StepTimes
from benchmarks.process import Worker, WorkerError
from benchmarks.suites import Comparison
from nmtool.machine import usable_cores

Tell = Callable[[str], None]
OK = "ok"


@dataclass(frozen=True)
class Result:
    """The outcome of a job.

    Attributes:
        job: the job, with its drive if it got that far.
        status: `ok`, or the reason for no result: `skipped: …`, `failed: …`.
        times: the times of each round.
        hidden_spikes: hidden spikes of all neurons, the mean per sample.
        code_mb: memory that compiled code and libraries take at first use, in MB.
        peak_mb: peak memory minus that before the first batch, in MB.
        device_mb: largest memory on a GPU, in MB; None on a CPU.
    """

    job: Job
    status: str
    times: Sequence[StepTimes] = ()
    hidden_spikes: float = 0.0
    code_mb: float = 0.0
    peak_mb: float = 0.0
    device_mb: float | None = None


@dataclass
class Bench:
    """Measures comparisons one after the other.

    Args:
        tell: told what is going on, a line at a time.
    """

    tell: Tell
    _drives: dict[Job, float] = field(default_factory=dict)

    def measure(self, comparison: Comparison) -> list[Result]:
        """One result per job, in their order; a job that fails does not stop the others."""
        turns = [_Turn(job) for job in comparison.jobs]
        for turn in turns:
            if why := _obstacle(turn.job):
                turn.status = f"skipped: {why}"
            else:
                turn.attempt(self._tune)
        with ExitStack() as stack:
            for turn in turns:
                self.tell(f"{turn.job}: {turn.status if turn.status != OK else 'warming up'}")
                turn.attempt(lambda turn: turn.start(stack))
            for number in range(1, comparison.rounds + 1):
                self.tell(f"round {number} of {comparison.rounds}")
                for turn in turns:
                    turn.attempt(_Turn.step)
            return [turn.result() for turn in turns]

    def _tune(self, turn: _Turn) -> None:
        job = turn.job.untuned()
        if job not in self._drives:
            self.tell(f"{job.engine}: looking for weights that give the firing rate")
            with Worker(job) as worker:
                self._drives[job] = worker.find_drive()
        turn.job = replace(turn.job, drive=self._drives[job])


def _obstacle(job: Job) -> str | None:
    if job.threads > usable_cores():
        return f"{job.threads} threads need as many cores, here are {usable_cores()}"
    return obstacle(job.engine, job.device)


class _Turn:
    """A job on its way to a result."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.status = OK
        self.worker: Worker | None = None

    def attempt(self, action: Callable[[_Turn], None]) -> None:
        """Do something with it, unless it has failed before or fails now."""
        if self.status != OK:
            return
        try:
            action(self)
        except WorkerError as error:
            self.status = f"failed: {error}"

    def start(self, stack: ExitStack) -> None:
        self.worker = stack.enter_context(Worker(self.job))
        self.worker.warm_up()

    def step(self) -> None:
        assert self.worker is not None
        self.worker.step()

    def result(self) -> Result:
        if self.worker is None or self.status != OK:
            return Result(self.job, self.status)
        w = self.worker
        return Result(self.job, OK, w.times, w.hidden_spikes, w.code_mb, w.peak_mb, w.device_mb)

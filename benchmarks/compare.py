"""Run comparisons: workers take turns, A, B, A, B …, and their times become results."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from benchmarks.engines import obstacle
from benchmarks.job import OK, Job, Result
from benchmarks.process import Worker, WorkerError
from benchmarks.suites import Comparison
from nmtool.machine import usable_cores

Progress = Callable[[str], None]


@dataclass
class Bench:
    """Measures several comparisons, one after the other.

    Args:
        progress: function called with each line of progress.
    """

    progress: Progress
    _drives: dict[Job, float] = field(default_factory=dict)

    def measure(self, comparison: Comparison) -> list[Result]:
        """Measure the jobs of a comparison: a result per job, in the same order.

        A job that fails does not stop the others.
        """
        workers = [Worker(self._with_drive(job)) for job in comparison.jobs]
        with ExitStack() as stack:
            for worker in workers:
                job, status = worker.result.job, worker.result.status
                self.progress(f"{job}: {'warming up' if status == OK else status}")
                if status == OK:
                    stack.enter_context(worker).warm_up()
            for number in range(1, comparison.rounds + 1):
                self.progress(f"round {number} of {comparison.rounds}")
                for worker in workers:
                    worker.step()
            return [worker.result for worker in workers]

    def _with_drive(self, job: Job) -> Result:
        """Find the drive of a job; the result has the drive, or the reason why it is unknown."""
        if why := _obstacle_to(job):
            return Result(job, f"skipped: {why}")
        untuned = job.untuned()
        if untuned not in self._drives:
            self.progress(f"{job.engine}: scaling input weights to the firing rate")
            try:
                with Worker(Result(untuned)) as worker:
                    self._drives[untuned] = worker.find_drive()
            except WorkerError as error:
                return Result(job, f"failed: {error}")
        return Result(replace(job, drive=self._drives[untuned]))


def _obstacle_to(job: Job) -> str | None:
    """The reason why a job cannot be measured on this machine; None if it can."""
    if job.threads > usable_cores():
        return f"{job.threads} threads need {job.threads} cores; this machine has {usable_cores()}"
    return obstacle(job.engine, job.device)

"""Measure jobs in turns, A, B, A, B …, and make a row of numbers for each.

Every job has a process of its own. Times are medians over the rounds. A ratio is the median of the
rounds' ratios; a ratio of 2 means that a row is twice as fast as the other row.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.drive import Build, find_drive
from benchmarks.engines import AUTOGRAD, BPTT, CPU, OURS, Engine, find_engine, obstacle
from benchmarks.measure import PeakMemory, StepTimes, time_step
from benchmarks.process import fresh_process
from benchmarks.report import print_progress
from benchmarks.suites import Comparison, Job
from benchmarks.workload import Workload
from nmtool.machine import usable_cores

if TYPE_CHECKING:
    from benchmarks.torch_step import TorchStep

Row = dict[str, Any]

OK = "ok"

RATIOS: dict[str, dict[str, Any]] = {
    "ratio_to_bptt": {"engine": BPTT},
    "ratio_to_autograd": {"engine": AUTOGRAD},
    "ratio_to_nmtool": {"engine": OURS},
    "ratio_to_one_thread": {"threads": 1},
    "ratio_to_cpu": {"device": CPU},
}
"""Ratios of a row: how the job that its job is compared with differs from it."""

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass
class Measurement:
    """A job, and what has been measured of it so far.

    Attributes:
        job: the job.
        status: `ok`, or the reason why there are no numbers: `skipped: …`, `failed: …`.
        drive: factor on the input weights that gives the workload's firing rate.
        times: times of a step, one entry per round.
        hidden_spikes: mean number of spikes per sample, summed over all hidden neurons.
        code_mb: memory that compiled code and libraries take at first use, in MB.
        peak_mb: peak memory minus the memory before the first batch, in MB.
        device_mb: largest memory on a GPU, in MB; None on a CPU.
    """

    job: Job
    status: str = OK
    drive: float = 1.0
    times: list[StepTimes] = field(default_factory=list)
    hidden_spikes: float = 0.0
    code_mb: float = 0.0
    peak_mb: float = 0.0
    device_mb: float | None = None


def measure(comparison: Comparison) -> list[Row]:
    """Measure the jobs of a comparison: a row of settings and numbers per job, in the same order.

    A job that cannot be measured or fails does not stop the others: its row has no numbers.
    """
    measurements = []
    for job in comparison.jobs:
        why = _obstacle_to(job)
        measurements.append(Measurement(job, f"skipped: {why}" if why else OK))
        print_progress(f"{job}{f': {why}' if why else ''}")
    with ExitStack() as ends:
        turns = [ends.enter_context(closing(_turns(m))) for m in measurements]
        for number in range(1 + comparison.rounds):
            print_progress(f"round {number} of {comparison.rounds}" if number else "warming up")
            for measurement, turn in zip(measurements, turns, strict=True):
                if measurement.status == OK:
                    _advance(measurement, turn)
    return make_rows(measurements)


def _advance(measurement: Measurement, turn: Iterator[None]) -> None:
    """Take the next turn of a job; an error becomes its status."""
    try:
        next(turn)
    except Exception as error:
        measurement.status = f"failed: {type(error).__name__}: {error}"


def _obstacle_to(job: Job) -> str | None:
    """The reason why a job cannot be measured on this machine; None if it can."""
    if job.threads > usable_cores():
        return f"{job.threads} threads need {job.threads} cores; this machine has {usable_cores()}"
    return obstacle(job.engine, job.device)


def _turns(measurement: Measurement) -> Generator[None, None, None]:
    """Start the job's process and run steps that are not timed; then time a step in every turn."""
    job = measurement.job
    measurement.drive = _drive(job.engine, job.device, replace(job.workload, batch=1))
    with fresh_process(_environment(job)) as process:
        first = process.submit(_start, job, measurement.drive)
        measurement.hidden_spikes, measurement.code_mb = first.result()
        while True:
            yield
            times, measurement.peak_mb, measurement.device_mb = process.submit(_next_step).result()
            measurement.times.append(times)


@cache
def _drive(engine: str, device: str, workload: Workload) -> float:
    """Find an engine's drive, in a process of its own, which leaves the compiled code in a cache.

    The drive does not depend on the batch and the threads.
    """
    print_progress(f"{engine}: scaling input weights to the firing rate")
    job = Job(engine, workload, device=device)
    with fresh_process(_environment(job)) as process:
        return process.submit(_find_drive, job).result()


def _environment(job: Job) -> Mapping[str, str]:
    """Environment variables of a job: those of its engine, and the number of threads."""
    return {**_engine(job).environment, **dict.fromkeys(_THREADS, str(job.threads))}


def _engine(job: Job) -> Engine:
    """The engine of a job that can be measured."""
    engine = find_engine(job.engine, job.device)
    assert engine is not None
    return engine


# In the job's process


def _find_drive(job: Job) -> float:
    """Run a whole step, which compiles all code for later processes; then find the job's drive."""
    build = _build(job)
    _run_once(build, job.workload)
    return find_drive(build, job.workload)


def _start(job: Job, drive: float) -> tuple[float, float]:
    """Run two steps: of a small network, which loads compiled code, and of the job's network.

    Returns:
        The hidden spikes per sample, and the memory of the code in MB.
    """
    global _step, _memory
    build, workload = _build(job), job.workload
    _step = build(workload.network(drive), workload)
    spikes, labels = workload.spikes(), workload.labels()
    _memory = PeakMemory()
    _run_once(build, replace(workload, hidden=4, n_steps=100, input_spikes=100, batch=1))
    code_mb = _memory.now()
    _step.load(spikes, labels)
    time_step(_step)
    return _step.hidden_spikes, code_mb


def _next_step() -> tuple[StepTimes, float, float | None]:
    """Time a step: its times, the peak memory and the memory on a GPU, both in MB."""
    # An unmeasured step warms up the threads and the caches, as in a running training loop.
    time_step(_step)
    return time_step(_step), _memory.peak(), _step.device_mb


_step: TorchStep
_memory: PeakMemory


def _run_once(build: Build, workload: Workload) -> None:
    """Run one whole training step, which compiles code or loads it from the cache."""
    step = build(workload.network(), workload)
    step.load(workload.spikes(), workload.labels())
    time_step(step)


def _build(job: Job) -> Build:
    """Set the number of threads of torch, and import the function that makes a training step."""
    import torch

    torch.set_num_threads(job.threads)
    return _engine(job).build()


# Rows of numbers


def make_rows(measurements: Sequence[Measurement]) -> list[Row]:
    """Make a row of settings and, if it was measured, numbers for each job of a comparison."""
    measured = {m.job: m for m in measurements if m.status == OK}
    return [_settings(m) | (_numbers(m, measured) if m.status == OK else {}) for m in measurements]


def _settings(measurement: Measurement) -> Row:
    """Settings of a job: engine, device, threads, workload, drive, rounds and status."""
    job = measurement.job
    engine = find_engine(job.engine, job.device)
    return {
        "engine": job.engine,
        "device": job.device,
        "threads": job.threads,
        **asdict(job.workload),
        "has_delays": engine is not None and engine.has_delays,
        "drive": measurement.drive,
        "rounds": len(measurement.times),
        "status": measurement.status,
    }


def _numbers(measurement: Measurement, measured: Mapping[Job, Measurement]) -> Row:
    """Times, spikes, memory and ratios of a job.

    Args:
        measurement: what was measured of the job.
        measured: the jobs of the comparison, with which the job is compared.
    """
    job, hidden_spikes = measurement.job, measurement.hidden_spikes
    forward, backward, update, cpu = 1e3 * np.median(measurement.times, axis=0) / job.workload.batch
    events = job.workload.events_per_sample(hidden_spikes)
    ratios = {
        key: _ratio(measurement, measured.get(replace(job, **change)))
        for key, change in RATIOS.items()
    }
    return {
        "ms_per_sample": 1e3 * float(np.median(_seconds(measurement))) / job.workload.batch,
        "forward_ms": float(forward),
        "backward_ms": float(backward),
        "update_ms": float(update),
        "cpu_ms_per_sample": float(cpu),
        "forward_ns_per_event": 1e6 * float(forward) / events,
        "backward_ns_per_event": 1e6 * float(backward) / events,
        "events_per_sample": events,
        "hidden_spikes": hidden_spikes,
        "spikes_per_neuron": hidden_spikes / job.workload.hidden,
        "code_mb": measurement.code_mb,
        "peak_mb": measurement.peak_mb,
        "device_mb": measurement.device_mb,
        **ratios,
    }


def _ratio(measurement: Measurement, other: Measurement | None) -> float | None:
    """Median over all rounds: time of `other` / time of this job; None if `other` is None."""
    if other is None:
        return None
    return float(np.median(_seconds(other) / _seconds(measurement)))


def _seconds(measurement: Measurement) -> NDArray[np.float64]:
    """Time of the whole step in each round, [rounds] float64."""
    return np.array([times.total for times in measurement.times])

"""The suites of benchmarks: lists of comparisons, whose jobs take turns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from benchmarks.engines import AUTOGRAD, BPTT, CPU, CUDA, DCLS, NORSE, OURS, SNNTORCH
from benchmarks.workload import Workload

LARGE_BATCH = 256
BATCHES = (8, 32, LARGE_BATCH)
HIDDEN = (128, 256, 512, 1024)
INPUT_SPIKES = (4000, 8000, 16000)
N_STEPS = (1000, 2000)
MAX_DELAYS = (0, 61, 255)
DCLS_BATCH = 8


@dataclass(frozen=True)
class Job:
    """A training step to measure.

    Attributes:
        engine: name of an engine of `ENGINES`.
        workload: network and batch.
        threads: number of threads.
        device: device to run on.
    """

    engine: str
    workload: Workload
    threads: int = 1
    device: str = CPU

    def __str__(self) -> str:
        w = self.workload
        kind = "recurrent" if w.recurrent else "feed-forward"
        return (
            f"{self.engine} on {self.device}, {w.hidden} hidden, {kind}, {w.n_steps} steps, "
            f"{w.input_spikes} spikes, delays to {w.max_delay}, batch {w.batch}, "
            f"threads {self.threads}"
        )


@dataclass(frozen=True)
class Comparison:
    """Jobs that take turns, so that the load of the machine affects all of them alike.

    Attributes:
        jobs: the jobs; each has a process of its own.
        rounds: number of timed steps of each job.
    """

    jobs: tuple[Job, ...]
    rounds: int


@dataclass(frozen=True)
class Suite:
    """A list of comparisons, and defaults of its options on the command line.

    The options replace `hidden`, `threads`, `rounds` and `device`.

    Attributes:
        plan: function that makes the comparisons.
        about: description of one line for the help.
        hidden: numbers of hidden neurons.
        threads: numbers of threads.
        rounds: number of timed steps of each job.
        device: the device of all jobs.
    """

    plan: Callable[[Suite], Iterator[Comparison]]
    about: str
    hidden: Sequence[int]
    threads: Sequence[int]
    rounds: int
    device: str = CPU

    def comparisons(self) -> Iterator[Comparison]:
        """Make the comparisons of the suite."""
        return self.plan(self)


def core(suite: Suite) -> Iterator[Comparison]:
    """Compare nmtool and BPTT by hidden size and threads, and measure memory for large batches."""
    for hidden in suite.hidden:
        yield _compared((OURS, BPTT, AUTOGRAD), Workload(hidden), suite, suite.rounds)
    for hidden in suite.hidden:
        yield _single(OURS, Workload(hidden, batch=LARGE_BATCH), suite)


def sweep(suite: Suite) -> Iterator[Comparison]:
    """Compare nmtool and BPTT, with one property of the workload changed at a time."""
    base = Workload(suite.hidden[0])
    variants = [
        base,
        *(replace(base, input_spikes=n) for n in INPUT_SPIKES),
        *(replace(base, n_steps=n) for n in N_STEPS),
        *(replace(base, max_delay=n) for n in MAX_DELAYS),
        *(replace(base, batch=n) for n in BATCHES),
        *(replace(base, hidden=n) for n in HIDDEN),
    ]
    for workload in dict.fromkeys(variants):
        yield _compared((OURS, BPTT), workload, suite, suite.rounds)


def peers(suite: Suite) -> Iterator[Comparison]:
    """Compare nmtool with trainers without delays and, in a single round, with DCLS."""
    for hidden in suite.hidden:
        workload = Workload(hidden)
        yield _compared((OURS, BPTT, AUTOGRAD, SNNTORCH, NORSE), workload, suite, suite.rounds)
        feedforward = replace(workload, recurrent=False, batch=DCLS_BATCH)
        yield _compared((OURS, DCLS), feedforward, suite, rounds=1)


def memory(suite: Suite) -> Iterator[Comparison]:
    """Measure peak memory by batch size, one job at a time."""
    for hidden in suite.hidden:
        for batch in BATCHES:
            yield _single(OURS, Workload(hidden, batch=batch), suite)
        yield _single(BPTT, Workload(hidden), suite)


def cuda(suite: Suite) -> Iterator[Comparison]:
    """Compare nmtool on a GPU and on the CPU, by hidden size and batch size."""
    for hidden in suite.hidden:
        for batch in (Workload().batch, LARGE_BATCH):
            workload = Workload(hidden, batch=batch)
            on_cpu = tuple(Job(OURS, workload, threads) for threads in suite.threads)
            yield Comparison((Job(OURS, workload, device=CUDA), *on_cpu), suite.rounds)


SUITES = {
    "core": Suite(core, "nmtool and BPTT; two threads; a large batch", (256, 512), (1, 2), 5),
    "sweep": Suite(sweep, "one property changed at a time", (256,), (1,), 3),
    "peers": Suite(peers, "snnTorch, Norse, DCLS", (256,), (1,), 3),
    "memory": Suite(memory, "peak memory by batch size", (512,), (1,), 1),
    "cuda": Suite(cuda, "a GPU: compared with the CPU, then both timed", (256, 512), (1,), 7),
}


def _compared(engines: Sequence[str], workload: Workload, suite: Suite, rounds: int) -> Comparison:
    """Make a comparison of engines on one workload, with every number of threads of the suite."""
    jobs = tuple(
        Job(engine, workload, threads, suite.device)
        for threads in suite.threads
        for engine in engines
    )
    return Comparison(jobs, rounds)


def _single(engine: str, workload: Workload, suite: Suite) -> Comparison:
    """Make a comparison that has a single job and one round."""
    return Comparison((Job(engine, workload, suite.threads[0], suite.device),), rounds=1)

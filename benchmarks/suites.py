"""The comparisons that each suite measures; their jobs take turns in one run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from benchmarks.engines import AUTOGRAD, BPTT, CUDA, DCLS, NORSE, OURS, SNNTORCH
from benchmarks.job import Job
from benchmarks.workload import Workload

LARGE_BATCH = 256
BATCHES = (8, 32, LARGE_BATCH)
HIDDEN = (128, 256, 512, 1024)
INPUT_SPIKES = (4000, 8000, 16000)
N_STEPS = (1000, 2000)
MAX_DELAYS = (0, 61, 255)
DCLS_BATCH = 8


@dataclass(frozen=True)
class Comparison:
    """Jobs that are measured in turns, so that all of them see the same disturbances.

    Attributes:
        jobs: one worker each.
        rounds: timed steps of each job.
    """

    jobs: tuple[Job, ...]
    rounds: int


@dataclass(frozen=True)
class Choice:
    """The user's choice, or a suite's defaults.

    Attributes:
        hidden: numbers of hidden neurons.
        threads: numbers of threads.
        rounds: timed steps of each job.
        device: the device of all jobs.
    """

    hidden: Sequence[int]
    threads: Sequence[int]
    rounds: int
    device: str


Plan = Callable[[Choice], Iterator[Comparison]]


@dataclass(frozen=True)
class Suite:
    """A named set of comparisons.

    Attributes:
        plan: makes them.
        about: one line for the help.
        hidden, threads, rounds: what the user may leave out.
    """

    plan: Plan
    about: str
    hidden: tuple[int, ...]
    threads: tuple[int, ...]
    rounds: int


def core(choice: Choice) -> Iterator[Comparison]:
    """Ours and BPTT by hidden size and threads, then the memory of a large batch."""
    for hidden in choice.hidden:
        yield _compared((OURS, BPTT, AUTOGRAD), Workload(hidden), choice, choice.rounds)
    for hidden in choice.hidden:
        yield _single(OURS, Workload(hidden, batch=LARGE_BATCH), choice)


def sweep(choice: Choice) -> Iterator[Comparison]:
    """Ours and BPTT with one property changed at a time."""
    base = Workload(choice.hidden[0])
    variants = [
        base,
        *(replace(base, input_spikes=n) for n in INPUT_SPIKES),
        *(replace(base, n_steps=n) for n in N_STEPS),
        *(replace(base, max_delay=n) for n in MAX_DELAYS),
        *(replace(base, batch=n) for n in BATCHES),
        *(replace(base, hidden=n) for n in HIDDEN),
    ]
    for workload in dict.fromkeys(variants):
        yield _compared((OURS, BPTT), workload, choice, choice.rounds)


def peers(choice: Choice) -> Iterator[Comparison]:
    """Ours beside the trainers without delays, then, once, beside delays by convolution."""
    for hidden in choice.hidden:
        workload = Workload(hidden)
        yield _compared((OURS, BPTT, AUTOGRAD, SNNTORCH, NORSE), workload, choice, choice.rounds)
        feedforward = replace(workload, recurrent=False, batch=DCLS_BATCH)
        yield _compared((OURS, DCLS), feedforward, choice, rounds=1)


def memory(choice: Choice) -> Iterator[Comparison]:
    """Peak memory by batch, each job alone."""
    for hidden in choice.hidden:
        for batch in BATCHES:
            yield _single(OURS, Workload(hidden, batch=batch), choice)
        yield _single(BPTT, Workload(hidden), choice)


def cuda(choice: Choice) -> Iterator[Comparison]:
    """Ours on a GPU and on the CPU, by hidden size and batch."""
    for hidden in choice.hidden:
        for batch in (Workload().batch, LARGE_BATCH):
            workload = Workload(hidden, batch=batch)
            on_cpu = tuple(Job(OURS, workload, threads) for threads in choice.threads)
            yield Comparison((Job(OURS, workload, device=CUDA), *on_cpu), choice.rounds)


SUITES = {
    "core": Suite(core, "ours and BPTT; two threads; a large batch", (256, 512), (1, 2), 5),
    "sweep": Suite(sweep, "one property at a time", (256,), (1,), 3),
    "peers": Suite(peers, "snnTorch, Norse, DCLS", (256,), (1,), 3),
    "memory": Suite(memory, "peak memory by batch", (512,), (1,), 1),
    "cuda": Suite(cuda, "a GPU: compared with the CPU, then both timed", (256, 512), (1,), 7),
}


def _compared(
    engines: Sequence[str], workload: Workload, choice: Choice, rounds: int
) -> Comparison:
    jobs = tuple(
        Job(engine, workload, threads, choice.device)
        for threads in choice.threads
        for engine in engines
    )
    return Comparison(jobs, rounds)


def _single(engine: str, workload: Workload, choice: Choice) -> Comparison:
    return Comparison((Job(engine, workload, choice.threads[0], choice.device),), rounds=1)

"""Time of each kernel in a training step on a GPU, recorded by torch's profiler."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks import ours_cuda
from benchmarks.drive import find_drive
from benchmarks.measure import time_step
from benchmarks.report import markdown
from benchmarks.suites import LARGE_BATCH
from benchmarks.workload import Workload
from nmtool.training.engines.gpu_failures import gpu_errors_converted

OTHERS = "torch and copies"
"""Row for everything that runs between the engine's own kernels."""

ROUNDS = 5


@dataclass(frozen=True)
class KernelTime:
    """Number and time of a kernel's launches in a training step.

    Attributes:
        hidden, batch: number of hidden neurons, and number of samples of the batch.
        kernel: name of its Python function, or `OTHERS`.
        launches: number of launches per step.
        ms: total time of these launches, in ms.
    """

    hidden: int
    batch: int
    kernel: str
    launches: float
    ms: float


def print_kernels(sizes: Sequence[int]) -> None:
    """Print a table of the kernels' times, for networks of these numbers of hidden neurons."""
    with gpu_errors_converted():
        times = [t for hidden in sizes for t in kernel_times(Workload(hidden, batch=LARGE_BATCH))]
    header = ("kernel", "hidden", "batch", "launches", "ms")
    rows = [(t.kernel, t.hidden, t.batch, f"{t.launches:g}", f"{t.ms:.3f}") for t in times]
    print("", "By kernel, of a training step:", "", markdown(header, rows), sep="\n")


def kernel_times(workload: Workload) -> list[KernelTime]:
    """Time the kernels of a training step, longest first.

    Args:
        workload: network and batch.
    """
    step = ours_cuda.build(workload.network(find_drive(ours_cuda.build, workload)), workload)
    step.load(workload.spikes(), workload.labels())
    time_step(step)  # The first step compiles the kernels, which must not be measured.
    with profile(activities=[ProfilerActivity.CUDA]) as profiler:
        for _ in range(ROUNDS):
            time_step(step)
    on_gpu = [e for e in profiler.events() if e.device_type == torch.autograd.DeviceType.CUDA]
    return by_kernel(on_gpu, workload, ROUNDS)


def by_kernel(events: Iterable[Any], workload: Workload, rounds: int) -> list[KernelTime]:
    """Sum the times of the profiler's events by kernel.

    Args:
        events: kernels and copies, each with its name and its time on the device in µs.
        workload: workload of the steps.
        rounds: number of training steps that were recorded.
    """
    launches, us = Counter[str](), Counter[str]()
    for event in events:
        name = python_name(event.name)
        launches[name] += 1
        us[name] += event.device_time_total
    return [
        KernelTime(
            workload.hidden, workload.batch, name, launches[name] / rounds, time / rounds / 1e3
        )
        for name, time in us.most_common()
    ]


def python_name(mangled: str) -> str:
    """Name of the Python function of a kernel: the last part of the mangled name.

    >>> python_name("_ZN6nmtool7forward7run_lifB2v1E")
    'run_lif'
    >>> python_name("void at::native::sort_kernel<float>()")
    'torch and copies'
    """
    rest, name = mangled.removeprefix("_ZN"), ""
    while rest[:1].isdigit():
        digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
        rest = rest[len(digits) :]
        name, rest = rest[: int(digits)], rest[int(digits) :]
    return name if mangled.startswith("_ZN6nmtool") else OTHERS

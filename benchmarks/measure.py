"""Time and memory of one training step, in the process that runs it."""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from benchmarks.torch_step import TorchStep

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
_FORGET_PEAK = "5"


class StepTimes(NamedTuple):
    """Duration of the parts of one training step in s.

    Attributes:
        forward: time of network and loss.
        backward: time of the gradients.
        update: time of the optimiser and of the rest of the step.
        cpu: processor time of the whole step, summed over all threads.
    """

    forward: float
    backward: float
    update: float
    cpu: float

    @property
    def total(self) -> float:
        """Elapsed time of the whole step."""
        return self.forward + self.backward + self.update


def time_step(step: TorchStep) -> StepTimes:
    """Run one training step and time its parts."""
    cpu = time.process_time()
    start = time.perf_counter()
    step.forward()
    step.wait()
    forward_end = time.perf_counter()
    step.backward()
    step.wait()
    backward_end = time.perf_counter()
    step.update()
    step.wait()
    update_end = time.perf_counter()
    cpu = time.process_time() - cpu
    return StepTimes(
        forward_end - start, backward_end - forward_end, update_end - backward_end, cpu
    )


class PeakMemory:
    """Memory that this process has taken since the start of the measurement, in MB (10⁶ bytes)."""

    def __init__(self) -> None:
        _return_freed_memory()
        # Some systems cannot reset the peak of the memory. The peak then includes the memory that
        # the imports needed.
        with suppress(OSError):
            _CLEAR.write_text(_FORGET_PEAK)
        self._before = _resident_bytes("VmRSS")

    def now(self) -> float:
        """The present resident memory minus the resident memory at the start, in MB."""
        return (_resident_bytes("VmRSS") - self._before) / 1e6

    def peak(self) -> float:
        """The largest resident memory so far minus the resident memory at the start, in MB."""
        return (_resident_bytes("VmHWM") - self._before) / 1e6


def _return_freed_memory() -> None:
    """Return freed memory to the system (glibc only): its reuse would hide growth from the peak."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None:
        trim(0)


def _resident_bytes(key: str) -> int:
    """Resident memory in bytes from /proc; on systems without /proc, its maximum so far."""
    if _STATUS.exists():
        for line in _STATUS.read_text().splitlines():
            if line.startswith(f"{key}:"):
                return int(line.split()[1]) * 1024
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest if sys.platform == "darwin" else largest * 1024

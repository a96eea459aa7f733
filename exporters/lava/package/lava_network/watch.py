"""Start and stop Lava so that a failure ends the program instead of hanging it.

Lava runs every process of the network in a process of the system. If one of these processes fails,
Lava waits for all others forever, and they continue after the end of the program. With this module,
a process that ends too early causes an error within a second, and all processes end with their
parent.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.run_configs import RunConfig
from lava.magma.runtime.message_infrastructure.multiprocessing import SystemProcess
from lava.magma.runtime.runtime import Runtime

LOOK_S = 0.5
PR_SET_PDEATHSIG = 1


class ProcessEndedError(RuntimeError):
    """One of Lava's processes ended while the network was running."""


@contextmanager
def started(process: AbstractProcess, config: RunConfig) -> Iterator[None]:
    """Context in which the network of `process` runs: compile and start it; stop it at the end.

    Raises:
        ProcessEndedError: one of Lava's processes ended while the network was running; the error
            says why.
    """
    try:
        with _ended_processes_raise(process):
            process.create_runtime(run_cfg=config)
            yield
    except BaseException:
        _kill(process.runtime)
        raise
    process.stop()


@contextmanager
def _ended_processes_raise(process: AbstractProcess) -> Iterator[None]:
    """Context that raises an error if one of Lava's processes ends.

    They are checked every `LOOK_S` seconds, also while this process waits for them.
    """

    def check(signum: int, frame: object) -> None:
        for actor in _actors(process.runtime):
            if not actor.is_alive():
                raise ProcessEndedError(_reason(actor))

    previous = signal.signal(signal.SIGALRM, check)
    signal.setitimer(signal.ITIMER_REAL, LOOK_S, LOOK_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def _reason(actor: SystemProcess) -> str:
    failure = actor.exception
    if failure is not None:
        return f"a process model failed:\n{failure[1]}"
    return f"a process model ended with exit code {actor.exitcode}"


def _actors(runtime: Runtime | None) -> list[SystemProcess]:
    """Processes of the system that run Lava's process models; [] without a runtime."""
    infrastructure = None if runtime is None else runtime._messaging_infrastructure
    return [] if infrastructure is None else infrastructure.actors


def _kill(runtime: Runtime | None) -> None:
    """End the processes of a runtime that no longer reacts to `stop`."""
    for actor in _actors(runtime):
        actor.kill()
    if runtime is not None:
        runtime._is_started = False  # otherwise it would stop itself again, and wait forever


@contextmanager
def leave_at_once() -> Iterator[None]:
    """Context that prints an error and then ends the program together with all its processes."""
    try:
        yield
    except BaseException:
        traceback.print_exc()
        for child in multiprocessing.active_children():
            child.kill()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1)


def end_children_with_this_process() -> None:
    """Make Linux end every process that is forked from now on when its parent ends."""
    if not sys.platform.startswith("linux"):
        return
    prctl = ctypes.CDLL(None).prctl
    os.register_at_fork(after_in_child=lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL))

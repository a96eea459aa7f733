"""Blocks of Numba's CUDA simulator whose threads take turns.

Numba's simulator polls its threads until all are at a barrier, which takes most of a kernel's time.
Here, one thread runs at a time, until its next barrier, and then the next thread runs.
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any

import numpy as np
import pytest

from nmtool.training.engines.cuda import SIMULATED

if SIMULATED:
    from numba.cuda.simulator import kernel as simulator

    class _Thread(simulator.BlockThread):
        """A CUDA thread that waits for its turn at the start and at each barrier."""

        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            self.turn = threading.Lock()
            self.turn.acquire()

        def run(self) -> None:
            self.turn.acquire()
            try:
                super().run()  # If the thread fails, this call stores the error in `exception`.
            finally:
                self._manager.ended(self)

        def syncthreads(self) -> None:
            self._manager.hand_over(self)
            self.turn.acquire()
            if self._manager.failure:
                raise RuntimeError("another thread of the block has failed")

    class _Block(simulator.BlockManager):
        """A block of threads, which all reach a barrier before any of them continues.

        The order of threads is reversed at every barrier. So if a barrier is missing, some thread
        reads a value before another thread writes it.
        """

        failure: tuple[BaseException, TracebackType] | None = None

        def run(self, grid_point: tuple[int, ...], *arguments: Any) -> None:
            def target() -> None:
                if not self.failure:
                    self._f(*arguments)

            points = np.ndindex(*self._block_dim)
            threads = [_Thread(target, self, grid_point, point, self._debug) for point in points]
            self._waiting, self._reached = threads[::-1], []
            for thread in threads:
                thread.start()
            self._next()
            for thread in threads:
                thread.join()
            if self.failure:
                raise self.failure[0].with_traceback(self.failure[1])

        def hand_over(self, thread: _Thread) -> None:
            """Let the next thread run; `thread` continues when all have reached the barrier."""
            self._reached.append(thread)
            self._next()

        def ended(self, thread: _Thread) -> None:
            """Let the next thread run after `thread` has ended."""
            self.failure = self.failure or thread.exception
            self._next()

        def _next(self) -> None:
            if not self._waiting:
                self._waiting, self._reached = self._reached, []
            if self._waiting:
                self._waiting.pop().turn.release()


@pytest.fixture(autouse=True)
def _threads_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    if SIMULATED:
        monkeypatch.setattr(simulator, "BlockManager", _Block)

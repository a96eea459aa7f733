"""Stopping a study where it is safe: between batches, and before a trial is begun.

An exception out of a signal handler appears anywhere, and where it does nothing can be relied
on: a trial that was just told as finished would be told as cut off. Signals are noted instead.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM)
"""Signals that ask a study to stop."""


class StopRequest:
    """Whether this process is to stop.

    Args:
        made: says whether it is.
    """

    def __init__(self, made: Callable[[], bool]) -> None:
        self._made = made

    def heed(self) -> None:
        """Raise `KeyboardInterrupt` if it is."""
        if self._made():
            raise KeyboardInterrupt


@contextmanager
def signals_noted() -> Iterator[StopRequest]:
    """Note the first Ctrl-C or SIGTERM while the block runs; the next one does what it ever did."""
    previous = {number: signal.getsignal(number) for number in STOPPING}
    noted: list[int] = []

    def restore() -> None:
        for number, handler in previous.items():
            signal.signal(number, handler)

    def note(number: int, frame: FrameType | None) -> None:
        del frame
        noted.append(number)
        restore()

    for number, handler in previous.items():
        if handler != signal.SIG_IGN:
            signal.signal(number, note)
    try:
        yield StopRequest(lambda: bool(noted))
    finally:
        restore()

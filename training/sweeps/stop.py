"""Stopping a study where it is safe: between batches, and before a trial is begun.

An exception out of a signal handler appears anywhere, and where it does nothing can be relied
on: a trial that was just told as finished would be told as cut off. Signals are noted instead.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

STOPPING = (signal.SIGINT, signal.SIGTERM)
"""Signals that ask a study to stop."""


class StopRequest:
    """Asks whether this process is to stop.

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
    """Note the first Ctrl-C or SIGTERM while the block runs; the next one does what it ever did.

    Outside the main thread, which alone may handle signals, nothing is noted.
    """
    noted: list[int] = []
    with _handlers_restored() as previous:

        def note(number: int, frame: FrameType | None) -> None:
            del frame
            noted.append(number)
            _restore(previous)

        for number, handler in previous.items():
            if handler != signal.SIG_IGN:
                signal.signal(number, note)
        yield StopRequest(lambda: bool(noted))


@contextmanager
def signals_ignored() -> Iterator[None]:
    """Let processes begin that ignore what asks a study to stop; what comes meanwhile is lost."""
    with _handlers_restored() as previous:
        for number in previous:
            signal.signal(number, signal.SIG_IGN)
        yield


@contextmanager
def _handlers_restored() -> Iterator[dict[int, Any]]:
    """Handlers of the signals, put back after the block; {} outside the main thread."""
    is_main = threading.current_thread() is threading.main_thread()
    previous: dict[int, Any] = {}
    if is_main:
        found = {number: signal.getsignal(number) for number in STOPPING}
        # Python can only put back handlers that Python has set.
        previous = {number: handler for number, handler in found.items() if handler is not None}
    try:
        yield previous
    finally:
        _restore(previous)


def _restore(handlers: dict[int, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)

"""Ctrl-C and SIGTERM, deferred while an exception from their handler could be lost or do harm.

Both raise `KeyboardInterrupt`, with the number of the signal as its argument.

Such an exception may appear anywhere. While libraries load, it becomes an `ImportError` or, in
C++, ends the process; a compiler's callbacks swallow it; files stay half-written. `signals_noted`
is for work that can stop at chosen points, such as after a batch. `interrupts_remembered` is for
a whole command.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

CheckStop = Callable[[], None]
"""A function that raises `KeyboardInterrupt` once the process has received a signal to stop."""

STOPS = (signal.SIGINT, signal.SIGTERM)
"""Signals that ask a process to stop."""

LOOK_AGAIN_S = 0.01
"""Seconds between two checks whether libraries are still loading.

The alarm repeats. An alarm that arrives just before a call that waits, such as `signal.pause`, does
not end this call, but the next alarm does.
"""

_ALARM: int | None = getattr(signal, "SIGALRM", None)
"""Signal that a timer sends to check again; None if the system has no such signal."""

_raised: list[int] = []
"""Signals that have raised `KeyboardInterrupt` within `interrupts_remembered`."""

_waiting: list[int] = []
"""Signals that wait within `interrupts_remembered` until libraries are loaded."""


@contextmanager
def signals_noted(*numbers: int) -> Iterator[CheckStop]:
    """Note the first of the given signals while the block runs; a second signal acts as usual.

    The block gets a function to call at points where it can stop: once a signal has been noted,
    the function raises `KeyboardInterrupt`, and so does leaving the block. Handlers set by other
    code stay in place. Outside the main thread nothing is noted, since only that thread may handle
    signals.

    >>> with signals_noted(signal.SIGINT) as check_stop:
    ...     for batch in range(3):
    ...         check_stop()

    Args:
        numbers: the signals, such as `signal.SIGINT`.
    """
    noted: list[int] = []
    with _handlers_restored(*numbers) as previous:

        def note(number: int, frame: FrameType | None) -> None:
            """Handle a signal: note it, and restore the earlier handlers."""
            del frame
            noted.append(number)
            _restore(previous)

        def check_stop() -> None:
            """Raise `KeyboardInterrupt` if a signal was noted, or if a library swallowed one."""
            if stops := noted or (_raised if previous else []):
                raise KeyboardInterrupt(stops[0])

        _replace_default(previous, note)
        if previous and _waiting:
            noted += _waiting
            _wait_no_more()
        yield check_stop
        check_stop()


@contextmanager
def signals_ignored(*numbers: int) -> Iterator[None]:
    """Ignore signals while the block runs, also in processes that it starts."""
    with _handlers_restored(*numbers) as previous:
        for number in previous:
            signal.signal(number, signal.SIG_IGN)
        yield


@contextmanager
def interrupts_remembered(*numbers: int) -> Iterator[None]:
    """Make signals end a whole command by `KeyboardInterrupt`, even if a library swallows it.

    While libraries load or Numba compiles, the first signal waits until they are done. An error
    that ends the block after a signal becomes `KeyboardInterrupt`. A signal that was swallowed
    takes effect in the next `signals_noted`.

    Args:
        numbers: the signals, such as `signal.SIGINT`.
    """
    numbers = numbers if _ALARM is None else (*numbers, _ALARM)
    with _signals_cleared_after(), _handlers_restored(*numbers) as previous:
        _replace_default(previous, _remember)
        try:
            yield
            if _waiting:
                raise KeyboardInterrupt(_waiting[0])
        except Exception as error:
            if previous and (stops := _raised or _waiting):
                raise KeyboardInterrupt(stops[0]) from error
            raise
        finally:
            if previous:
                _wait_no_more()


def exit_code(stop: KeyboardInterrupt) -> int:
    """Exit code of a command that was stopped: 128 and the signal's number, as shells report it.

    >>> exit_code(KeyboardInterrupt()), exit_code(KeyboardInterrupt(signal.SIGTERM))
    (130, 143)
    """
    return 128 + (stop.args[0] if stop.args else signal.SIGINT)


@contextmanager
def _signals_cleared_after() -> Iterator[None]:
    """After the block, clear the lists of signals that wait and of signals that were raised."""
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            _waiting.clear()
            _raised.clear()


def _remember(number: int, frame: FrameType | None) -> None:
    """Handle a signal: raise `KeyboardInterrupt`; while libraries load, alarms try again."""
    if number == _ALARM and not _waiting:
        # The signal that was waiting has already been raised.
        return
    if _is_loading(frame):
        if number == _ALARM:
            return
        if not _waiting:
            _waiting.append(number)
            if _start_alarm():
                _acknowledge(number)
                return
    _raised.append(_waiting[0] if number == _ALARM else number)
    _wait_no_more()
    raise KeyboardInterrupt(_raised[-1])


def _acknowledge(number: int) -> None:
    """Print on stderr that a signal was received.

    The text is written without the console, since a console is unsafe in a signal handler.
    """
    name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
    text = f"\nstopping once this is loaded or compiled; {name} again stops now\n"
    with suppress(OSError):
        os.write(2, text.encode())


def _is_loading(frame: FrameType | None) -> bool:
    """True if the frame is within an import or a compilation by Numba."""
    while frame is not None:
        package = str(frame.f_globals.get("__name__")).partition(".")[0]
        file = frame.f_code.co_filename
        if package in ("numba", "llvmlite") or file.startswith("<frozen importlib._bootstrap"):
            return True
        frame = frame.f_back
    return False


def _wait_no_more() -> None:
    """Stop the alarm, and forget the signal that waits."""
    if _waiting:
        _stop_alarm()
        _waiting.clear()


def _start_alarm() -> bool:
    """Start the alarm; return False, without an alarm, if other code handles its signal."""
    if _ALARM is None or signal.getsignal(_ALARM) is not _remember:
        return False
    signal.setitimer(signal.ITIMER_REAL, LOOK_AGAIN_S, LOOK_AGAIN_S)
    return True


def _stop_alarm() -> None:
    """Stop the alarm, but not a timer that other code has set since."""
    if _ALARM is not None and signal.getitimer(signal.ITIMER_REAL)[1] == LOOK_AGAIN_S:
        signal.setitimer(signal.ITIMER_REAL, 0.0)


@contextmanager
def _handlers_restored(*numbers: int) -> Iterator[dict[int, Any]]:
    """Yield the current handlers of signals, by number, and restore them after the block.

    Outside the main thread, the block gets {}, and nothing is restored.
    """
    previous: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        handlers = {number: signal.getsignal(number) for number in numbers}
        # Python can restore a handler only if the handler was set from Python.
        previous = {number: handler for number, handler in handlers.items() if handler is not None}
    try:
        yield previous
    finally:
        _restore(previous)


def _replace_default(handlers: dict[int, Any], new: Callable[..., None]) -> None:
    """Replace signal handlers of Python, the system and nmtool; keep handlers of other code."""
    for number, handler in handlers.items():
        if handler in (signal.default_int_handler, signal.SIG_DFL, _remember):
            signal.signal(number, new)


def _restore(handlers: dict[int, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)

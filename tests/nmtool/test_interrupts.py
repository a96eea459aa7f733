"""Signals: noted, deferred while libraries load, and never swallowed."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from nmtool import interrupts
from nmtool.errors import StorageError
from nmtool.interrupts import STOPS, interrupts_remembered, signals_ignored, signals_noted
from nmtool.libraries import libraries_needed


@pytest.fixture(autouse=True)
def _handlers_stay(_heeds_interrupts: None) -> Iterator[None]:
    """Assert that no test leaves another handler or a timer."""
    before = [signal.getsignal(number) for number in (*STOPS, signal.SIGALRM)]
    yield
    after = [signal.getsignal(number) for number in (*STOPS, signal.SIGALRM)]
    assert after == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def _interrupt_swallowed(number: int = signal.SIGINT) -> None:
    """Simulate a signal in code that swallows the exception."""
    with suppress(KeyboardInterrupt):
        signal.raise_signal(number)


@pytest.mark.parametrize("number", STOPS)
def test_only_the_first_signal_is_noted(number: signal.Signals) -> None:
    before = signal.getsignal(number)

    def work() -> None:
        with signals_noted(*STOPS) as check_stop:
            check_stop()
            signal.raise_signal(number)
            assert signal.getsignal(number) is before
            with pytest.raises(KeyboardInterrupt):
                check_stop()

    # At the end of the block, the signal is raised again.
    with pytest.raises(KeyboardInterrupt) as stop:
        work()
    assert stop.value.args == (number,)


def test_an_error_after_a_noted_signal_stays_that_error() -> None:
    def work() -> None:
        with interrupts_remembered(*STOPS), signals_noted(signal.SIGINT):
            signal.raise_signal(signal.SIGINT)
            raise StorageError("full", code="disk-full")

    with pytest.raises(StorageError):
        work()


def _do_nothing(number: int, frame: object) -> None:
    del number, frame


@pytest.mark.parametrize("handler", [signal.SIG_IGN, _do_nothing])
def test_handlers_of_other_code_stay_in_place(handler: object) -> None:
    signal.signal(signal.SIGINT, handler)  # type: ignore[arg-type]
    try:
        with interrupts_remembered(*STOPS), signals_noted(signal.SIGINT) as check_stop:
            signal.raise_signal(signal.SIGINT)
            check_stop()
            assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def test_signals_are_not_noted_in_another_thread() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen: list[object] = []

    def look() -> None:
        with (
            interrupts_remembered(*STOPS),
            signals_noted(*STOPS) as check_stop,
            signals_ignored(*STOPS),
        ):
            check_stop()
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [before]


@pytest.mark.parametrize("number", STOPS)
def test_an_error_caused_by_an_interrupt_becomes_an_interrupt(number: signal.Signals) -> None:
    def work() -> None:
        with interrupts_remembered(*STOPS):
            _interrupt_swallowed(number)
            raise ImportError("a library failed to load")

    with pytest.raises(KeyboardInterrupt) as stop:
        work()
    assert stop.value.args == (number,)
    with pytest.raises(ImportError), interrupts_remembered(*STOPS):
        raise ImportError("that was before")


@pytest.mark.parametrize("number", STOPS)
def test_a_swallowed_interrupt_stops_the_next_work(number: signal.Signals) -> None:
    went_on = False

    def work() -> None:
        nonlocal went_on
        with interrupts_remembered(*STOPS):
            _interrupt_swallowed(number)
            with signals_noted(*STOPS) as check_stop:
                check_stop()
                went_on = True

    with pytest.raises(KeyboardInterrupt) as stop:
        work()
    assert not went_on
    assert stop.value.args == (number,)


def test_an_interrupt_while_a_command_ends_stops_nothing_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """For example, the alarm of a deferred signal may go off at the very end."""
    wait_no_more = interrupts._wait_no_more

    def interrupted_at_the_end() -> None:
        monkeypatch.setattr(interrupts, "_wait_no_more", wait_no_more)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt), interrupts_remembered(*STOPS):
        monkeypatch.setattr(interrupts, "_wait_no_more", interrupted_at_the_end)
    with signals_noted(signal.SIGINT) as check_stop:
        check_stop()


@pytest.mark.parametrize("cause", ["__cause__", "__context__"])
def test_an_interrupt_inside_an_import_error_is_raised(cause: str) -> None:
    error = ImportError("torch is broken")
    setattr(error, cause, RuntimeError("inner"))
    setattr(getattr(error, cause), cause, KeyboardInterrupt(signal.SIGTERM))
    with pytest.raises(KeyboardInterrupt) as stop, libraries_needed():
        raise error
    assert stop.value.args == (signal.SIGTERM,)


LIBRARY = """
import signal
import time

loaded = []
signal.raise_signal(signal.NUMBER)
for _ in range(8):
    time.sleep(0.02)  # longer than it takes to look again
    loaded.append(len(loaded))
"""


@pytest.fixture(params=STOPS)
def library(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[signal.Signals]:
    """Libraries that raise a signal while they are imported, once or twice."""
    text = LIBRARY.replace("NUMBER", request.param.name)
    (tmp_path / "slow_library.py").write_text(text)
    (tmp_path / "twice_library.py").write_text("import slow_library\n" + text)
    monkeypatch.syspath_prepend(tmp_path)
    yield request.param
    for name in ("slow_library", "twice_library"):
        sys.modules.pop(name, None)


def test_an_interrupt_waits_for_libraries_that_load(
    library: signal.Signals, capfd: pytest.CaptureFixture[str]
) -> None:
    loaded: list[int] = []

    def work() -> None:
        with interrupts_remembered(*STOPS):
            import slow_library  # type: ignore[import-not-found]

            loaded.extend(slow_library.loaded)
            while True:
                signal.pause()

    with pytest.raises(KeyboardInterrupt) as stop:
        work()
    assert loaded == [*range(8)]
    assert stop.value.args == (library,)
    assert capfd.readouterr().err.count("again stops now") == 1, "it is acknowledged"


@pytest.mark.usefixtures("library")
def test_an_interrupt_ends_a_call_that_begins_just_after_an_alarm() -> None:
    """The first alarm after loading has no effect here, as if it came just before the call."""
    waited = False

    def work() -> None:
        nonlocal waited
        with interrupts_remembered(*STOPS):
            import slow_library  # noqa: F401

            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
            signal.sigwait({signal.SIGALRM})
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
            time.sleep(5)
            waited = True

    with pytest.raises(KeyboardInterrupt):
        work()
    assert not waited


def test_the_alarm_stops_even_if_a_library_takes_its_signal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`_handlers_stay` asserts that no timer is left."""
    library = "import signal\nsignal.raise_signal(signal.SIGINT)\n"
    library += "signal.signal(signal.SIGALRM, signal.SIG_IGN)\n"
    (tmp_path / "taking_library.py").write_text(library)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(KeyboardInterrupt), interrupts_remembered(*STOPS):
        import taking_library  # type: ignore[import-not-found]  # noqa: F401
    sys.modules.pop("taking_library")


@pytest.mark.usefixtures("library")
def test_a_second_interrupt_does_not_wait() -> None:
    with pytest.raises(KeyboardInterrupt), interrupts_remembered(*STOPS):
        import twice_library  # type: ignore[import-not-found]  # noqa: F401
    assert "slow_library" in sys.modules
    assert "twice_library" not in sys.modules


@pytest.mark.usefixtures("library")
def test_a_deferred_interrupt_stops_the_next_work() -> None:
    went_on = False

    def work() -> None:
        nonlocal went_on
        with interrupts_remembered(*STOPS):
            import slow_library  # noqa: F401

            with signals_noted(*STOPS) as check_stop:
                check_stop()
                went_on = True

    with pytest.raises(KeyboardInterrupt):
        work()
    assert not went_on


@pytest.mark.usefixtures("library")
def test_a_deferred_interrupt_is_raised_at_the_end_of_the_block() -> None:
    with pytest.raises(KeyboardInterrupt), interrupts_remembered(*STOPS):
        import slow_library  # noqa: F401

"""Progress: a bar on a terminal, otherwise lines with rate and time left."""

from __future__ import annotations

import io
import itertools
import threading
import time

import pytest

from nmtool import bars
from nmtool.cli import console, progress
from nmtool.progress import duration

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that advances by ten seconds at every reading."""
    ticks = itertools.count(0.0, 10.0)
    monkeypatch.setattr("time.monotonic", lambda: next(ticks))


@pytest.mark.usefixtures("clock")
def test_outside_a_terminal_a_line_is_printed_at_intervals(capsys: Captured) -> None:
    with progress.progress("running", 100) as advance:
        for _ in range(10):
            advance(10)
    assert capsys.readouterr() == (
        "",
        "running: 30 of 100 samples, 1/s, 0:01:10 left\n"
        "running: 60 of 100 samples, 1/s, 0:00:40 left\n"
        "running: 90 of 100 samples, 1/s, 0:00:10 left\n",
    )


@pytest.mark.usefixtures("clock")
def test_the_total_may_be_set_later(capsys: Captured) -> None:
    with progress.progress("training") as advance:
        advance.expect(1000)
        for _ in range(3):
            advance(100, "epoch 1")
    assert capsys.readouterr().err == "training: 300 of 1000 samples, 10/s, 0:01:10 left  epoch 1\n"


@pytest.mark.usefixtures("clock")
def test_unknown_total(capsys: Captured) -> None:
    with progress.progress("fetching") as advance:
        for _ in range(3):
            advance(10000)
    assert capsys.readouterr().err == "fetching: 30000 samples, 1,000/s\n"


def test_quick_work_prints_no_progress(capsys: Captured) -> None:
    with progress.progress("running", 3) as advance, progress.progress("thinking"):
        for _ in range(3):
            advance(1)
    assert capsys.readouterr() == ("", "")


def test_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    terminal = console._Console(file=screen, force_terminal=True, width=80, markup=False)
    monkeypatch.setattr(console, "log", lambda: terminal)
    with progress.progress("running", remark="compiling") as advance, progress.progress("more"):
        advance.expect(40)
        advance(30, "epoch 2")
        advance(10)
    assert "running" in screen.getvalue()
    assert "40/40" in screen.getvalue()


def test_a_terminal_is_never_silent_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    terminal = console._Console(file=screen, force_terminal=True, width=80, markup=False)
    monkeypatch.setattr(console, "_console_on", lambda stream: terminal)
    monkeypatch.setattr(bars, "IDLE_S", 0.001)

    def wait_for(text: str) -> None:
        already, deadline = len(screen.getvalue()), time.monotonic() + 60
        while text not in screen.getvalue()[already:]:
            assert time.monotonic() < deadline, text
            time.sleep(0.001)

    with progress.never_silent("nmtool read"):
        wait_for("nmtool read")
        with progress.progress("running", 3) as advance:
            wait_for("running")
            advance(1)
            wait_for("1/3")
        wait_for("nmtool read")
        console.print_line("a result")
        wait_for("nmtool read")
    assert terminal.idle is None
    assert screen.getvalue().endswith("\x1b[2K"), "it is gone"


def test_no_bar_is_written_to_a_file(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bars, "IDLE_S", 0.001)
    before = set(threading.enumerate())
    with progress.never_silent("nmtool read"):
        assert set(threading.enumerate()) <= before
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0:00:00"), (59.6, "0:01:00"), (3661, "1:01:01")]
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text

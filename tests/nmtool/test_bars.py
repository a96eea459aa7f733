"""Progress bars: time left, and the bar in a notebook."""

from __future__ import annotations

import io
import re
from types import SimpleNamespace

import pytest
from rich.console import Console

from nmtool import bars
from nmtool.progress import Pace
from tests.hidden import EVIL, SHOWN, hidden


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that only changes when its `now` is set."""
    at = SimpleNamespace(now=100.0)
    monkeypatch.setattr("time.monotonic", lambda: at.now)
    return at


def test_time_left_is_the_rest_at_the_mean_pace(clock: SimpleNamespace) -> None:
    pace = Pace(100)
    pace.count(20)
    assert pace.left is None, "the first samples waited for compilers"
    clock.now += 4.0
    pace.count(10)
    assert (pace.rate, pace.left) == (2.5, 28.0)
    clock.now += 4.0
    pace.count(70)
    assert pace.left == 0.0
    pace.expect(50)
    assert (pace.done, pace.left) == (0, None)


def test_a_notebook_without_widgets_shows_lines(
    monkeypatch: pytest.MonkeyPatch, clock: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bars, "find_spec", lambda name: None)
    console = Console()
    console.is_jupyter = True
    monkeypatch.setattr(console, "print", lambda text, **kwargs: print(text))
    with bars.progress_on(console)("training", 100) as advance:
        for _ in range(4):
            clock.now += 10.0
            advance(20, "epoch 1")
    assert capsys.readouterr().out == "training: 60 of 100 samples, 2/s, 0:00:20 left  epoch 1\n"


def test_labels_are_no_markup_and_show_escapes(clock: SimpleNamespace) -> None:
    lines = Console(file=io.StringIO(), width=400)
    with bars.progress_on(lines)(EVIL, 100) as advance:
        advance(20)
        clock.now += 40.0
        advance(20, f"[red]x[/red] :smile: {EVIL}")
    text = lines.file.getvalue()
    assert text.startswith(f"{SHOWN}: 40 of 100 samples")
    assert text.endswith(f"[red]x[/red] :smile: {SHOWN}\n")
    terminal = Console(file=io.StringIO(), width=400, force_terminal=True)
    with bars.progress_on(terminal)(EVIL, 100, EVIL) as advance:
        advance(20, EVIL)
    raw = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.file.getvalue())
    assert SHOWN in raw
    assert hidden(raw, keep="\r\n") == []

"""Bars: time left by one rule, lines that fit, and the bar of a notebook."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, strategies as st

import nmtool as nm
from nmtool import bars
from nmtool.progress import Pace
from nmtool.tables import brief


@given(st.permutations(range(8)), st.integers(1, 20), st.integers(1, 200))
def test_parts_fit_and_the_least_important_go_first(
    ranks: list[int], width: int, columns: int
) -> None:
    parts = [(f"{rank}" * (width + rank), rank) for rank in ranks]
    kept = bars.fitted(parts, columns)
    assert 1 <= len("  ".join(kept)) <= columns
    assert [int(text[0]) for text in kept] == [rank for rank in ranks if rank < len(kept)]
    if len(kept) < len(parts):
        assert len("  ".join(text for text, rank in parts if rank <= len(kept))) > columns


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that stands still until its `now` is set."""
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


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Pictures that a notebook was given, as HTML."""
    found: list[str] = []

    def display(value: Any, *, display_id: bool) -> Any:
        assert display_id
        found.append(value._repr_html_())
        return SimpleNamespace(update=lambda value: found.append(value._repr_html_()))

    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=display))
    monkeypatch.setattr(bars, "_is_notebook", lambda console: True)
    return found


def test_a_notebook_shows_one_bar(drawn: list[str], clock: SimpleNamespace) -> None:
    with nm.progress_bar("training <x>", 40) as advance:
        for _ in range(4):
            clock.now += 1.0
            advance(10, "epoch 1 & more")
    assert len(drawn) == 6, "at the start, at each batch, at the end"
    assert drawn[0] == '<div>training &lt;x&gt; <progress value="0.0000"></progress> 0/40</div>'
    assert "20/40 · 0:00:02 left · epoch 1 &amp; more · 10/s" in drawn[2]
    assert 'value="1.0000"' in drawn[-1]


def test_a_notebook_is_not_flooded(drawn: list[str], clock: SimpleNamespace) -> None:
    with nm.progress_bar("running", 1000) as advance:
        for _ in range(1000):
            clock.now += 0.001
            advance(1)
    assert len(drawn) <= 14


def test_in_a_pipe_it_says_lines_at_times(
    capsys: pytest.CaptureFixture[str], clock: SimpleNamespace
) -> None:
    with nm.progress_bar("running", 100) as advance:
        for _ in range(4):
            clock.now += 10.0
            advance(20)
    assert capsys.readouterr() == ("", "running: 60 of 100 samples, 2/s, 0:00:20 left\n")


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [(2.3, 3, "2.300"), (-1e9, 3, "-1.0e+09"), (float("inf"), 3, "inf"), (999999, 0, "999,999")],
)
def test_large_numbers_have_exponents(value: float, places: int, text: str) -> None:
    assert brief(value, places) == text

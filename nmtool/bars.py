"""A ready-made `Progress`: a bar in notebooks and terminals, occasional lines elsewhere.

>>> import nmtool as nm
>>> run = nm.train("digits", progress=nm.progress_bar)  # doctest: +SKIP
"""

from __future__ import annotations

import html
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from nmtool.progress import Advance, Pace, Progress, duration

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.live import Live
    from rich.text import Text

LINE_EVERY_S = 30.0
"""Seconds between two lines where there is neither a terminal nor a notebook."""
REDRAW_EVERY_S = 0.1
"""Seconds between two redraws of a bar in a notebook."""

IDLE_S = 1.0
"""Seconds between two checks whether anything was shown on a terminal."""

_BAR_COLUMNS = 16
_GAP = 2
"""Spaces between two parts of a line."""
_FRAMES = {False: "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", True: "-\\|/"}
"""Frames of the spinner; True: for terminals that show only ASCII."""


@contextmanager
def progress_bar(label: str, total: int | None = None, remark: str = "") -> Iterator[Advance]:
    """Show progress on stderr, or below the cell of a notebook, while the block runs.

    Pass it as the argument `progress`: `nmtool.train(data, progress=nmtool.progress_bar)`.

    >>> with progress_bar("samples", total=3) as advance:  # doctest: +SKIP
    ...     for sample in range(3):
    ...         advance(1)

    Args:
        label: what is being done.
        total: number of samples to process; None if unknown.
        remark: first text beside the bar.
    """
    from rich.console import Console

    with on(Console(stderr=True, highlight=False))(label, total, remark) as advance:
        yield advance


def on(console: Console) -> Progress:
    """The `Progress` that draws on a console of rich.

    Lines printed through the same console in the meantime appear above the bar.
    """

    @contextmanager
    def progress(label: str, total: int | None = None, remark: str = "") -> Iterator[Advance]:
        if _is_notebook(console):
            with _in_notebook(label, total, remark) as advance:
                yield advance
        elif console.is_interactive:
            with _on_terminal(console, label, total, remark) as advance:
                yield advance
        else:
            yield _Lines(label, total, lambda text: console.print(text, soft_wrap=True))

    return progress


class IdleBar:
    """A bar on a terminal while nothing else is shown there, so that long work is never silent.

    It appears after one to two seconds of silence, with the elapsed time. Consoles other than
    terminals show nothing.

    >>> import nmtool as nm
    >>> from rich.console import Console
    >>> with IdleBar(Console(), "reading") as bar:  # doctest: +SKIP
    ...     network = nm.load("large.nir")
    ...     bar.clear()
    ...     print(network)

    Args:
        console: rich's console on which the bar appears.
        label: text beside the bar.
    """

    def __init__(self, console: Console, label: str) -> None:
        self._console, self._label = console, label
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._live: Live | None = None
        self._is_quiet = True
        self._others = 0

    def __enter__(self) -> IdleBar:
        if self._console.is_interactive and not _is_notebook(self._console):
            threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self.clear()

    def clear(self) -> None:
        """Remove the bar, before anything else is shown."""
        with self._lock:
            self._is_quiet = False
            if self._live is not None:
                self._live.stop()
                self._live = None

    @contextmanager
    def beside(self, progress: Progress, *shown: Any) -> Iterator[Advance]:
        """Show another progress instead, until its block ends."""
        self.clear()
        self._others += 1
        try:
            with progress(*shown) as advance:
                yield advance
        finally:
            self._others -= 1
            self.clear()

    def _watch(self) -> None:
        while not self._ended.wait(IDLE_S):
            with self._lock:
                if self._ended.is_set():
                    return
                if self._is_quiet and self._live is None and not self._others:
                    self._live = _live(_TerminalBar(self._label, None), self._console)
                    self._live.start()
                self._is_quiet = True


def _is_notebook(console: Console) -> bool:
    return console.is_jupyter


def fitted(parts: Sequence[tuple[str, int]], columns: int) -> list[str]:
    """The parts of a line that fit into `columns`, two spaces apart, in their order.

    Args:
        parts: texts with ranks. If they do not fit, the largest ranks are dropped first, and the
            last of equal ones. The smallest rank always stays, cut if it must be.
        columns: width of the line.

    >>> fitted([("epoch 1", 0), ("loss 0.5", 1), ("3.2 s", 2)], 20)
    ['epoch 1', 'loss 0.5']
    """
    kept = list(enumerate(parts))
    while len(kept) > 1 and sum(len(text) + _GAP for _, (text, _) in kept) - _GAP > columns:
        kept.remove(max(kept, key=lambda one: (one[1][1], one[0])))
    return [text[:columns] for _, (text, _) in kept]


class _Counted:
    """Number of counted samples and the text beside the bar."""

    def __init__(self, label: str, total: int | None, remark: str = "") -> None:
        self.label, self.remark = label, remark
        self.began = time.monotonic()
        self.pace = Pace(total)

    def __call__(self, n: int, remark: str = "") -> None:
        self.pace.count(n)
        self.remark = remark

    def expect(self, total: int) -> None:
        self.pace.expect(total)

    @property
    def share(self) -> float | None:
        """Share of the work that is done, 0 … 1; None if unknown."""
        total = self.pace.total
        return min(1.0, self.pace.done / total) if total else None

    def parts(self) -> list[tuple[str, int]]:
        """All texts except the bar, with their ranks, as `fitted` takes them."""
        pace = self.pace
        found = [(self.label, 0)]
        if pace.total is not None:
            found.append((f"{pace.done:,}/{pace.total:,}", 3))
        elif pace.done:
            found.append((f"{pace.done:,}", 3))
        else:
            found.append((duration(time.monotonic() - self.began), 3))
        if pace.left:
            found.append((f"{duration(pace.left)} left", 1))
        if self.remark:
            found.append((self.remark, 2))
        if pace.rate:
            found.append((_rate(pace.rate), 5))
        return found


@contextmanager
def _on_terminal(
    console: Console, label: str, total: int | None, remark: str
) -> Iterator[_Counted]:
    from rich.errors import LiveError

    shown = _TerminalBar(label, total, remark)
    live = _live(shown, console)
    try:
        live.start()
    except LiveError:  # rich 13 shows no bar within another one
        yield shown
        return
    try:
        yield shown
    finally:
        live.stop()


def _live(shown: _TerminalBar, console: Console) -> Live:
    from rich.live import Live

    # Stdout is not redirected: results may go to a file.
    return Live(shown, console=console, transient=True, redirect_stdout=False)


class _TerminalBar(_Counted):
    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        from rich.text import Text

        frames = _FRAMES[options.ascii_only]
        frame = frames[int(time.monotonic() * 10) % len(frames)]
        bar = ("-" if options.ascii_only else "━") * _BAR_COLUMNS
        parts = self.parts()
        if self.share is not None:
            parts.insert(1, (bar, 4))
        line = Text(no_wrap=True, overflow="crop", end="").append(f"{frame} ", "cyan")
        for i, text in enumerate(fitted(parts, options.max_width - 3)):
            line.append("  " if i else "")
            if text == bar:
                full = round((self.share or 0) * _BAR_COLUMNS)
                line.append(text[:full], "green").append(text[full:], "bright_black")
            else:
                line.append(text)
        yield line


@contextmanager
def _in_notebook(label: str, total: int | None, remark: str) -> Iterator[_Counted]:
    from IPython.display import display

    shown = _NotebookBar(label, total, remark)
    handle = display(shown, display_id=True)
    shown.redraw = lambda: handle.update(shown)
    try:
        yield shown
    finally:
        handle.update(shown)


class _NotebookBar(_Counted):
    redraw: Callable[[], None]
    _drawn = 0.0

    def __call__(self, n: int, remark: str = "") -> None:
        super().__call__(n, remark)
        now = time.monotonic()
        if now - self._drawn >= REDRAW_EVERY_S:
            self._drawn = now
            self.redraw()

    def __repr__(self) -> str:
        return "  ".join(text for text, _ in self.parts())

    def _repr_html_(self) -> str:
        share = "" if self.share is None else f' value="{self.share:.4f}"'
        label, *others = (html.escape(text) for text, _ in self.parts())
        return f"<div>{label} <progress{share}></progress> {' · '.join(others)}</div>"


class _Lines(_Counted):
    def __init__(self, label: str, total: int | None, say: Callable[[str], Any]) -> None:
        super().__init__(label, total)
        self._say = say
        self._spoke = time.monotonic()

    def __call__(self, n: int, remark: str = "") -> None:
        super().__call__(n, remark)
        now = self.pace.now
        if now - self._spoke >= LINE_EVERY_S and self.pace.done != self.pace.total:
            self._spoke = now
            self._say(self._line() + (f"  {remark}" if remark else ""))

    def expect(self, total: int) -> None:
        super().expect(total)
        self._spoke = time.monotonic()

    def _line(self) -> str:
        pace = self.pace
        line = f"{self.label}: {pace.done}"
        if pace.total is not None:
            line += f" of {pace.total}"
        line += " samples"
        if pace.rate:
            line += f", {_rate(pace.rate)}"
        if pace.left is not None:
            line += f", {duration(pace.left)} left"
        return line


def _rate(per_second: float) -> str:
    return f"{per_second:,.0f}/s" if per_second >= 100 else f"{per_second:.3g}/s"

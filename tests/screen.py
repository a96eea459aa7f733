"""Run a command in a terminal of a given width, and read its screen.

`python -m tests.screen [FOLDER]` draws the pictures of the documentation (docs/images).
"""

from __future__ import annotations

import fcntl
import io
import os
import pty
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from threading import Thread

import pyte
import pytest

import nmtool as nm

ROWS = 400
"""Lines of the terminal: more than any tested command writes."""

HIDES = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TERM", "COLORTERM")
"""Environment variables that the terminal does not inherit."""

TERMINAL = {"TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8"}

NMTOOL = (sys.executable, "-m", "nmtool")


@dataclass(frozen=True)
class Screen:
    """Output of a command on a terminal.

    Attributes:
        code: exit code.
        lines: text of the lines of the screen, up to the last non-empty one.
        raw: everything that was written to the terminal.
        colours: colour of every character of these lines.
    """

    code: int
    lines: list[str]
    raw: str
    colours: list[list[str]]

    def colour_of(self, word: str) -> str:
        """Colour of the first occurrence of a word on the screen."""
        for line, colours in zip(self.lines, self.colours, strict=True):
            if word in line:
                return colours[line.index(word)]
        raise AssertionError(f"{word!r} is not on the screen: {self.lines}")

    @classmethod
    def of(cls, code: int, screen: pyte.Screen, raw: bytes) -> Screen:
        """The content of pyte's screen."""
        lines = [line.rstrip() for line in screen.display]
        used = max((i + 1 for i, line in enumerate(lines) if line), default=0)
        colours = [[screen.buffer[y][x].fg for x in range(screen.columns)] for y in range(used)]
        return cls(code, lines[:used], raw.decode("utf-8"), colours)


def here(
    call: Callable[[], int],
    columns: int,
    monkeypatch: pytest.MonkeyPatch,
    environment: Mapping[str, str] | None = None,
) -> Screen:
    """Call a function in this process, with a terminal as stdout and stderr.

    Args:
        call: function that returns an exit code.
        columns: columns of the terminal.
        monkeypatch: the test's monkeypatch.
        environment: variables in addition to those of this process.
    """
    with _terminal(columns) as (shown, descriptor), monkeypatch.context() as patched:
        for name in HIDES:
            patched.delenv(name, raising=False)
        settings = {**TERMINAL, "COLUMNS": str(columns), "LINES": str(ROWS)}
        for name, value in (settings | dict(environment or {})).items():
            patched.setenv(name, value)
        with open(descriptor, "w", encoding="utf-8", closefd=False) as stream:
            patched.setattr(sys, "stdout", stream)
            patched.setattr(sys, "stderr", stream)
            code = call()
    return Screen.of(code, shown.screen, shown.raw)


def run(words: Sequence[str], columns: int, folder: str | Path) -> tuple[Screen, pyte.Screen]:
    """Run a command in a new terminal, with stdout and stderr together.

    Args:
        words: words of the command.
        columns: columns of the terminal.
        folder: working folder.
    """
    with _terminal(columns) as (shown, descriptor):
        fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
        variables = {name: value for name, value in os.environ.items() if name not in HIDES}
        process = subprocess.run(
            words,
            cwd=folder,
            env={**variables, **TERMINAL},
            start_new_session=True,
            check=False,
            stdin=descriptor,
            stdout=descriptor,
            stderr=descriptor,
        )
    return Screen.of(process.returncode, shown.screen, shown.raw), shown.screen


@dataclass
class _Shown:
    """A screen and everything that was written to it."""

    screen: pyte.Screen
    raw: bytes = b""


END = b"\0"
"""Written last, and awaited before the terminal closes, so that no output is lost."""


@contextmanager
def _terminal(columns: int) -> Iterator[tuple[_Shown, int]]:
    """A screen, complete after the block, and the descriptor to write to in the block."""
    shown = _Shown(pyte.Screen(columns, ROWS))
    stream = pyte.ByteStream(shown.screen)
    ours, theirs = pty.openpty()

    def read() -> None:
        while not shown.raw.endswith(END):
            piece = os.read(ours, 1 << 16)
            shown.raw += piece
            stream.feed(piece)
        shown.raw = shown.raw.removesuffix(END)

    reader = Thread(target=read)
    reader.start()
    try:
        yield shown, theirs
    finally:
        os.write(theirs, END)
        reader.join()
        os.close(theirs)
        os.close(ours)


# Pictures of the terminal

COLUMNS = 80
TRAIN = ("train", "digits", "-o", "run", "--config", "digits", "--epochs", "6")
VERIFY = (
    *("verify", "zoo:digits", "digits", "--against", "lava"),
    *("--artefact", "changed", "--trust", "--samples", "20"),
)
HELP = ("train", "--help")
HELP_LINES = 38


def draw(folder: Path) -> None:
    """Write pictures of `train`, `verify` with a difference, and a `--help`."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        _picture(folder / "train.svg", TRAIN, scratch)
        _change_thresholds(Path(scratch))
        _picture(folder / "verify.svg", VERIFY, scratch)
        _picture(folder / "help.svg", HELP, scratch, HELP_LINES)


def _change_thresholds(folder: Path) -> None:
    """Write `changed`, a Lava folder whose code uses a threshold that is one too low."""
    nm.export(nm.zoo.load("digits"), folder / "changed", to="lava")
    code = folder / "changed/lava_network/arrays.py"
    text, right = code.read_text("utf-8"), 'vth=entry["vth"],'
    assert right in text
    code.write_text(text.replace(right, 'vth=entry["vth"] - 1,'), "utf-8")


def _picture(path: Path, words: Sequence[str], folder: str, most: int = ROWS) -> None:
    """Run a command, and write a picture of the first `most` lines of its final screen."""
    from rich.console import Console
    from rich.text import Text

    seen, screen = run([*NMTOOL, *words], COLUMNS, folder)
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text(f"$ nmtool {' '.join(words)}", style="bold"))
    for row in range(min(most, len(seen.lines))):
        line = Text()
        cells = [screen.buffer[row][x] for x in range(len(seen.lines[row]))]
        for style, alike in groupby(cells, _style):
            line.append("".join(cell.data for cell in alike), style)
        console.print(line, soft_wrap=True)
    console.save_svg(str(path), title=f"nmtool {words[0]}")


def _style(cell: pyte.screens.Char) -> str:
    """Style of a character, in rich's notation."""
    colour = "" if cell.fg == "default" else cell.fg.replace("brown", "yellow")
    return f"{'bold ' if cell.bold else ''}{colour}"


if __name__ == "__main__":
    draw(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images"))

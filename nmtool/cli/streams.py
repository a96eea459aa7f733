"""Preparation for standard streams that are closed, full or in another encoding.

Writes to a closed stream are dropped. A remark that cannot be shown does not end the command; a
result that cannot be written does.
"""

from __future__ import annotations

import io
import os
import sys
import traceback
from types import TracebackType
from typing import Any, TextIO

from nmtool.errors import visible


def prepare() -> None:
    """Make stdout and stderr writable, even if the calling process closed them."""
    _fill_gaps()
    if sys.stdout is None:
        sys.stdout = _text_stream(1)
    if sys.stderr is None:
        sys.stderr = _text_stream(2)
    for stream in (sys.stdout, sys.stderr):
        # The encoding of a stream may lack characters that nmtool prints, such as '→'.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr = _Remarks(sys.stderr)  # type: ignore[assignment]
    sys.excepthook = _print_traceback


def silence(*streams: TextIO) -> None:
    """Discard buffered output, so that Python does not fail to write it on exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in streams:
        os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _print_traceback(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Print a traceback as Python does, but `visible`, since its last line may quote a file."""
    lines = traceback.format_exception(kind, error, trace)
    sys.stderr.write(visible("".join(lines), keep="\n"))


def _fill_gaps() -> None:
    """Open standard descriptors that are closed, so that no other file gets their numbers."""
    try:
        while (opened := os.open(os.devnull, os.O_RDWR)) <= 2:
            pass
        os.close(opened)
    except OSError:
        pass


def _text_stream(descriptor: int) -> TextIO:
    """Open a file descriptor for writing UTF-8 text."""
    return open(descriptor, "w", encoding="utf-8", closefd=False)


class _Remarks:
    """Stderr that ignores failed writes; only a closed pipe ends the command."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write text; ignore all errors except a closed pipe."""
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            raise
        except (OSError, ValueError):
            return len(text)

    def flush(self) -> None:
        """Flush the stream; ignore all errors except a closed pipe."""
        try:
            self._stream.flush()
        except BrokenPipeError:
            raise
        except (OSError, ValueError):
            pass

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

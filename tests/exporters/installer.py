"""A fake installation of a referee."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nmtool.errors import BackendError


class Installer:
    """Fake `supervise`: records the commands, and creates the file of the interpreter."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self.fails_at: str | None = None

    def __call__(self, command: Sequence[str | Path], **options: Any) -> None:
        words = [str(word) for word in command]
        self.commands.append(words)
        if self.fails_at in words:
            raise BackendError("setting up failed", code="runtime-failed", why="no such thing")
        if "venv" in words:
            python = Path(words[-1], "bin/python")
            python.parent.mkdir()
            python.write_text("")
        if options.get("on_line"):
            options["on_line"]("Collecting packages")

    def pip_arguments(self) -> list[list[str]]:
        start = "--disable-pip-version-check"
        return [words[words.index(start) + 1 :] for words in self.commands if start in words]

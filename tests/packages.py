"""Installs a package for a test, beside the nmtool of the tests, and runs Python with it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def install(folder: Path) -> None:
    """Install the package whose pyproject.toml is in `folder` into `folder/site`."""
    words = ("install", "--no-deps", "--no-build-isolation", "--quiet", "--target", "site", ".")
    python("-m", "pip", *words, folder=folder)


def python(*words: str, folder: Path) -> str:
    """Output of Python in a folder, with the packages in `folder/site`; it must succeed."""
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "site"), "NUMBA_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout

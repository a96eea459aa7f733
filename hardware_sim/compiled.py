"""Compilation of kernels, cached on disk by everything that is compiled into them.

Numba's own cache notices a change in a kernel's file, but not in a function or a constant
that it takes from another file, nor in the order of the fields of a named tuple, which it reads by
position. The cache folder's name therefore carries a hash of all sources that kernels are made of.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba

from nmtool.folders import cache_folder

_ROOT = Path(__file__).resolve().parent.parent
_SOURCES = (
    "hardware_sim",
    "training/cpu/kernels",
    "training/cell.py",
    "nmtool/targets.py",
    "nmtool/dynamics.py",
)

_Function = TypeVar("_Function", bound=Callable[..., Any])


@cache
def _kernel_folder() -> Path | None:
    digest = hashlib.sha256(numba.__version__.encode())
    for file in _files():
        digest.update(file.name.encode() + file.read_bytes())
    folder = cache_folder() / f"kernels-{digest.hexdigest()[:16]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None


def _files() -> Iterator[Path]:
    """All files that kernels are made of."""
    for source in _SOURCES:
        path = _ROOT / source
        yield from sorted(path.glob("*.py")) if path.is_dir() else [path]


def compiled(**options: Any) -> Callable[[_Function], _Function]:
    """`numba.njit` with a disk cache that notices every change; without one if it cannot write.

    Args:
        options: passed on to `numba.njit`.
    """

    def compile_(function: _Function) -> _Function:
        folder = _kernel_folder()
        config: Any = numba.config
        previous = config.CACHE_DIR
        try:
            config.CACHE_DIR = str(folder or previous)
            return numba.njit(cache=folder is not None, **options)(function)
        finally:
            config.CACHE_DIR = previous

    return compile_

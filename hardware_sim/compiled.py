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
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import numba

from nmtool.folders import cache_folder

_Function = TypeVar("_Function", bound=Callable[..., Any])

SOURCES = ("nmtool.hardware_sim", "nmtool.targets", "nmtool.dynamics")
"""Modules, and packages without those below them, that this room's kernels are made of."""


def compiler(*sources: str) -> Callable[..., Callable[[_Function], _Function]]:
    """Make `numba.njit` with a disk cache that notices every change of the sources.

    Where the cache cannot be written there is none.

    Args:
        sources: names of the modules and packages that the kernels are made of.

    Returns:
        a function that takes the options of `numba.njit` and returns the decorator.
    """

    def compiled(**options: Any) -> Callable[[_Function], _Function]:
        def compile_(function: _Function) -> _Function:
            folder = _kernel_folder(sources)
            config: Any = numba.config
            previous = config.CACHE_DIR
            try:
                config.CACHE_DIR = str(folder or previous)
                return numba.njit(cache=folder is not None, **options)(function)
            finally:
                config.CACHE_DIR = previous

        return compile_

    return compiled


compiled = compiler(*SOURCES)


@cache
def _kernel_folder(sources: tuple[str, ...]) -> Path | None:
    digest = hashlib.sha256(numba.__version__.encode())
    for file in source_files(sources):
        digest.update(file.name.encode() + file.read_bytes())
    folder = cache_folder() / f"kernels-{digest.hexdigest()[:16]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None


def source_files(sources: tuple[str, ...]) -> Iterator[Path]:
    """Find the files of modules and packages, without importing them.

    Raises:
        ModuleNotFoundError: there is no module of such a name.
    """
    for source in sources:
        spec = find_spec(source)
        if spec is None:
            raise ModuleNotFoundError(f"no module named {source!r}", name=source)
        if spec.submodule_search_locations:
            for folder in spec.submodule_search_locations:
                yield from sorted(Path(folder).glob("*.py"))
        elif spec.origin:
            yield Path(spec.origin)

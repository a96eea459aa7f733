"""Compilation of kernels with a disk cache, whose key covers all sources of the kernels.

Kernels use functions and constants of other files, and read named tuples by position. The name of
the cache folder therefore contains a hash of all source files of the kernels. Numba's own cache
ignores changes in other files, and unpickles any file in its folder.
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

from nmtool.hardware_sim.kernel_files import KernelFiles, identity
from nmtool.paths import cache_folder

_Function = TypeVar("_Function", bound=Callable[..., Any])

SOURCES = ("nmtool.hardware_sim", "nmtool.arithmetic", "nmtool.dynamics")
"""Modules and packages (without subpackages) from which `hardware_sim`'s kernels are compiled."""


def compiler(*sources: str) -> Callable[..., Callable[[_Function], _Function]]:
    """Make a variant of `numba.njit` with a disk cache that becomes invalid if a source changes.

    Args:
        sources: names of the modules and packages from which the kernels are compiled.

    Returns:
        A function that takes the options of `numba.njit` and returns the decorator.
    """

    def compiled(**options: Any) -> Callable[[_Function], _Function]:
        """Make a decorator with these options of `numba.njit`."""

        def compile_(function: _Function) -> _Function:
            if function.__closure__:
                # Numba names machine code after `__qualname__`. Without a digest of the closure in
                # this name, Numba would confuse cached functions that differ only in their
                # closures.
                digest = hashlib.sha256("\n".join(identity(function)).encode()).hexdigest()
                function.__qualname__ += f"_{digest[:12]}"
            dispatcher = numba.njit(**options)(function)
            # If the variable NUMBA_DISABLE_JIT is set, `njit` returns the function itself.
            if dispatcher is not function:
                dispatcher._cache = KernelFiles(function, kernel_folder(sources))
            return dispatcher

        return compile_

    return compiled


compiled = compiler(*SOURCES)


@cache
def kernel_folder(sources: tuple[str, ...]) -> Path:
    """The cache folder for kernels of these sources; the folder may be missing or read-only."""
    digest = hashlib.sha256(numba.__version__.encode())
    for file in source_files(sources):
        digest.update(file.name.encode() + file.read_bytes())
    try:
        folder = cache_folder()
    except RuntimeError:  # If the user has no home folder, kernels are not cached.
        folder = Path(os.devnull)
    return folder / f"kernels-{digest.hexdigest()[:16]}"


def source_files(sources: tuple[str, ...]) -> Iterator[Path]:
    """Find the files of modules and packages, without importing them.

    Raises:
        ModuleNotFoundError: a module does not exist.
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

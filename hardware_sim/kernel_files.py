"""Compiled kernels on disk, each with a digest: Numba unpickles nothing that is not what we wrote.

    nmtool kernel 1\\n · SHA-256 of key and pickle (32 bytes) · pickle of signature and machine code

The key names function, types, processor and Python; the file's name is its hash. Files that are
cut, changed, of another kernel or of another user are made anew. Where none can be written, kernels
are compiled in every process.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import stat
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from numba.core.caching import NullCache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from nmtool import leftovers

HEADER = b"nmtool kernel 1\n"
SUFFIX = ".kernel"

_MAX_BYTES = 64 << 20


class KernelFiles(NullCache):
    """The cache that Numba asks for machine code before it compiles, and gives it to afterwards.

    Args:
        function: the function in Python.
        folder: the folder of the files; made when something is written.
    """

    def __init__(self, function: Callable[..., Any], folder: Path) -> None:
        self._function = function
        self._folder = folder

    @property
    def cache_path(self) -> str:
        """The folder, which Numba shows in its statistics."""
        return str(self._folder)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled function for arguments of these types; None where there is no good file."""
        target_context.refresh()
        key = self._key(sig, target_context.codegen())
        pickled = read_checked(self._path(key), key)
        if pickled is None:
            return None
        try:
            stored, reduced = pickle.loads(pickled)
            if stored == sig:
                return self.rebuilt(target_context, reduced)
        except Exception:  # another library than the one that wrote it: it is compiled again
            pass
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled function, if it can be kept."""
        codegen, reduced = self.reduced(data)
        if reduced is not None:
            key = self._key(sig, codegen)
            write_checked(self._path(key), key, dumps((sig, reduced)))

    def reduced(self, data: Any) -> tuple[Any, Any]:
        """A compiled function's code generator, and what to pickle of it; None for what cannot be.

        This and `rebuilt` are what compilers of Numba differ in.
        """
        if data.library.has_dynamic_globals or data.lifted:
            return data.codegen, None
        return data.codegen, data._reduce()

    def rebuilt(self, target_context: Any, reduced: Any) -> Any:
        """The compiled function of what `reduced` gave."""
        return CompileResult._rebuild(target_context, *reduced)

    def _path(self, key: bytes) -> Path:
        name = hashlib.sha256(key).hexdigest()[:24]
        return self._folder / f"{self._function.__name__}-{name}{SUFFIX}"

    def _key(self, sig: Any, codegen: Any) -> bytes:
        parts = [sys.implementation.cache_tag, str(sig), str(codegen.magic_tuple())]
        return "\n".join([*parts, *identity(self._function)]).encode()


def identity(function: Callable[..., Any]) -> list[str]:
    """Name and code of a function, its file, and the same of all that it closes over.

    A kernel that is made for an arithmetic closes over the step of it, whose file need not be one
    of those that the folder is named after.
    """
    parts = [function.__module__, function.__qualname__]
    parts.append(hashlib.sha256(function.__code__.co_code).hexdigest())
    with suppress(OSError):  # a function without a file, as in an interpreter
        parts.append(hashlib.sha256(Path(function.__code__.co_filename).read_bytes()).hexdigest())
    for cell in function.__closure__ or ():
        content = cell.cell_contents
        inner = getattr(content, "py_func", None)
        parts += identity(inner) if inner else [hashlib.sha256(dumps(content)).hexdigest()]
    return parts


def read_checked(path: Path, key: bytes) -> bytes | None:
    """Read what `write_checked` wrote there for that key, else None; delete a damaged file."""
    with suppress(OSError):
        if not path.is_file():  # a pipe would keep whoever opens it waiting
            return None
        with open(path, "rb") as file:
            if not _is_own(os.fstat(file.fileno())):
                return None
            content = file.read(_MAX_BYTES)
        start = len(HEADER) + hashlib.sha256().digest_size
        data = content[start:]
        if content[:start] == HEADER + _digest(key, data):
            return data
        path.unlink(missing_ok=True)
    return None


def write_checked(path: Path, key: bytes, data: bytes) -> None:
    """Write bytes with a digest of theirs and the key's, whole or not at all; no disk, no file."""
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        leftovers.clean(path.parent)
        handle, temporary = tempfile.mkstemp("", leftovers.prefix(path.name), path.parent)
        with open(handle, "wb") as file:
            file.write(HEADER + _digest(key, data) + data)
        os.replace(temporary, path)
    except OSError:
        if temporary is not None:
            with suppress(OSError):
                os.unlink(temporary)


def _digest(key: bytes, data: bytes) -> bytes:
    return hashlib.sha256(len(key).to_bytes(8, "little") + key + data).digest()


def _is_own(status: os.stat_result) -> bool:
    """True for a file that nobody else could have written."""
    if not hasattr(os, "geteuid"):
        return True
    others_write = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return status.st_uid in (0, os.geteuid()) and not others_write

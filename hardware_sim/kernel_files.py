"""Cache of compiled kernels on disk; only this user's files with a valid digest are unpickled.

    nmtool kernel 1\\n · SHA-256 of key and pickle (32 bytes) · pickle of signature and machine code

The key consists of function, argument types, processor and Python version; a hash of the key is
part of the file's name. Files that are truncated, modified, of another kernel or of another user
are replaced. If files cannot be written, every process compiles its kernels.
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
    """A cache of machine code with the interface that Numba expects.

    Args:
        function: the kernel as a Python function.
        folder: folder of the cache files; created on the first write.
    """

    def __init__(self, function: Callable[..., Any], folder: Path) -> None:
        self._function = function
        self._folder = folder

    @property
    def cache_path(self) -> str:
        """The folder of the cache files, for Numba's cache statistics."""
        return str(self._folder)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Load the compiled function for these types of arguments; None without a valid file."""
        target_context.refresh()
        key = self._key(sig, target_context.codegen())
        pickled = read_checked(self._path(key), key)
        if pickled is None:
            return None
        try:
            stored, reduced = pickle.loads(pickled)
            if stored == sig:
                return self.rebuilt(target_context, reduced)
        except Exception:
            # If another version of a library wrote the file, reading can raise any exception. The
            # function is then compiled again.
            pass
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Store a compiled function, if it can be pickled."""
        codegen, reduced = self.reduced(data)
        if reduced is not None:
            key = self._key(sig, codegen)
            write_checked(self._path(key), key, dumps((sig, reduced)))

    def reduced(self, data: Any) -> tuple[Any, Any]:
        """Return the code generator of a compiled function, and a form of the function for pickle.

        The form is None if the function cannot be pickled. Numba's compilers for CPUs and GPUs
        differ only in this method and `rebuilt`.
        """
        if data.library.has_dynamic_globals or data.lifted:
            return data.codegen, None
        return data.codegen, data._reduce()

    def rebuilt(self, target_context: Any, reduced: Any) -> Any:
        """Restore the compiled function from the result of `reduced`."""
        return CompileResult._rebuild(target_context, *reduced)

    def _path(self, key: bytes) -> Path:
        name = hashlib.sha256(key).hexdigest()[:24]
        return self._folder / f"{self._function.__name__}-{name}{SUFFIX}"

    def _key(self, sig: Any, codegen: Any) -> bytes:
        """Key of a compiled function: Python version, argument types, processor and source."""
        parts = [sys.implementation.cache_tag, str(sig), str(codegen.magic_tuple())]
        return "\n".join([*parts, *identity(self._function)]).encode()


def identity(function: Callable[..., Any]) -> list[str]:
    """List name, code and file of a function, and of all functions in its closure.

    The step of the arithmetic is in a kernel's closure, and the hash in the folder's name may not
    cover the step's file.
    """
    parts = [function.__module__, function.__qualname__]
    parts.append(hashlib.sha256(function.__code__.co_code).hexdigest())
    # A function that was typed into an interpreter has no source file.
    with suppress(OSError):
        parts.append(hashlib.sha256(Path(function.__code__.co_filename).read_bytes()).hexdigest())
    for cell in function.__closure__ or ():
        content = cell.cell_contents
        inner = getattr(content, "py_func", None)
        parts += identity(inner) if inner else [hashlib.sha256(dumps(content)).hexdigest()]
    return parts


def read_checked(path: Path, key: bytes) -> bytes | None:
    """Read the bytes that `write_checked` wrote for a key; None if there is no valid file.

    A damaged file is deleted.
    """
    with suppress(OSError):
        if not path.is_file():  # Opening a pipe would block.
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
    """Write bytes with a digest of key and bytes, atomically; ignores a full or read-only disk."""
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
    """True for a file that only this user could have written."""
    if not hasattr(os, "geteuid"):
        return True
    others_write = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return status.st_uid in (0, os.geteuid()) and not others_write

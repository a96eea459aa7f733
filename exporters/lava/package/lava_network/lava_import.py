"""Make Lava importable on Python 3.11 and later.

Lava 0.10.0 is made for Python 3.10. From Python 3.11 on, dataclasses refuse defaults that cannot be
hashed, and one module of Lava has such a default. While that module is imported, all new
dataclasses are made hashable. The modules that it imports are imported before in the usual way, so
that no other dataclass changes.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version

LAVA_VERSION = "0.10.0"
"""The version of Lava whose arithmetic and models this package relies on."""

_MODULE = "lava.magma.compiler.var_model"
_IMPORTED_BY_IT = (
    "lava.magma.compiler.mappable_interface",
    "lava.magma.compiler.subcompilers.address",
    "lava.magma.core.process.ports.connection_config",
    "lava.magma.core.process.variable",
)


def make_lava_importable() -> None:
    """Import the module of Lava that needs hashable dataclasses; then all of Lava can be imported.

    Raises:
        ImportError: Lava is not installed, or another version of it is.
    """
    try:
        installed = version("lava-nc")
    except PackageNotFoundError:
        raise ImportError(
            f"lava-nc {LAVA_VERSION} is not installed for {sys.executable}: take a Python with it "
            "(nmtool setup lava --status names one), or install it as README.md says"
        ) from None
    if installed != LAVA_VERSION:
        raise ImportError(f"lava-nc {LAVA_VERSION} is needed, not {installed}")
    if sys.version_info < (3, 11):
        return
    for name in _IMPORTED_BY_IT:
        importlib.import_module(name)
    with _hashable_dataclasses():
        importlib.import_module(_MODULE)


@contextmanager
def _hashable_dataclasses() -> Iterator[None]:
    original = dataclasses.dataclass
    dataclasses.dataclass = functools.partial(original, unsafe_hash=True)
    try:
        yield
    finally:
        dataclasses.dataclass = original

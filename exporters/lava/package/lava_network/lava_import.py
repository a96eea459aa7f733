"""Make Lava importable on Python 3.11 and later.

Lava 0.10.0 is made for Python 3.10. From 3.11 on, dataclasses refuse defaults that cannot be
hashed, and one module of Lava has such a default. While that module is imported, dataclasses are
made hashable; what it imports is imported before, as usual, and nothing else is touched.
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
"""The version whose arithmetic and models this package relies on."""

_MODULE = "lava.magma.compiler.var_model"
_IMPORTED_BY_IT = (
    "lava.magma.compiler.mappable_interface",
    "lava.magma.compiler.subcompilers.address",
    "lava.magma.core.process.ports.connection_config",
    "lava.magma.core.process.variable",
)


def make_lava_importable() -> None:
    """Import the module in question; from then on Lava is imported as usual.

    Raises:
        ImportError: there is no Lava, or another version.
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

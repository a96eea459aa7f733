"""Import lava-dl's reader of NetX files without the dependencies of lava-dl's training.

The reader imports other packages of lava-dl, which need torch and other libraries. It uses them
only for resonator neurons. Empty packages therefore replace them, so that lava-dl can be installed
without its dependencies.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import lava
import lava_network  # noqa: F401  makes Lava importable on newer Pythons

_RESONATORS = "lava.lib.dl.slayer.neuron.rf"
_REPLACED = (
    "lava.lib.dl.slayer",
    "lava.lib.dl.slayer.neuron",
    _RESONATORS,
    "lava.lib.dl.netx.sequential_modules",
)


def network_class() -> Any:
    """Import lava-dl's class `lava.lib.dl.netx.hdf5.Network`, which reads a NetX file.

    Raises:
        ImportError: lava-dl is not installed.
    """
    folders = [str(Path(folder, "lib/dl/netx")) for folder in lava.__path__]
    _add_empty_package("lava.lib.dl.netx", folders)
    for name in _REPLACED:
        _add_empty_package(name, [])
    sys.modules[_RESONATORS].neuron_params = None  # type: ignore[attr-defined]
    return importlib.import_module("lava.lib.dl.netx.hdf5").Network


def _add_empty_package(name: str, folders: list[str]) -> None:
    """Register an empty package as imported; Python looks for its submodules in `folders`."""
    package = ModuleType(name)
    package.__path__ = folders
    package.__file__ = __file__  # Lava reads this attribute of every module
    sys.modules.setdefault(name, package)


if __name__ == "__main__":
    network_class()

"""The separate Python environment of Lava.

Lava 0.10.0 requires Python 3.10 and old versions of numpy and other libraries. On Python 3.11 to
3.13, it is installed without these requirements.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nmtool.exporters.environments import Environment, Referee

PACKAGE = Path(__file__).with_name("package")

_VERSION = "lava-nc==0.10.0"

REFEREE = Referee(
    name="lava",
    title="Lava",
    version=_VERSION,
    requirements=[
        # What Lava imports. From numpy 2.5 on, some of Lava's ports fail.
        ("numpy<2.5", "scipy", "networkx", "asteval", "scikit-learn"),
        ("--no-deps", "--ignore-requires-python", _VERSION),
    ],
    check=("-c", "import lava_network.samples"),
    folder=PACKAGE,
    native=(3, 10),
)


def set_up_lava(
    on_line: Callable[[str], None] | None = None,
    *,
    force: bool = False,
    python: str | Path | None = None,
) -> Environment:
    """Create a virtual environment with Lava 0.10.0 from the package index.

    >>> set_up_lava(print, python="/usr/bin/python3.10")  # doctest: +SKIP

    Args:
        on_line: called with every line of the installer's output.
        force: rebuild the environment even if it works.
        python: base interpreter; by default a Python 3.10, else the running interpreter.

    Raises:
        MissingError: there is no suitable interpreter.
        BackendError: the installation failed; an earlier environment is untouched.
        StorageError: the folder could not be written.
    """
    return REFEREE.set_up(on_line, force=force, python=python)

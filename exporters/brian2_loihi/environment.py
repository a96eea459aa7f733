"""The separate Python environment of brian2-loihi.

brian2-loihi 0.5.2 needs Brian 2, which is set to generate numpy code, so that no compiler is
needed. Both run on every Python that nmtool supports.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from nmtool.exporters.environments import Environment, Referee, Version

PACKAGE = Path(__file__).with_name("package")


class _Brian2Loihi(Referee):
    """The referee brian2-loihi, with the versions of the libraries that it needs."""

    name, title, version = "brian2-loihi", "brian2-loihi", "brian2-loihi==0.5.2"
    check = ("-c", "import emulator")
    folder = PACKAGE

    def requirements(self, version: Version) -> Sequence[Sequence[str]]:
        """Versions that work together on Python 3.10 to 3.13; Brian 2.9 fails with numpy 2.5."""
        return [[self.version, "brian2>=2.9,<2.10", "numpy>=2.2,<2.3", "sympy>=1.13,<1.15"]]


REFEREE = _Brian2Loihi()


def set_up_brian2_loihi(
    on_line: Callable[[str], None] | None = None,
    *,
    force: bool = False,
    python: str | Path | None = None,
) -> Environment:
    """Create a virtual environment with brian2-loihi from the package index.

    >>> set_up_brian2_loihi(print)  # doctest: +SKIP

    Args:
        on_line: called with every line of the installer's output.
        force: rebuild the environment even if it works.
        python: base interpreter; by default the running interpreter.

    Raises:
        MissingError: the interpreter is unsuitable.
        BackendError: the installation failed; an earlier environment is untouched.
        StorageError: the folder could not be written.
    """
    return REFEREE.set_up(on_line, force=force, python=python)

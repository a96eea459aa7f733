"""The separate Python environment of brian2-loihi.

brian2-loihi 0.5.2 needs Brian 2, which is set to generate numpy code, so that no compiler is
needed. Both run on every Python that nmtool supports.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nmtool.exporters.environments import Environment, Referee

PACKAGE = Path(__file__).with_name("package")

_VERSION = "brian2-loihi==0.5.2"

REFEREE = Referee(
    name="brian2-loihi",
    title="brian2-loihi",
    version=_VERSION,
    # Versions that work together on Python 3.10 to 3.13. Brian 2.9 fails with numpy 2.5.
    requirements=[(_VERSION, "brian2>=2.9,<2.10", "numpy>=2.2,<2.3", "sympy>=1.13,<1.15")],
    check=("-c", "import emulator"),
    folder=PACKAGE,
)


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

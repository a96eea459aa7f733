"""The separate Python environment of brian2-loihi.

brian2-loihi 0.5.2 needs Brian 2, which is set to generate numpy code, so that no compiler is
needed. Both run on every Python that nmtool supports.
"""

from __future__ import annotations

from pathlib import Path

from nmtool.exporters.environments import Referee

PACKAGE = Path(__file__).with_name("package")

_VERSION = "brian2-loihi==0.5.2"

REFEREE = Referee(
    name="brian2-loihi",
    title="brian2-loihi",
    purpose="verification by a second referee",
    version=_VERSION,
    # Versions that work together on Python 3.10 to 3.13. Brian 2.9 fails with numpy 2.5.
    requirements=[(_VERSION, "brian2>=2.9,<2.10", "numpy>=2.2,<2.3", "sympy>=1.13,<1.15")],
    check=("-c", "import emulator"),
    folder=PACKAGE,
)

set_up_brian2_loihi = REFEREE.set_up

"""The separate Python environment of Lava.

Lava 0.10.0 requires Python 3.10 and old versions of numpy and other libraries. On Python 3.11 to
3.13, it is installed without these requirements.
"""

from __future__ import annotations

from pathlib import Path

from nmtool.exporters.environments import Referee

PACKAGE = Path(__file__).with_name("package")

_VERSION = "lava-nc==0.10.0"

REFEREE = Referee(
    name="lava",
    title="Lava",
    purpose="verification in Lava's models of Loihi 2",
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

set_up_lava = REFEREE.set_up

"""Targets: chips and formats as data, and what a network needs of them.

    target.py     `Target`: limits, arithmetic, cores, event costs, each figure with its origin
    reading.py    targets from TOML files, `*.toml` beside this file and anybody's own

`docs/targets.md` says what stands in a file.
"""

from nmtool.targets.reading import target_named, target_names
from nmtool.targets.target import Origin, Target

LOIHI2 = target_named("loihi2")
"""Holds all that the arithmetic `loihi2` runs."""

__all__ = [
    "LOIHI2",
    "Origin",
    "Target",
    "target_named",
    "target_names",
]

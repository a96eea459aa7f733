"""Targets: chips and formats as data; fit and cost of a network on them.

    target.py     `Target`: limits, arithmetic, cores, event costs; each figure has its origin
    reading.py    targets from TOML files: `*.toml` beside this file, and your own files

`docs/targets.md` describes the files.
"""

from nmtool.targets.reading import target_named, target_names
from nmtool.targets.target import Origin, Target

LOIHI2 = target_named("loihi2")
"""The default target, with the limits of the arithmetic `loihi2`."""

__all__ = [
    "LOIHI2",
    "Origin",
    "Target",
    "target_named",
    "target_names",
]

"""Targets: what chips and formats hold."""

from nmtool.targets.target import (
    LOIHI2,
    MAX_FLOAT_DELAY,
    MAX_SIX_BIT_DELAY,
    MAX_TRAINED_DELAY,
    TARGETS,
    Target,
)

__all__ = [
    "LOIHI2",
    "MAX_FLOAT_DELAY",
    "MAX_SIX_BIT_DELAY",
    "MAX_TRAINED_DELAY",
    "TARGETS",
    "Target",
]

"""A chip that computes in `tiny8`; a module of its own, since a target looks up its arithmetic."""

from nmtool import Target
from nmtool.arithmetic import LIMITS
from nmtool_tiny8 import TINY8

CHIP = Target(
    "tiny8",
    arithmetic=TINY8.name,
    neuron=TINY8.neuron,
    **{limit: getattr(TINY8, limit) for limit in LIMITS},
)

"""Limits of a target: `Target`, Loihi 2 as one, and every limit of a delay.

A network is quantised for a target and checked against one. All targets run the same arithmetic,
`loihi2`, whose constants stand at the end: kernels compile them in. A target holds what Loihi 2
holds or less:

>>> Target("short", max_delay=31).max_threshold
131071

Source: Lava 0.10.0's fixed-point models, restricted to the values where Lava, other Loihi
simulators and the documented chip agree (`docs/arithmetic.md`).
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from nmtool.arithmetic import ARITHMETIC
from nmtool.errors import UsageError


@dataclass(frozen=True)
class Target:
    """Limits of the integers that a chip holds; the defaults are those of Loihi 2.

    Attributes:
        name: what commands call it.
        weight_bits: bits that a weight may have.
        max_weight_exponent: a projection's summed weights are shifted left by at most so much.
        delay_bits: bits that a delay may have.
        max_delay: longest delay, in steps.
        max_du, max_dv: decays of current and membrane, out of 4096.
        max_threshold: before the shift by 6 bits.
        bias_limit: bias mantissas lie in −bias_limit … bias_limit − 1.
        max_bias_exponent: mantissas are shifted left by at most so much.
        drive_limit: a step's summed weights stay below it (a static bound, not a clip).

    Raises:
        UsageError: more than the arithmetic can run.
    """

    name: str = "loihi2"
    weight_bits: tuple[int, ...] = (2, 3, 4, 5, 6, 7, 8)
    max_weight_exponent: int = 7
    delay_bits: tuple[int, ...] = (1, 2, 3, 4, 5, 6)
    max_delay: int = 61
    max_du: int = 4094
    max_dv: int = 4095
    max_threshold: int = 131071
    bias_limit: int = 1 << 12
    max_bias_exponent: int = 7
    drive_limit: int = 1 << 15

    def __post_init__(self) -> None:
        for limit in fields(self)[1:]:
            held, widest = getattr(self, limit.name), getattr(Target, limit.name)
            if isinstance(widest, tuple):
                legal, span = bool(held) and set(held) <= set(widest), f"among {widest}"
            else:
                legal, span = 0 <= held <= widest, f"in 0 … {widest}"
            if not legal:
                raise UsageError(
                    f"target '{self.name}': {limit.name} must lie {span}, not {held}",
                    code="target-range",
                    fix="narrow the target to what the arithmetic runs",
                    why=f"the arithmetic {ARITHMETIC} runs no more",
                )

    @property
    def max_bias(self) -> int:
        """Largest magnitude that can be added to v each step, of either sign."""
        return (self.bias_limit - 1) << self.max_bias_exponent

    def weight_exponents(self, weight_bits: int) -> range:
        """Exponents of a projection: as low as weights of so few bits can be shifted right exactly.

        Shifted weights are then weights of eight bits times a power of two from 1 on, and so are
        their sums, whatever a chip shifts first.
        """
        return range(weight_bits - 8, self.max_weight_exponent + 1)


LOIHI2 = Target()

TARGETS = {target.name: target for target in (LOIHI2,)}
"""By the names that commands and settings of training know."""

# Limits of a delay, in steps, beside the `max_delay` of a target.

MAX_SIX_BIT_DELAY = 63
"""The largest delay of six bits, as in other tools' networks and Lava's own models."""

MAX_TRAINED_DELAY = (1 << 15) - 1
"""Kernels of training hold delays in 16 bits with a sign."""

MAX_FLOAT_DELAY = (1 << 16) - 1
"""The largest delay in a float `Network`, whoever made it."""

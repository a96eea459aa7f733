"""What data show about the size of currents and membranes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Calibration:
    """What data showed: largest magnitudes per population, in units of u.

    Attributes:
        drive: of a step's summed input.
        current: of u.
        membrane: of v. A population that is missing gets no head-room at all; a non-spiking one
            that stayed at 0 gets what any input could need.
        at_most: bound of the scale (integer weight units for one unit of u), of populations whose
            integers overflowed at a larger one.
    """

    drive: Mapping[str, float] = field(default_factory=dict)
    current: Mapping[str, float] = field(default_factory=dict)
    membrane: Mapping[str, float] = field(default_factory=dict)
    at_most: Mapping[str, float] = field(default_factory=dict)

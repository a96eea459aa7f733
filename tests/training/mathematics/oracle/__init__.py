"""EventProp in continuous time, without time steps: the ground truth for all other gradients.

Neurons are advanced from event to event by closed forms, threshold crossings are found as roots,
and the adjoint equations are solved backwards between the same events. The oracle is slow and
exact, in float64.
"""

from __future__ import annotations

from tests.training.mathematics.oracle.adjoint import Gradients, differentiate
from tests.training.mathematics.oracle.forward import Trace, simulate
from tests.training.mathematics.oracle.model import (
    ContinuousNetwork,
    ContinuousProjection,
    SpikeTimes,
)

__all__ = [
    "ContinuousNetwork",
    "ContinuousProjection",
    "Gradients",
    "SpikeTimes",
    "Trace",
    "differentiate",
    "simulate",
]

"""Verification: compare backends with the simulator, spike for spike, and certify the result.

`compare_recordings` compares all values of the expected recording; recordings of other populations
or shapes are an error. The comparison of one backend is a `Check`. A `MutationScore` measures
the strength of the comparison. An `Explanation` has the place and the causes of a
difference. `nmtool.verify` returns all of them in a `Certificate`.
"""

from nmtool.verification.certificate import SIMULATOR, Certificate, Check, StockCheck
from nmtool.verification.comparison import (
    FLOAT_TOLERANCE,
    Agreement,
    Comparison,
    Divergence,
    compare_recordings,
    spike_agreement,
)
from nmtool.verification.explanation import Arrival, Cause, Explanation
from nmtool.verification.faults import Fault, MutationScore

__all__ = [
    "FLOAT_TOLERANCE",
    "SIMULATOR",
    "Agreement",
    "Arrival",
    "Cause",
    "Certificate",
    "Check",
    "Comparison",
    "Divergence",
    "Explanation",
    "Fault",
    "MutationScore",
    "StockCheck",
    "compare_recordings",
    "spike_agreement",
]

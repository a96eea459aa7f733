"""Verification: compare backends with the simulator, spike for spike, and certify the result.

`compare_recordings` is strict: everything is compared, and recordings that cannot be compared are
an error. The comparison of one backend is a `Check`; a `Certificate` holds the checks of all
backends. `Coverage` and `MutationScore` measure how strong the comparison is, and an `Explanation`
says why recordings differ. `nmtool.verify` puts them together.
"""

from nmtool.running import SIMULATOR
from nmtool.verification.certificate import Certificate, Check, StockCheck
from nmtool.verification.comparison import (
    FLOAT_TOLERANCE,
    Agreement,
    Comparison,
    Divergence,
    compare_recordings,
    spike_agreement,
)
from nmtool.verification.coverage import Coverage
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
    "Coverage",
    "Divergence",
    "Explanation",
    "Fault",
    "MutationScore",
    "StockCheck",
    "compare_recordings",
    "spike_agreement",
]

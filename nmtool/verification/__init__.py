"""Verification: two recordings compared spike for spike, and what that proves, as a value.

`compare_recordings` is strict: everything is compared, and what cannot be compared is an error.
Checking what a backend answers gives a `Check`; a `Certificate` holds those of all backends
beside the integer simulator; `Coverage` and `MutationScore` are how much it says, an
`Explanation` why recordings differ. `nmtool.verify` puts them together.
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

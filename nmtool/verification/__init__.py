"""Verification: two recordings compared spike for spike, and what that proves, as a value.

`compare_recordings` is strict: everything is compared, and what cannot be compared is an error.
A `Backend` executes networks; its `check` gives a `Check`; a `Certificate` holds those of all
backends beside the integer simulator; a `Coverage` and a `MutationScore` say how much that
proves. `nmtool.verify` puts them together.
"""

from nmtool.verification.backend import Backend
from nmtool.verification.certificate import SIMULATOR, Certificate, Check, StockCheck
from nmtool.verification.comparison import (
    REAL_TOLERANCE,
    Agreement,
    Comparison,
    Divergence,
    agree,
    compare_recordings,
)
from nmtool.verification.exercised import Coverage, Fault, MutationScore

__all__ = [
    "REAL_TOLERANCE",
    "SIMULATOR",
    "Agreement",
    "Backend",
    "Certificate",
    "Check",
    "Comparison",
    "Coverage",
    "Divergence",
    "Fault",
    "MutationScore",
    "StockCheck",
    "agree",
    "compare_recordings",
]

"""Number of examples of random tests: few before a merge, many in `make nightly`."""

from __future__ import annotations

import os

THOROUGH = "NMTOOL_THOROUGH" in os.environ
EXAMPLES = 200 if THOROUGH else 20
"""Number of examples of a test that does not call `examples`."""

ROUNDS = 400 if THOROUGH else 20
"""Number of damaged versions of a file, and of random networks that a format reads back."""


def examples(share: float) -> int:
    """Number of examples for a test that is faster or slower than others.

    Args:
        share: factor of the usual number.
    """
    return max(1, round(share * EXAMPLES))

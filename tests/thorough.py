"""How much random tests try: little before a merge, much more in `make nightly`."""

from __future__ import annotations

import os

THOROUGH = "NMTOOL_THOROUGH" in os.environ
EXAMPLES = 200 if THOROUGH else 20
"""Examples that Hypothesis draws for a test that states no share."""


def examples(share: float) -> int:
    """Number of examples for a test that is faster or slower than others.

    Args:
        share: of the usual number.
    """
    return max(1, round(share * EXAMPLES))

"""Text in comments, in characters that no compiler stumbles over."""

from __future__ import annotations

import json
from typing import Any

_ESCAPED = {ord(sign): f"\\u{ord(sign):04x}" for sign in "*/?"}
"""What could end or begin a comment, or make a trigraph. JSON has none outside of strings."""


def harmless(text: str) -> str:
    """A JSON string of any text, as it may stand in a comment."""
    return json.dumps(text).translate(_ESCAPED)


def dumped(value: Any) -> str:
    """JSON of many lines, as it may stand in a comment."""
    return json.dumps(value, sort_keys=True, indent=1).translate(_ESCAPED)

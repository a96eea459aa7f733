"""A helper for the option classes of export formats."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any


def others_than_usual(options: Any) -> str:
    """Options that differ from their defaults, as text; '' if none does."""
    usual = asdict(type(options)())
    keys = [key for key, value in asdict(options).items() if value != usual[key]]
    return f"given are {', '.join(keys)}" if keys else ""

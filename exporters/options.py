"""A helper for the classes of writing options."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any


def others_than_usual(options: Any) -> str:
    """List the options that differ from their defaults; '' where none does."""
    usual = asdict(type(options)())
    given = [key for key, value in asdict(options).items() if value != usual[key]]
    return f"given are {', '.join(given)}" if given else ""

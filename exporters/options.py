"""What the options of all formats have in common."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any


def others_than_usual(options: Any) -> str:
    """Name the options that are not those of the class by default; '' where all are."""
    usual = asdict(type(options)())
    given = [key for key, value in asdict(options).items() if value != usual[key]]
    return f"given are {', '.join(given)}" if given else ""

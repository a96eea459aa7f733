"""A helper for the option classes of export formats."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any


def non_default_options(options: Any) -> str:
    """Names of the options that differ from their defaults, as text; '' if there are none."""
    defaults = asdict(type(options)())
    keys = [key for key, value in asdict(options).items() if value != defaults[key]]
    return f"given options: {', '.join(keys)}" if keys else ""

"""Conditions of several training runs that can be continued: of a search, or of folds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from nmtool.errors import Finding
from nmtool.training.options import TrainOptions


def changes(before: Mapping[str, Any], current: Mapping[str, Any]) -> list[Finding]:
    """Findings on the conditions of a series that differ from its stored conditions.

    >>> [finding.what for finding in changes({"lr": 0.1, "gain": 9.0}, {"lr": 0.2, "gain": 9.0})]
    ['was 0.1, is now 0.2']

    Args:
        before: stored training options and other conditions by name; missing options count as
            their defaults.
        current: current options and conditions.
    """
    defaults = {name: value for name, value in TrainOptions().as_json().items() if name in current}
    old, new = _as_stored({**defaults, **before}), _as_stored(current)
    return [
        Finding(
            "setting-differs",
            name,
            f"was {_formatted(old.get(name))}, is now {_formatted(new.get(name))}",
            "change it back",
        )
        for name in dict.fromkeys((*new, *old))
        if old.get(name) != new.get(name)
    ]


def _as_stored(conditions: Mapping[str, Any]) -> dict[str, Any]:
    """Conditions after a round trip through JSON, which turns pairs into lists."""
    return json.loads(json.dumps(conditions))


def _formatted(value: Any) -> str:
    """Format a value for a finding; a table, such as a range, is written as its entries."""
    if isinstance(value, dict):
        parts = (f"{key} = {entry}" for key, entry in value.items() if entry not in (None, False))
        return "{" + ", ".join(parts) + "}"
    return repr(value)

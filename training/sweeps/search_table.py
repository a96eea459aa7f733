"""The table `[search]` of a study, read and checked: a range or a list of choices per option."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal
from typing import Any

from nmtool.data.dataset import suggestion
from nmtool.errors import UsageError
from nmtool.training.options import TrainOptions
from nmtool.training.study import Choices, Range, Searched

NOT_SEARCHED = {
    "seed": "the best seed is luck; average over several: seeds = N",
    "validation": "scores compare only on the same samples",
    "epochs": "scores compare only after the same epochs",
}
"""Options that all trials of a study have in common, and why."""

_RANGE_KEYS = ("low", "high", "log", "step")


def read_search(table: dict[str, Any], problems: list[str]) -> dict[str, Searched]:
    """The options searched, from the table `[search]` of a study.

    Args:
        table: by option, a list of choices or a table of `low`, `high` and perhaps `log`, `step`.
        problems: gets a line for everything that is wrong with how they are written; those
            options are left out.
    """
    found: dict[str, Searched] = {}
    defaults = {option.name: option.default for option in fields(TrainOptions)}
    for name, entry in table.items():
        searched = _read_or_complain(name, entry, defaults)
        if isinstance(searched, str):
            problems.append(searched)
        else:
            found[name] = searched
    return found


def _read_or_complain(name: str, entry: Any, defaults: dict[str, Any]) -> Searched | str:
    try:
        return _read_entry(name, entry, defaults)
    except UsageError as error:
        return f"[search] {error.what}" + (f"; {error.fix}" if error.fix else "")


def _read_entry(name: str, entry: Any, defaults: dict[str, Any]) -> Searched:
    if name not in defaults:
        raise UsageError(f"unknown option {name}", fix=suggestion(name, list(defaults)))
    if name in NOT_SEARCHED:
        raise UsageError(f"{name} cannot be searched: {NOT_SEARCHED[name]}")
    if isinstance(entry, list):
        return _read_choices(name, entry, defaults[name])
    if isinstance(entry, dict):
        return _read_range(name, entry, defaults[name])
    raise UsageError(
        f"{name} must be a list of choices or a range like {{low = 1, high = 2}}, not {entry!r}"
    )


def _read_choices(name: str, entry: list[Any], default: Any) -> Choices:
    values = tuple(_typed(name, value, default) for value in entry)
    if len(values) < 2:
        raise UsageError(f"{name} needs two choices or more", fix="a fixed one is for [settings]")
    if len(set(values)) < len(values):
        raise UsageError(f"{name} has a choice twice")
    return Choices(values)


def _typed(name: str, value: Any, default: Any) -> Any:
    """The value in the type of the option; what `TrainOptions` would refuse is left as it is."""
    if isinstance(default, float) and _is_number(value):
        return float(value)
    if isinstance(default, tuple) and isinstance(value, list) and all(map(_is_number, value)):
        return tuple(map(float, value))
    if isinstance(value, list | dict):
        raise UsageError(f"{name}: {value!r} is no choice of it")
    return value


def _read_range(name: str, entry: dict[str, Any], default: Any) -> Range:
    if isinstance(default, bool) or not _is_number(default):
        raise UsageError(f"{name} has no range", fix=f"list its choices: {name} = [… , …]")
    unknown = sorted(set(entry) - set(_RANGE_KEYS))
    if unknown:
        raise UsageError(
            f"{name}: unknown {', '.join(unknown)}", fix=suggestion(unknown[0], _RANGE_KEYS)
        )
    whole = isinstance(default, int)
    numbers = {key: _number(name, entry, key, whole) for key in ("low", "high", "step")}
    log = entry.get("log", False)
    if not isinstance(log, bool):
        raise UsageError(f"{name}: log must be true or false, not {log!r}")
    low, high, step = numbers["low"], numbers["high"], numbers["step"]
    if low is None or high is None:
        raise UsageError(f"{name}: a range needs low and high")
    _check_range(name, low, high, log, step)
    return Range(low, high, log, step)


def _number(name: str, entry: dict[str, Any], key: str, whole: bool) -> float | None:
    if key not in entry:
        return None
    value = entry[key]
    if not _is_number(value) or (whole and isinstance(value, float)):
        kind = "a whole number" if whole else "a number"
        raise UsageError(f"{name}: {key} must be {kind}, not {value!r}")
    return value if whole else float(value)


def _check_range(name: str, low: float, high: float, log: bool, step: float | None) -> None:
    if not low < high:
        raise UsageError(f"{name}: low must be less than high, not {low} and {high}")
    if log and low <= 0:
        raise UsageError(f"{name}: a logarithmic range begins above 0, not at {low}")
    if step is None:
        return
    if log:
        raise UsageError(f"{name}: log and step exclude each other")
    if not step > 0:
        raise UsageError(f"{name}: step must be positive, not {step}")
    if (Decimal(str(high)) - Decimal(str(low))) % Decimal(str(step)):
        raise UsageError(f"{name}: steps of {step} from {low} do not arrive at {high}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

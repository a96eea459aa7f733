"""The table `[search]` of a study, read and checked: a range or a list of choices per option."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from decimal import Decimal
from typing import Any

from nmtool.data.dataset import suggestion
from nmtool.errors import Finding, UsageError
from nmtool.training.options import TrainOptions, example
from nmtool.training.sweeps.space import Choices, Range, Searched, findings_of

NOT_SEARCHED = {
    "seed": "the best seed is luck; average over several: seeds = N",
    "validation": "scores compare only on the same samples",
    "epochs": "scores compare only after the same epochs",
}
"""Options that all trials of a study have in common, and why."""

_RANGE_KEYS = ("low", "high", "log", "step")


def read_search(table: dict[str, Any], problems: list[Finding]) -> dict[str, Searched]:
    """The options searched, from the table `[search]` of a study.

    Args:
        table: by option, a list of choices or a table of `low`, `high` and perhaps `log`, `step`.
        problems: gets a finding for everything that is wrong with how they are written; those
            options are left out.
    """
    found: dict[str, Searched] = {}
    defaults = {option.name: example(option.name) for option in fields(TrainOptions)}
    for name, entry in table.items():
        with _noted(f"[search] {name}", problems):
            found[name] = _read_entry(name, entry, defaults)
    return found


@contextmanager
def _noted(where: str, problems: list[Finding]) -> Iterator[None]:
    """Note what is wrong, and go on."""
    try:
        yield
    except UsageError as error:
        problems += findings_of(error, where)


def _read_entry(name: str, entry: Any, defaults: dict[str, Any]) -> Searched:
    if name not in defaults:
        raise UsageError(
            "there is no option of this name",
            code="search-option-unknown",
            fix=suggestion(name, list(defaults)),
        )
    if name in NOT_SEARCHED:
        raise UsageError(
            "it cannot be searched",
            code="search-option-fixed",
            why=NOT_SEARCHED[name],
            fix="give it one value in [settings]",
        )
    if isinstance(entry, list):
        return _read_choices(entry, defaults[name])
    if isinstance(entry, dict):
        return _read_range(name, entry, defaults[name])
    raise UsageError(
        f"{entry!r} is nothing to search",
        code="search-entry-kind",
        fix="list its choices, or write a range like {low = 1, high = 2}",
    )


def _read_choices(entry: list[Any], default: Any) -> Choices:
    values = tuple(_typed(value, default) for value in entry)
    if len(values) < 2:
        raise UsageError(
            "it needs two choices or more",
            code="search-choices-too-few",
            fix="a fixed one is for [settings]",
        )
    if len(set(values)) < len(values):
        raise UsageError(
            "a choice is there twice", code="search-choices-repeated", fix="leave one out"
        )
    return Choices(values)


def _typed(value: Any, default: Any) -> Any:
    """The value in the type of the option; what `TrainOptions` would refuse is left as it is."""
    if isinstance(default, float) and _is_number(value):
        return float(value)
    if isinstance(default, tuple) and isinstance(value, list) and all(map(_is_number, value)):
        return tuple(map(float, value))
    if isinstance(value, list | dict):
        raise UsageError(
            f"{value!r} is no choice of it",
            code="search-choice-kind",
            fix=f"write choices like {json.dumps(default)}",
        )
    return value


def _read_range(name: str, entry: dict[str, Any], default: Any) -> Range:
    if isinstance(default, bool) or not _is_number(default):
        raise UsageError(
            "it has no range",
            code="search-range-impossible",
            fix=f"list its choices: {name} = [… , …]",
        )
    unknown = sorted(set(entry) - set(_RANGE_KEYS))
    if unknown:
        raise UsageError(
            f"unknown {', '.join(unknown)}",
            code="search-range-keys",
            fix=suggestion(unknown[0], _RANGE_KEYS),
        )
    whole = isinstance(default, int)
    numbers = {key: _number(entry, key, whole) for key in ("low", "high", "step")}
    log = entry.get("log", False)
    if not isinstance(log, bool):
        raise UsageError(
            f"log must be true or false, not {log!r}",
            code="search-range-log",
            fix="log = true draws evenly over orders of magnitude",
        )
    low, high, step = numbers["low"], numbers["high"], numbers["step"]
    if low is None or high is None:
        raise UsageError(
            "a range needs low and high",
            code="search-range-ends",
            fix=f"{name} = {{low = … , high = …}}",
        )
    _check_range(low, high, log, step)
    return Range(low, high, log, step)


def _number(entry: dict[str, Any], key: str, whole: bool) -> float | None:
    if key not in entry:
        return None
    value = entry[key]
    if not _is_number(value) or (whole and isinstance(value, float)):
        kind = "a whole number" if whole else "a number"
        raise UsageError(
            f"{key} must be {kind}, not {value!r}",
            code="search-range-number",
            fix="write it without quotes" if isinstance(value, str) else f"give {kind}",
        )
    return value if whole else float(value)


def _check_range(low: float, high: float, log: bool, step: float | None) -> None:
    if not low < high:
        raise UsageError(
            f"low must be less than high, not {low} and {high}",
            code="search-range-empty",
            fix="exchange them, or fix the option in [settings]",
        )
    if log and low <= 0:
        raise UsageError(
            f"a logarithmic range begins above 0, not at {low}",
            code="search-range-log-from-zero",
            fix="raise low, or leave out log",
        )
    if step is None:
        return
    if log:
        raise UsageError(
            "log and step exclude each other",
            code="search-range-log-step",
            fix="leave one of them out",
        )
    if not step > 0:
        raise UsageError(
            f"step must be positive, not {step}",
            code="search-range-step",
            fix="leave it out to search all numbers of the range",
        )
    if (Decimal(str(high)) - Decimal(str(low))) % Decimal(str(step)):
        raise UsageError(
            f"steps of {step} from {low} do not arrive at {high}",
            code="search-range-steps",
            fix="change high or step until they do",
        )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

"""The search space of a study: ranges and choices of training options, from the table `[search]`.

All errors are found before training. `read_search` checks the syntax, `SearchSpace.problems`
whether `TrainOptions` accepts the values.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from itertools import product
from typing import Any

from nmtool.errors import Finding, NmtoolError, UsageError, listed, quoted, suggestion
from nmtool.tables import Plain
from nmtool.training.options import TrainOptions, example


@dataclass(frozen=True)
class Range(Plain):
    """Numbers from `low` to `high`, both included.

    Attributes:
        low, high: limits in the unit of the option; int for whole numbers.
        log: True if values are drawn evenly over orders of magnitude.
        step: distance between possible values; None: all numbers are possible.
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None

    @property
    def ends(self) -> tuple[Any, ...]:
        """Values of the option with which a study is checked: both limits."""
        return (self.low, self.high)

    @property
    def is_whole(self) -> bool:
        """True for a range of whole numbers."""
        return isinstance(self.low, int)

    def contains(self, value: Any) -> bool:
        """True if the value is a number that a trial could draw."""
        if not _is_number(value) or (self.is_whole and isinstance(value, float)):
            return False
        return self.low <= value <= self.high and self._is_reached(value)

    def _is_reached(self, value: float) -> bool:
        """True if the value is a whole number of steps above `low`."""
        return self.step is None or _steps(self.low, value, self.step).denominator == 1


@dataclass(frozen=True)
class Choices:
    """A list of possible values, without an order.

    Attributes:
        values: the values, at least two, all different.
    """

    values: tuple[Any, ...]

    @property
    def ends(self) -> tuple[Any, ...]:
        """Values of the option with which a study is checked: all choices."""
        return self.values

    @property
    def stored_values(self) -> list[Any]:
        """The values as a study stores them: pairs of numbers as JSON text."""
        return [_stored_value(value) for value in self.values]

    def contains(self, value: Any) -> bool:
        """True if the value is one of the choices."""
        return (tuple(value) if isinstance(value, list) else value) in self.values

    def as_json(self) -> list[Any]:
        """The choices as `STUDY.toml` writes them."""
        return list(self.values)


Searched = Range | Choices


@dataclass(frozen=True)
class SearchSpace:
    """Options of the trials of a study.

    Attributes:
        fixed: options that are equal in all trials, by name.
        searched: ranges and choices of the searched options, by name.
        origin: source of the options, for messages.
    """

    fixed: dict[str, Any]
    searched: dict[str, Searched]
    origin: str

    def options(self, values: dict[str, Any]) -> TrainOptions:
        """A trial's options.

        Args:
            values: a value for every searched option; pairs of numbers may be JSON text.

        Raises:
            UsageError: the values contradict each other.
        """
        settings = self.fixed | {name: self._unpacked(name, values[name]) for name in values}
        return TrainOptions().with_settings(settings, self.origin)

    def first_options(self) -> TrainOptions:
        """Options of one possible trial, to look up settings that all trials share."""
        return self.end_options(0)

    def end_options(self, end: int) -> TrainOptions:
        """Options of a trial with the first (0) or last (−1) value of every searched option.

        Raises:
            UsageError: the values contradict each other.
        """
        return self.options({name: values.ends[end] for name, values in self.searched.items()})

    def _unpacked(self, name: str, value: Any) -> Any:
        """A value in the type of its option; JSON text becomes a pair of numbers."""
        pair = isinstance(getattr(TrainOptions(), name), tuple) and isinstance(value, str)
        return json.loads(value) if pair else value

    def stored_values(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Values of searched options as a study stores them: pairs of numbers as JSON text."""
        return {name: _stored_value(value) for name, value in values.items()}

    def settings(self, values: dict[str, Any]) -> dict[str, Any]:
        """A trial's options that the study names, in the types of `TrainOptions`."""
        options = self.options(values)
        return {name: getattr(options, name) for name in (*self.fixed, *self.searched)}

    def as_json(self) -> dict[str, Any]:
        """Everything that determines the trials: all fixed options, and the search."""
        options = self.first_options().as_json()
        fixed = {name: value for name, value in options.items() if name not in self.searched}
        search = {name: entry.as_json() for name, entry in self.searched.items()}
        return {"settings": fixed, "search": search}

    def problems(self) -> list[Finding]:
        """Findings on invalid values; if all values are valid, on invalid combinations."""
        findings = list(self._refused_values()) or list(self._refused_combinations())
        return list(dict.fromkeys(findings))

    def outside(self, values: Mapping[str, Any]) -> list[Finding]:
        """Findings on values outside the search space.

        Args:
            values: values of searched options, by option name.
        """
        findings = []
        for name, value in values.items():
            searched = self.searched.get(name)
            if searched is None:
                what, fix = "the option is not searched", "name it in [search], or leave it out"
                findings.append(Finding("study-first-unsearched", f"[[first]] {name}", what, fix))
            elif not searched.contains(value):
                what = f"{quoted(value)} is not among the searched values"
                fix = "choose another value, or extend the search"
                findings.append(Finding("study-first-outside", f"[[first]] {name}", what, fix))
        return findings

    def _refused_values(self) -> Iterator[Finding]:
        """Findings on values that `TrainOptions` refuses whatever the other options are."""
        pairs = list(self.fixed.items())
        pairs += [(name, end) for name, entry in self.searched.items() for end in entry.ends]
        refused = [(name, value) for name, value in pairs if self._error_of({name: value})]
        wrong = {name for name, _ in refused}
        others: dict[str, Any] = {}
        for name, value in pairs:
            if name not in wrong:
                others.setdefault(name, value)
        for name, value in refused:
            error = self._error_of({name: value})
            if error and self._error_of({**others, name: value}):
                yield from findings_of(error, name)

    def _error_of(self, settings: dict[str, Any]) -> UsageError | None:
        """The error that `TrainOptions` raises for these settings; None if they are valid."""
        try:
            TrainOptions().with_settings(settings, self.origin)
        except UsageError as error:
            return error
        return None

    def _refused_combinations(self) -> Iterator[Finding]:
        """Findings on invalid combinations of values.

        Both ends of each range, and all choices, are combined with the first values of all other
        options, and with their last values.
        """
        for name, entry in self.searched.items():
            for value, corner in product(entry.ends, (0, -1)):
                values = {other: searched.ends[corner] for other, searched in self.searched.items()}
                values[name] = value
                try:
                    self.options(values)
                except UsageError as error:
                    together = ", ".join(f"{name} = {value}" for name, value in values.items())
                    for finding in findings_of(error, name):
                        yield replace(finding, what=f"{finding.what} (with {together})")


def _stored_value(value: Any) -> Any:
    """Convert a pair of numbers to JSON text; other values are returned unchanged."""
    return json.dumps(value) if isinstance(value, list | tuple) else value


def findings_of(error: NmtoolError, where: str) -> list[Finding]:
    """The findings of an error; the error itself as a finding if it has none.

    Args:
        error: error with the code, reason and fix of the finding.
        where: the option or table that caused the error.
    """
    if error.findings:
        return list(error.findings)
    return [Finding(error.code, where, error.what, error.fix or "change it", error.why)]


NOT_SEARCHED = {
    "seed": "the best seed is a coincidence; average over several: seeds = N",
    "validation": "scores are only comparable on the same samples",
    "validation_by": "scores are only comparable on the same samples",
    "epochs": "scores are only comparable after the same number of epochs",
}
"""Options that cannot be searched, with the reason."""

_RANGE_KEYS = ("low", "high", "log", "step")

_MAX_CHOICES = 100
"""Largest number of choices of an option: every choice needs a trial at least."""

_MAX_STEPS = 1 << 53
"""Largest number of steps in a range: as many numbers as floats can tell apart."""


def read_search(table: dict[str, Any], problems: list[Finding]) -> dict[str, Searched]:
    """Read the searched options from the table `[search]` of a study.

    Args:
        table: by option, a list of choices or a table of `low`, `high` and perhaps `log`, `step`.
        problems: list; a finding is added for every invalid entry, and its option is left out.
    """
    searched: dict[str, Searched] = {}
    defaults = {option.name: example(option.name) for option in fields(TrainOptions)}
    for name, entry in table.items():
        with _errors_noted(f"[search] {name}", problems):
            searched[name] = _read_entry(name, entry, defaults)
    return searched


@contextmanager
def _errors_noted(where: str, problems: list[Finding]) -> Iterator[None]:
    """Add an error inside the block to the findings, and continue after the block."""
    try:
        yield
    except UsageError as error:
        problems += findings_of(error, where)


def _read_entry(name: str, entry: Any, defaults: dict[str, Any]) -> Searched:
    """Read the range or the choices of an option; raises `UsageError` if they are invalid."""
    if name not in defaults:
        raise UsageError(
            "there is no option of this name",
            code="search-option-unknown",
            fix=suggestion(name, list(defaults)),
        )
    if name in NOT_SEARCHED:
        raise UsageError(
            "this option cannot be searched",
            code="search-option-fixed",
            why=NOT_SEARCHED[name],
            fix="give it one value in [settings]",
        )
    if isinstance(entry, list):
        return _read_choices(entry, defaults[name])
    if isinstance(entry, dict):
        return _read_range(name, entry, defaults[name])
    raise UsageError(
        f"{quoted(entry)} is neither a list of choices nor a range",
        code="search-entry-kind",
        fix="write a list of choices, or a range like {low = 1, high = 2}",
    )


def _read_choices(entry: list[Any], default: Any) -> Choices:
    """Read a list of choices in the type of the option; raises `UsageError`."""
    values = tuple(_as_option_type(value, default) for value in entry)
    if len(values) < 2:
        raise UsageError(
            "an option that is searched must have at least two choices",
            code="search-choices-too-few",
            fix="list more choices, or give the option its value in [settings]",
        )
    if len(values) > _MAX_CHOICES:
        raise UsageError(
            f"there are {len(values):,} choices, but a search takes at most {_MAX_CHOICES}",
            code="search-choices-too-many",
            fix="list fewer choices, or write a range like {low = 1, high = 2}",
        )
    if len(set(values)) < len(values):
        raise UsageError(
            "a choice is listed twice", code="search-choices-repeated", fix="list it only once"
        )
    return Choices(values)


def _as_option_type(value: Any, default: Any) -> Any:
    """The value in the type of the option; unchanged if `TrainOptions` would refuse it."""
    if isinstance(default, float) and _is_number(value):
        return float(value)
    if isinstance(default, tuple) and isinstance(value, list) and all(map(_is_number, value)):
        return tuple(map(float, value))
    if isinstance(value, list | dict):
        raise UsageError(
            f"{quoted(value)} is not a valid value of this option",
            code="search-choice-kind",
            fix=f"write choices like {json.dumps(default)}",
        )
    return value


def _read_range(name: str, entry: dict[str, Any], default: Any) -> Range:
    """Read a table of `low`, `high`, `log` and `step`; raises `UsageError`."""
    if isinstance(default, bool) or not _is_number(default):
        raise UsageError(
            "the values of this option do not form a range",
            code="search-range-impossible",
            fix=f"list its choices: {name} = [… , …]",
        )
    unknown = sorted(set(entry) - set(_RANGE_KEYS))
    if unknown:
        raise UsageError(
            f"a range has no entry {listed(unknown)}",
            code="search-range-keys",
            fix=suggestion(unknown[0], _RANGE_KEYS),
        )
    whole = isinstance(default, int)
    numbers = {key: _range_number(entry, key, whole) for key in ("low", "high", "step")}
    log = entry.get("log", False)
    if not isinstance(log, bool):
        raise UsageError(
            f"log must be true or false, not {quoted(log)}",
            code="search-range-log",
            fix="write log = true to draw evenly over orders of magnitude, or leave out log",
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


def _range_number(entry: dict[str, Any], key: str, whole: bool) -> float | None:
    """Read a number of a range; None if it is missing. Raises `UsageError`."""
    if key not in entry:
        return None
    value = entry[key]
    if not _is_number(value) or math.isinf(value) or (whole and isinstance(value, float)):
        kind = "a whole number" if whole else "a number"
        raise UsageError(
            f"{key} must be {kind}, not {quoted(value)}",
            code="search-range-number",
            fix="write it without quotes" if isinstance(value, str) else f"give {kind}",
        )
    return value if whole else float(value)


def _check_range(low: float, high: float, log: bool, step: float | None) -> None:
    """Raise `UsageError` if the entries of a range contradict each other."""
    if not low < high:
        raise UsageError(
            f"low must be less than high, not {low} and {high}",
            code="search-range-empty",
            fix="swap them, or give the option a single value in [settings]",
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
            "a range cannot have both log and step",
            code="search-range-log-step",
            fix="leave one of them out",
        )
    if not step > 0:
        raise UsageError(
            f"step must be positive, not {step}",
            code="search-range-step",
            fix="choose a positive step, or leave out step to search all numbers of the range",
        )
    steps = _steps(low, high, step)
    if steps > _MAX_STEPS:
        raise UsageError(
            f"a step of {step} is too small for a range from {low} to {high}",
            code="search-range-step",
            fix="choose a larger step, or leave out step to search all numbers of the range",
        )
    if steps.denominator != 1:
        raise UsageError(
            f"the difference between low ({low}) and high ({high}) is not a multiple of step "
            f"({step})",
            code="search-range-steps",
            fix="change high or step",
        )


def _steps(low: float, high: float, step: float) -> Fraction:
    """Number of steps from `low` to `high`, exactly as the decimal numbers are written."""
    return (Fraction(str(high)) - Fraction(str(low))) / Fraction(str(step))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

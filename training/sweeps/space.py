"""What a study searches: ranges and choices of training options.

Everything about them that can be wrong is found before anything is trained: `search_table` looks
at how they are written, `SearchSpace.problems` at what `TrainOptions` makes of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from nmtool.errors import Finding, NmtoolError, UsageError
from nmtool.training.options import TrainOptions


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included.

    Attributes:
        low, high: in the unit of the option; int where the option is whole.
        log: drawn evenly over orders of magnitude.
        step: from one value to the next; None for all numbers.
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None

    @property
    def ends(self) -> tuple[Any, ...]:
        """The values that are checked."""
        return (self.low, self.high)

    @property
    def is_whole(self) -> bool:
        """Whether it is one of whole numbers."""
        return isinstance(self.low, int)

    def as_json(self) -> dict[str, Any]:
        """What `STUDY.toml` says."""
        return asdict(self)


@dataclass(frozen=True)
class Choices:
    """Values without an order.

    Attributes:
        values: at least two, all different.
    """

    values: tuple[Any, ...]

    @property
    def ends(self) -> tuple[Any, ...]:
        """The values that are checked: all."""
        return self.values

    @property
    def words(self) -> list[Any]:
        """The values as single numbers and words; pairs of numbers become JSON text."""
        return [json.dumps(value) if isinstance(value, tuple) else value for value in self.values]

    def as_json(self) -> list[Any]:
        """What `STUDY.toml` says."""
        return list(self.values)


Searched = Range | Choices


@dataclass(frozen=True)
class SearchSpace:
    """Options of the trials of a study.

    Attributes:
        fixed: options that all trials have, by name.
        searched: those in which trials differ, by name.
        origin: where both come from, for messages.
    """

    fixed: dict[str, Any]
    searched: dict[str, Searched]
    origin: str

    def options(self, values: dict[str, Any]) -> TrainOptions:
        """A trial's options.

        Args:
            values: of every option searched; pairs of numbers may be JSON text.

        Raises:
            UsageError: these values do not go together.
        """
        settings = self.fixed | {name: self._unpacked(name, values[name]) for name in values}
        return TrainOptions().with_settings(settings, self.origin)

    def first_options(self) -> TrainOptions:
        """Options of one possible trial, for what all have in common."""
        return self.options({name: one.ends[0] for name, one in self.searched.items()})

    def _unpacked(self, name: str, value: Any) -> Any:
        pair = isinstance(getattr(TrainOptions(), name), tuple) and isinstance(value, str)
        return json.loads(value) if pair else value

    def settings(self, values: dict[str, Any]) -> dict[str, Any]:
        """A trial's options, only those that the study names, in the types options have."""
        options = self.options(values)
        return {name: getattr(options, name) for name in (*self.fixed, *self.searched)}

    def as_json(self) -> dict[str, Any]:
        """Everything about it that decides what trials do: all fixed options, and the search."""
        options = self.first_options().as_json()
        fixed = {name: value for name, value in options.items() if name not in self.searched}
        search = {name: one.as_json() for name, one in self.searched.items()}
        return {"settings": fixed, "search": search}

    def problems(self) -> list[Finding]:
        """All that `TrainOptions` refuses: single values, else combinations of them."""
        found = list(self._refused_values()) or list(self._refused_combinations())
        return list(dict.fromkeys(found))

    def _refused_values(self) -> Iterator[Finding]:
        """Values that no other option could make right."""
        named = list(self.fixed.items())
        named += [(name, end) for name, one in self.searched.items() for end in one.ends]
        refused = [(name, value) for name, value in named if self._refusal({name: value})]
        wrong = {name for name, _ in refused}
        others: dict[str, Any] = {}
        for name, value in named:
            if name not in wrong:
                others.setdefault(name, value)
        for name, value in refused:
            error = self._refusal({name: value})
            if error and self._refusal({**others, name: value}):
                yield from findings_of(error, name)

    def _refusal(self, settings: dict[str, Any]) -> UsageError | None:
        """The error that these settings make; None if they are fine."""
        try:
            TrainOptions().with_settings(settings, self.origin)
        except UsageError as error:
            return error
        return None

    def _refused_combinations(self) -> Iterator[Finding]:
        """Each end of each range with all others at their first, then their last values."""
        for name, one in self.searched.items():
            for value in one.ends:
                reached = set()
                for corner in (0, -1):
                    others = {other: its.ends[corner] for other, its in self.searched.items()}
                    refusals, found = self._tried({**others, name: value}, name)
                    yield from refusals
                    reached.add(found)
                if reached.isdisjoint({value, None}):
                    yield Finding(
                        "search-value-unreachable",
                        name,
                        f"{name} cannot become {value}: the other options make it {reached.pop()}",
                        "narrow its range, or change the options that limit it",
                    )

    def _tried(self, values: dict[str, Any], name: str) -> tuple[list[Finding], Any]:
        """Why the values do not go together, or what became of one of them."""
        try:
            return [], getattr(self.options(values), name)
        except UsageError as error:
            together = ", ".join(f"{name} = {value}" for name, value in values.items())
            found = findings_of(error, name)
            return [replace(one, what=f"{one.what} (with {together})") for one in found], None


def findings_of(error: NmtoolError, where: str) -> list[Finding]:
    """An error as one of several things that are wrong; those that it carries, if it does.

    Args:
        error: its code, reason and fix are kept.
        where: the option or table that it is about.
    """
    if error.findings:
        return list(error.findings)
    return [Finding(error.code, where, error.what, error.fix or "change it", error.why)]


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[Finding]:
    """All options in which two searches (`SearchSpace.as_json`) differ.

    Options that an earlier version did not know count as their defaults.
    """
    defaults = TrainOptions().as_json()
    old, new = (_plain({**defaults, **one["settings"], **one["search"]}) for one in (before, now))
    return [
        difference(name, _shown(old.get(name)), _shown(new.get(name)))
        for name in dict.fromkeys((*old, *new))
        if old.get(name) != new.get(name)
    ]


def difference(name: str, before: str, now: str) -> Finding:
    """Something that a study began with and that is now otherwise."""
    return Finding("study-changed", name, f"was {before}, is now {now}", "put it back")


def _plain(value: dict[str, Any]) -> dict[str, Any]:
    """With lists for tuples, as after a way through JSON."""
    return json.loads(json.dumps(value))


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        parts = (f"{key} = {entry}" for key, entry in value.items() if entry not in (None, False))
        return "{" + ", ".join(parts) + "}"
    return repr(value)

"""Differences between two recordings, value by value."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

KINDS = ("integers", "floats")
NEEDS = 3
"""Exit code of a command if something that it needs is not installed."""

WIDEST = 100
"""Largest number of characters of a value in a report."""

_NUMBER = re.compile(r"\d[\d.,]*")


class _Missing:
    def __repr__(self) -> str:
        return "(missing)"


MISSING = _Missing()


class Difference(NamedTuple):
    """A value that differs between two recordings.

    Attributes:
        name: name of the result.
        where: keys that lead to the value, joined by slashes.
        old, new: the values.
        remark: reason why the difference may have another cause than the code; '' if it cannot.
    """

    name: str
    where: str
    old: Any
    new: Any
    remark: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {_shown(self.old)} → {_shown(self.new)}"


def compare(old: dict[str, Any], new: dict[str, Any]) -> list[Difference]:
    """All differences between two recordings, in the order of the first.

    Sentences and lines are compared by their numbers; other words around the same numbers are a
    remark. Between two machines, the following are remarks, too: results that depend on floats,
    results that one machine lacks because something is not installed, and files with other bytes
    but the same content. A kind of results that only one recording has is left out.
    """
    elsewhere = old["machine"] != new["machine"]
    differences: list[Difference] = []
    for kind in (kind for kind in KINDS if old[kind] and new[kind]):
        for name in [*old[kind], *(name for name in new[kind] if name not in old[kind])]:
            before, after = old[kind].get(name, MISSING), new[kind].get(name, MISSING)
            remark = ""
            if before is MISSING:
                remark = "not recorded before"
            elif elsewhere and kind == "floats":
                remark = "floats of another machine"
            elif elsewhere and NEEDS in (_exit(before), _exit(after)):
                remark = "not installed on one of the machines"
            for where, first, second, why in _leaves(before, after, "", elsewhere):
                differences.append(Difference(name, where, first, second, remark or why))
    return differences


def _exit(entry: Any) -> Any:
    return entry.get("exit") if isinstance(entry, dict) else None


def _leaves(old: Any, new: Any, where: str, elsewhere: bool) -> Iterator[tuple[str, Any, Any, str]]:
    """Yield place, both values and remark for every leaf that differs."""
    if isinstance(old, dict) and isinstance(new, dict):
        repacked = elsewhere and "bytes" in old and old.get("content") == new.get("content")
        for key in [*old, *(key for key in new if key not in old)]:
            for leaf in _leaves(
                old.get(key, MISSING), new.get(key, MISSING), f"{where}/{key}", elsewhere
            ):
                yield (*leaf[:3], "packed by another library") if repacked else leaf
    elif isinstance(old, list) and isinstance(new, list):
        if all(isinstance(entry, str) for entry in (*old, *new)):
            yield from _lines(old, new, where)
            return
        for index in range(max(len(old), len(new))):
            pair = (side[index] if index < len(side) else MISSING for side in (old, new))
            yield from _leaves(*pair, f"{where}/{index}", elsewhere)
    elif not _same(old, new):
        yield where, old, new, "words" if _same_numbers(old, new) else ""


def _lines(old: list[str], new: list[str], where: str) -> Iterator[tuple[str, Any, Any, str]]:
    """Lines without a counterpart with the same numbers, and lines with other words."""
    numbers = [[tuple(_NUMBER.findall(line)) or line for line in side] for side in (old, new)]
    matcher = difflib.SequenceMatcher(None, *numbers, autojunk=False)
    for _, start, end, begin, stop in matcher.get_opcodes():
        for shift in range(max(end - start, stop - begin)):
            first = old[start + shift] if start + shift < end else MISSING
            second = new[begin + shift] if begin + shift < stop else MISSING
            if not _same(first, second):
                remark = "words" if _same_numbers(first, second) else ""
                yield f"{where}/{start + shift}", first, second, remark


def _same(old: Any, new: Any) -> bool:
    """True for equal values of one type; 1, 1.0 and true are three."""
    return type(old) is type(new) and old == new


def _same_numbers(old: Any, new: Any) -> bool:
    """True for sentences that have the same numbers."""
    if not (isinstance(old, str) and isinstance(new, str) and " " in old and " " in new):
        return False
    return _NUMBER.findall(old) == _NUMBER.findall(new)


def _shown(value: Any) -> str:
    text = repr(value) if value is MISSING else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"


def report(differences: list[Difference], *, leaves: int) -> Iterator[str]:
    """The report in lines: differences by name, then remarks by reason.

    Args:
        differences: all differences.
        leaves: largest number of values that are shown per name.
    """
    by_name: dict[str, list[Difference]] = {}
    remarks: dict[str, dict[str, list[Difference]]] = {}
    for difference in differences:
        reason, name = difference.remark, difference.name
        groups = remarks.setdefault(reason, {}) if reason else by_name
        groups.setdefault(name, []).append(difference)
    yield from _grouped(by_name, leaves)
    for reason, groups in remarks.items():
        yield f"remark, {reason}: {len(groups)} answers"
        yield from _grouped(groups, min(leaves, 1), "  ")
    count = sum(len(group) for group in by_name.values())
    yield f"{count} differences in {len(by_name)} answers" if count else "no difference"


def _grouped(groups: dict[str, list[Difference]], leaves: int, indent: str = "") -> Iterator[str]:
    for name, several in groups.items():
        yield f"{indent}{name}"
        yield from (f"{indent}  {difference}" for difference in several[:leaves])
        if len(several) > leaves:
            yield f"{indent}  … and {len(several) - leaves} more"

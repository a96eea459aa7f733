"""Targets from TOML files: those that come with nmtool, and your own.

Each figure is a table of its value and its origin:

    [core]
    neurons = { value = 1024, mark = "source code", source = "nengo-loihi" }

`docs/targets.md` lists all sections and figures. A figure that is left out is unknown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import Field, fields
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any

from nmtool.arguments import checked, kind_of
from nmtool.arithmetic import LIMITS, LOIHI2, Arithmetic, Neuron, arithmetics
from nmtool.errors import Finding, UsageError, check_path, listed, quoted, suggestion
from nmtool.plugins import FIGURES, TARGETS, load, loaded, registered
from nmtool.targets.target import (
    CHIP,
    DEFINED,
    INFERRED,
    MARKS,
    SOFTWARE,
    Chip,
    Core,
    EventCosts,
    Figures,
    Memory,
    Origin,
    Target,
)
from nmtool.toml_files import parse_toml, read_toml

ENDING = ".toml"

SECTIONS: Mapping[str, type] = {
    "neuron": Neuron,
    "core": Core,
    "chip": Chip,
    "memory": Memory,
    "energy_pj": EventCosts,
    "time_ns": EventCosts,
}
"""nmtool's own sections of figures other than `holds`, and their classes."""

HOLDS, BARRIER = "holds", "barrier_us"
_WORDS = ("name", "title", "kind", "format", "processor", "arithmetic")


def target_names() -> list[str]:
    """Names of all targets: those of nmtool itself and of plug-ins, sorted.

    >>> "loihi1" in target_names()
    True
    """
    own = _own_names()
    return sorted([*own, *loaded(TARGETS, Target, own=own)])


@cache
def _own_names() -> tuple[str, ...]:
    """Names of the targets of nmtool itself."""
    names = (file.name for file in (files("nmtool") / "targets").iterdir())
    return tuple(name.removesuffix(ENDING) for name in names if name.endswith(ENDING))


def targets_of(package: str) -> Callable[[str], Target]:
    """Make the function `__getattr__` of a package of targets, which reads their files.

    The attribute `my_chip` is the target in the file `my-chip.toml`.

    Args:
        package: full name of the package.
    """

    def target(attribute: str) -> Target:
        """Read the target of an attribute."""
        file = files(package) / f"{attribute.replace('_', '-')}{ENDING}"
        if attribute.startswith("_") or not file.is_file():
            raise AttributeError(f"module '{package}' has no attribute '{attribute}'")
        return _target_from(parse_toml(file.read_bytes(), file.name), file.name)

    return target


@checked
def target_named(name: str | Path | Target) -> Target:
    """Find a target by name, or read it from a file; a `Target` is returned unchanged.

    >>> target_named("loihi2").core.neurons
    8192

    Args:
        name: one of `target_names()`, the path of a file that ends in `.toml`, or a target.

    Raises:
        MissingError: a plug-in provides the target, but cannot be used.
        UsageError: there is no target of this name, the name is that of a family of targets, or the
            file has mistakes. The findings list all invalid values; if there are none, they list
            all limits that are too wide and all contradictions.
    """
    if isinstance(name, Target):
        return name
    check_path(name, "a target")
    if isinstance(name, Path) or name.endswith(ENDING):
        packaged = {
            key: sorted({getattr(target_named(target_name), key) for target_name in target_names()})
            for key in ("format", "processor")
        }
        return _target_from(read_toml(Path(name)), str(name), packaged)
    if name in _own_names():
        return _own(name)
    if name not in target_names():
        if name in registered(TARGETS):
            return load(TARGETS, name, Target)
        family = [
            target_name for target_name in target_names() if target_name.startswith(f"{name}-")
        ]
        if len(family) > 1:
            raise UsageError(
                f"'{name}' is a family of {len(family)} targets",
                code="target-family",
                why="they have different limits",
                fix=f"give `target=` one of {', '.join(family)}",
            )
        raise UsageError(
            f"there is no target '{name}'",
            code="target-unknown",
            fix=suggestion(name, target_names(), also=f", or a file FILE{ENDING}"),
        )
    return loaded(TARGETS, Target, own=_own_names())[name]


@cache
def _own(name: str) -> Target:
    """Read a target of nmtool itself."""
    file = files("nmtool") / "targets" / f"{name}{ENDING}"
    return _target_from(parse_toml(file.read_bytes(), file.name), file.name)


def _target_from(
    content: dict[str, Any],
    where: str,
    packaged: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Target:
    """Make a target from the content of a file; raise `UsageError` if the file has mistakes."""
    reader = _Reader(content, packaged)
    target = reader.target()
    if reader.findings:
        raise UsageError(
            f"{where} does not describe a target",
            code="target-file",
            fix="correct the listed entries; docs/targets.md has all figures",
            findings=reader.findings,
        )
    return target


def _check_figures(kind: type) -> None:
    if not issubclass(kind, Figures):
        raise TypeError("it does not derive from Figures")


def _known_arithmetics(name: str) -> Mapping[str, Arithmetic]:
    """Arithmetics to look a name up in; nmtool's own alone, which needs no plug-in, if it fits."""
    return {LOIHI2.name: LOIHI2} if name in ("", LOIHI2.name) else arithmetics()


class _Reader:
    """Converts the content of a file to a target, and collects a finding for each mistake.

    Looks for contradictions between figures only if all figures are valid.

    Args:
        content: content of the file.
        packaged: for a user's file, the allowed values of `format` and `processor`, which are the
            values in nmtool's own targets; empty for nmtool's own files.
    """

    def __init__(self, content: dict[str, Any], packaged: Mapping[str, Sequence[str]]) -> None:
        self.content = content
        self.packaged = packaged
        self.findings: list[Finding] = []
        self.origins: dict[str, Origin] = {}
        self.sources: dict[str, str] = {}

    def target(self) -> Target:
        """Convert the content to a target; if there are findings, the result is an empty target."""
        foreign = {
            name: load(FIGURES, name, type, _check_figures)
            for name in registered(FIGURES)
            if name in self.content and name not in SECTIONS
        }
        known = {*SECTIONS, *registered(FIGURES)}
        self._check_keys("", self.content, {*_WORDS, "sources", HOLDS, BARRIER, *known})
        sources = self.content.get("sources", {})
        if isinstance(sources, dict) and all(isinstance(text, str) for text in sources.values()):
            self.sources = sources
        else:
            self._add_wrong_value(
                "sources", "not all entries are text", "name = 'title, year, URL'"
            )
        values: dict[str, Any] = self._texts()
        runs_in = _known_arithmetics(values["arithmetic"]).get(values["arithmetic"], LOIHI2)
        values |= {limit: getattr(runs_in, limit) for limit in LIMITS}
        for limit, value in self._figures(HOLDS, LIMITS):
            values[limit] = self._checked_limit(limit, value)
        values |= {section: self._section(section, kind) for section, kind in SECTIONS.items()}
        values["sections"] = {name: self._section(name, kind) for name, kind in foreign.items()}
        if values["arithmetic"]:
            if self.content.get("neuron"):
                self._add_contradiction(
                    "neuron", f"the arithmetic {runs_in.name} defines the neuron already"
                )
            values["neuron"] = runs_in.neuron
        for _, value in self._figures("", [BARRIER]):
            values[BARRIER] = self._checked_barrier(value)
        if self.findings:
            return Target("")
        self._find_contradictions(values)
        try:
            return Target(**values, origins=self.origins)
        except UsageError as error:
            self.findings += error.findings
            return Target("")

    def _section(self, section: str, kind: type) -> Any:
        """Read the figures of a section into an object of its class."""
        about = {field.name: field for field in fields(kind)}
        return kind(
            **{
                name: self._checked_value(f"{section}.{name}", value, about[name])
                for name, value in self._figures(section, about)
            }
        )

    def _texts(self) -> dict[str, str]:
        """The texts of the file, such as name and kind; invalid texts become findings."""
        words = {key: self.content.get(key, "") for key in _WORDS}
        if isinstance(words["arithmetic"], dict):
            words["arithmetic"] = next(
                (value for _, value in self._figures("", ["arithmetic"])), ""
            )
        for key, value in words.items():
            if not isinstance(value, str):
                self._add_wrong_value(key, f"{quoted(value)} is not text", "give text, in quotes")
                words[key] = ""
        if not words["name"]:
            self._add_wrong_value("name", "the target has no name", 'begin with name = "my-chip"')
        choices: dict[str, Sequence[str]] = {
            "kind": (CHIP, SOFTWARE),
            "arithmetic": ("", *_known_arithmetics(words["arithmetic"])),
            **self.packaged,
        }
        for key, options in choices.items():
            if words[key] not in options:
                self._add_wrong_value(
                    key, f"'{words[key]}' is not known", suggestion(words[key], options)
                )
        return words

    def _figures(self, section: str, keys: Collection[str]) -> Iterator[tuple[str, Any]]:
        """Yield the name and the value of each figure of a section.

        Section '' stands for the figures outside of sections.
        """
        content = self.content.get(section, {}) if section else self.content
        if not isinstance(content, dict):
            self._add_wrong_value(section, "it is not a table", f"write [{section}]")
            return
        if section:
            self._check_keys(f"{section}.", content, keys)
        for key in [key for key in content if key in keys]:
            place = f"{section}.{key}" if section else key
            if self._store_origin(place, content[key]):
                yield key, content[key]["value"]

    def _store_origin(self, place: str, entry: Any) -> bool:
        """Store the origin of a figure; return False if the origin is missing or invalid."""
        wrong = ""
        if not isinstance(entry, dict) or "value" not in entry:
            wrong = "its origin (how it is known) is missing"
        elif entry.keys() - {"value", "mark", "source", "note"}:
            wrong = (
                f"its keys are {listed(sorted(entry))}; only value, mark, source and note are "
                "allowed"
            )
        elif entry.get("mark") not in MARKS:
            wrong = f"the mark {quoted(entry.get('mark'))} is none of {', '.join(MARKS)}"
        elif entry["mark"] not in (DEFINED, INFERRED) and "source" not in entry:
            wrong = f"a figure with the mark '{entry['mark']}' needs a source"
        elif entry.get("source", "") not in ("", *self.sources):
            wrong = f"the source {quoted(entry['source'])} is not in [sources]"
        elif not isinstance(entry.get("note", ""), str):
            wrong = "its note is not text"
        if wrong:
            fix = 'write { value = …, mark = "published", source = "…" }; list sources in [sources]'
            self.findings.append(Finding("target-origin", place, wrong, fix))
            return False
        source = self.sources.get(entry.get("source", ""), "")
        self.origins[place] = Origin(entry["mark"], source, entry.get("note", ""))
        return True

    def _checked_value(self, place: str, value: Any, about: Field[Any]) -> Any:
        """Check the value of a figure, and return it; add a finding if the value is invalid."""
        choices, low, kind = (
            about.metadata["choices"],
            about.metadata["low"],
            kind_of(str(about.type)),
        )
        unknown = "leave the figure out if it is unknown"
        if choices:
            if value not in choices:
                self._add_wrong_value(
                    place, f"{quoted(value)} is not known", f"use {', '.join(choices)}"
                )
        elif kind is not None and not kind.accepts(value):
            what, fix = (
                ("true or false", unknown)
                if low is None
                else ("a number", f"give a number; {unknown}")
            )
            self._add_wrong_value(place, f"{quoted(value)} is not {what}", fix)
        elif low is not None and not low <= value < 1 << 62:
            self._add_wrong_value(place, f"{quoted(value)} is not in {low} … 2^62 − 1", unknown)
        return value

    def _checked_limit(self, limit: str, value: Any) -> Any:
        is_list = isinstance(getattr(Target, limit), tuple)
        entries = value if isinstance(value, list) else [value]
        are_whole = all(isinstance(entry, int) and not isinstance(entry, bool) for entry in entries)
        if is_list != isinstance(value, list) or not are_whole:
            kind = "a list of whole numbers" if is_list else "a whole number"
            self._add_wrong_value(
                f"{HOLDS}.{limit}", f"{quoted(value)} is not {kind}", f"give {kind}"
            )
            return getattr(Target, limit)
        return tuple(value) if is_list else value

    def _checked_barrier(self, pairs: Any) -> tuple[tuple[int, float], ...]:
        """Check the pairs of `barrier_us`, and return them; add a finding if they are invalid."""
        is_valid = isinstance(pairs, list) and all(
            isinstance(pair, list)
            and [*map(type, pair)] in ([int, float], [int, int])
            and pair[0] > 0 <= pair[1] < 1 << 62
            for pair in pairs
        )
        if not is_valid or pairs != sorted(pairs):
            example = "write [[tiles, µs], …], sorted by the number of tiles"
            self._add_wrong_value(BARRIER, "it is not a list of pairs in ascending order", example)
            return ()
        return tuple((tiles, float(us)) for tiles, us in pairs)

    def _find_contradictions(self, values: dict[str, Any]) -> None:
        """Add a finding for each pair of figures that contradict each other."""
        core, chip = values["core"], values["chip"]
        on_core, on_chip = core.neurons or 1, chip.neurons or math.inf
        if on_core > on_chip:
            self._add_contradiction("core.neurons", "a core has more neurons than the chip")
        elif chip.cores and core.neurons and on_chip < math.inf and on_chip > chip.cores * on_core:
            self._add_contradiction("chip.neurons", "the chip has more neurons than all its cores")
        if values["max_delay"] == 0 and f"{HOLDS}.delay_bits" in self.origins:
            self._add_contradiction("holds.delay_bits", "there are bits for delays, but no delays")
        bits = max(values["delay_bits"], default=0)
        if 0 < bits < values["max_delay"].bit_length() and f"{HOLDS}.max_delay" not in self.origins:
            what = (
                f"{bits} bits reach {(1 << bits) - 1} steps, or more steps if delays have a stride"
            )
            self._add_wrong_value("holds.delay_bits", what, "give holds.max_delay, too")
        if core.synapse_bytes and (core.neuron_bytes or 0) > core.synapse_bytes:
            self._add_contradiction(
                "core.neuron_bytes", "a neuron takes more bytes than a core has"
            )
        sections = {key: values[key] for key in SECTIONS} | values["sections"]
        for section, figures in sections.items():
            for name, what, fix in figures.missing() if isinstance(figures, Figures) else ():
                self._add_wrong_value(f"{section}.{name}" if name else section, what, fix)

    def _check_keys(self, prefix: str, content: dict[str, Any], names: Collection[str]) -> None:
        for key in [key for key in content if key not in names]:
            what, fix = "there is no such section or figure", suggestion(key, sorted(names))
            self.findings.append(Finding("target-key-unknown", f"{prefix}{key}", what, fix))

    def _add_wrong_value(self, where: str, what: str, fix: str) -> None:
        self.findings.append(Finding("target-value", where, what, fix))

    def _add_contradiction(self, where: str, what: str) -> None:
        """Add a finding on two figures that contradict each other."""
        fix = "correct one of the two figures"
        self.findings.append(Finding("target-contradiction", where, what, fix))

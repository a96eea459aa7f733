"""Properties of populations and input channels, each declared once.

A `Property` is the declaration of a field with a default, as in `reset: str = field_of(RESET)`. A
network whose parts have the default is as if the property did not exist: files leave it out, and
keep their version, bytes and hash. All else follows from the declaration:

- the check of the field, and its error;
- how a file stores it, and the version of a file that has it;
- its place in descriptions, and its values in the random networks of `nmtool.testing`;
- the refusal by every format and engine that does not name it among those that it can express.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar

from nmtool.errors import DoesNotFitError, Finding, NetworkError, quoted

if TYPE_CHECKING:
    from nmtool.network.any_network import AnyNetwork


@dataclass(frozen=True)
class Property:
    """The declaration of a field that has an effect only beyond its default.

    >>> limit = Property("limit", 1, "the largest number of spikes in a step", range(1, 256))
    >>> limit.up_to(15).expresses(16), limit.up_to(15) == limit
    (False, False)

    Attributes:
        name: name of the field, and its key in files and descriptions.
        default: the value without effect. None: there is no value; the property then belongs to the
            one that it needs, and is refused with it.
        meaning: the property in words, with its unit.
        values: possible values: a range, words, or truth values. None: any that its part accepts.
        needs: name of another field, and its values beside which alone this one may leave its
            default.
        why: the reason for `needs`.
        version: first version of a network's file that may have the property.
        extension: the extension of the arithmetic that defines it, such as `counts` in
            `loihi2-counts`; '' if it has no effect on a run.
        remedy: advice for a network that cannot be expressed; `{}` stands for a possible value.
    """

    name: str
    default: Any
    meaning: str
    values: range | tuple[Any, ...] | None = None
    needs: tuple[str, tuple[str, ...]] | None = None
    why: str = ""
    version: int = 1
    extension: str = ""
    remedy: str = "set it to {}"

    def up_to(self, most: int) -> Property:
        """The property with no whole number above `most`, as a format may express it."""
        return replace(self, values=range(1, most + 1))

    def expresses(self, value: Any) -> bool:
        """True if a value is possible; the default always is."""
        return value == self.default or self.values is None or value in self.values


def field_of(declared: Property) -> Any:
    """The dataclass field of a property."""
    return field(default=declared.default, metadata={"property": declared})


class Declared:
    """Base class of the parts of networks that have declared properties.

    Attributes:
        name: name of the part in its network.
        label: the part in messages, with `{}` for its name.
        stand_ins: for properties that are needed but not given, the constants in their places.
    """

    name: str
    label: ClassVar[str]
    stand_ins: ClassVar[Mapping[str, str]] = {}

    @classmethod
    @cache
    def declared(cls) -> dict[str, Property]:
        """The declarations of the part's properties, by name."""
        metadata = [part.metadata for part in fields(cls)]  # type: ignore[arg-type]
        declarations = [entry["property"] for entry in metadata if "property" in entry]
        return {declared.name: declared for declared in declarations}

    @property
    def properties(self) -> dict[str, Any]:
        """The values of the properties that are not at their defaults, by name."""
        values = ((declared, getattr(self, name)) for name, declared in self.declared().items())
        return {p.name: value for p, value in values if not _is_default(p, value)}

    def values_of(self, declared: Property) -> range | tuple[Any, ...] | None:
        """The values that a property can have beside the other constants of this part."""
        return declared.values

    def check_properties(self) -> None:
        """Check the properties, and fill in those that are needed but not given.

        Raises:
            NetworkError: a value is not possible, or not beside another field.
        """
        for name, declared in self.declared().items():
            value, source, values = getattr(self, name), name, self.values_of(declared)
            other, needed = declared.needs or ("", ())
            may_change = not other or getattr(self, other) in needed
            if value is None and declared.default is None:
                if not may_change or name not in self.stand_ins:
                    continue
                source = self.stand_ins[name]
                value = getattr(self, source)
            if values is not None and not _is_among(value, values):
                raise NetworkError(
                    f"{self.label.format(self.name)}: {source} must be {_in_words(values)}, not "
                    f"{quoted(value)}",
                    code="property-range",
                    why=""
                    if source == name
                    else f"{name} is not given, so that {source} is {declared.meaning}",
                    fix=f"choose {declared.meaning}" if source == name else f"give {name}",
                )
            if not may_change and not _is_default(declared, value):
                raise NetworkError(
                    f"{self.label.format(self.name)}: its {other} is {getattr(self, other)}, so "
                    f"that {name} cannot be {quoted(value)}",
                    code="property-conflict",
                    why=declared.why,
                    fix=f"leave out {name}, or set {other} to {' or '.join(needed)}",
                )
            object.__setattr__(self, name, int(value) if isinstance(values, range) else value)


def _is_default(declared: Property, value: Any) -> bool:
    """True for the default; where there is none, the value may be an array."""
    return value is None if declared.default is None else value == declared.default


def _is_among(value: Any, values: range | tuple[Any, ...]) -> bool:
    """True if a value is one of the possible values, and of their type."""
    kind = Real if isinstance(values, range) else type(values[0])
    return isinstance(value, kind) and isinstance(value, bool) == (kind is bool) and value in values


def _in_words(values: range | tuple[Any, ...]) -> str:
    """Possible values in words: `a whole number in 1 … 255`, `'zero', 'subtract' or 'late'`."""
    if isinstance(values, range):
        return f"a whole number in {values[0]} … {values[-1]}"
    *others, last = map(repr, values)
    return f"{', '.join(others)} or {last}" if others else last


def refusals(network: AnyNetwork, expressed: Iterable[Property], by: str) -> list[Finding]:
    """A finding for each property of a part that has an effect, and that cannot be expressed.

    Args:
        network: the network.
        expressed: the properties that can be expressed, with the values that they may have.
        by: what cannot express the others, such as `the format`.
    """
    known = {declared.name: declared for declared in expressed}
    findings = []
    for part in (network.channels, *network.populations):
        for name, value in part.properties.items():
            declared = part.declared()[name]
            if not declared.extension or declared.default is None:
                continue
            limits = known.get(name, replace(declared, values=()))
            if not limits.expresses(value):
                findings.append(_refusal(part, declared, limits, by))
    return findings


def _refusal(part: Declared, declared: Property, limits: Property, by: str) -> Finding:
    """The finding for a property with a value beyond the `limits` of what can be expressed."""
    default, values = declared.default, limits.values or ()
    is_range = isinstance(values, range)
    possible = f"{values[0]} … {values[-1]}" if is_range else _in_words(values or (default,))
    value = getattr(part, declared.name)
    return Finding(
        "property-not-expressed",
        part.name,
        f"its {declared.name}, {declared.meaning}, is {value!r}, but {by} can only express "
        f"{possible}",
        declared.remedy.format(values[-1] if is_range else default),
    )


def check_expressed(network: AnyNetwork, expressed: Iterable[Property], by: str) -> None:
    """Raise `DoesNotFitError`, with all `refusals`, unless all properties can be expressed."""
    if findings := refusals(network, expressed, by):
        raise DoesNotFitError(
            f"{by} cannot run this network", code="network-not-expressed", findings=findings
        )

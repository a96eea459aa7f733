"""Types of arguments and options: from Python, in files, and on the command line.

    @checked
    def inspect(path: str | Path, *, targets: bool = False, progress: Progress = silent): …

`KINDS` describes every type once, by annotation: the values it accepts, the error for other values,
and its flag. Arguments of functions (`checked`), fields of options (`nmtool.options`), settings of
training and flags (`nmtool.cli.flags`) all use this table. Only types are checked here; the
function itself checks ranges and choices. `progress=None` means `silent` for every function that is
`checked`.
"""

from __future__ import annotations

import argparse
import difflib
import functools
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any, ParamSpec, TypeAlias, TypeVar, overload

from nmtool.errors import UsageError, check_type, nearest
from nmtool.progress import shown_by


@dataclass(frozen=True)
class Kind:
    """A type of arguments, options and settings.

    Attributes:
        types: classes, or names of classes that should not be imported.
        fix: advice on what to pass, for the error.
        or_none: True if None is also accepted.
        flag: keywords of `argparse.ArgumentParser.add_argument`; None: commands define the flag.
        words: valid values of a setting in words.
        convert: function that converts a setting of these types; returns None for invalid values.
    """

    types: tuple[type | str, ...]
    fix: str
    or_none: bool = False
    flag: Mapping[str, Any] | None = None
    words: str = ""
    convert: Callable[[Any], Any] = lambda value: value

    def check(self, name: str, value: object) -> None:
        """Raise `UsageError` unless a value has one of the types."""
        if not self.accepts(value):
            check_type(value, (), name, self.fix)

    def accepts(self, value: object) -> bool:
        """True if a value has one of the types."""
        if value is None and self.or_none:
            return True
        names = {kind for kind in self.types if isinstance(kind, str)}
        if any(base.__name__ in names for base in type(value).__mro__):
            return True
        classes = tuple(kind for kind in self.types if not isinstance(kind, str))
        if isinstance(value, bool) and not {bool, object} & set(classes):
            # In Python, bool is a subclass of int. True and False are nevertheless refused as
            # numbers.
            return False
        return isinstance(value, classes)


def optional(kind: Kind) -> Kind:
    """A copy of the kind that also accepts None."""
    return replace(kind, or_none=True)


def count(text: str) -> int:
    """Parse a whole number of at least 1; for `type=`."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, not '{text}'")
    return number


def number_by_name(text: str) -> float | dict[str, float]:
    """Parse `20`, or `Hidden:20,Output:10` to numbers by name; for `type=`."""
    try:
        return _by_name(text, float) if ":" in text else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"must be a number, or NAME:NUMBER,…, not '{text}'"
        ) from None


def counts_by_name(text: str) -> dict[str, int]:
    """Parse `Input:700,Hidden:256` to whole numbers by name; for `type=`."""
    try:
        return _by_name(text, count)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be NAME:NUMBER,…, not '{text}'") from None


def _by_name(text: str, value: Callable[[str], Any]) -> dict[str, Any]:
    """Parse `NAME:VALUE,…` to values by name; `ValueError` for missing or repeated names."""
    pairs = [part.split(":") for part in text.split(",")]
    values = {name.strip(): value(number) for name, number in pairs}
    if len(values) < len(pairs) or "" in values:
        raise ValueError
    return values


# NumPy's classes are given by name, so that `--help` need not import NumPy.
SWITCH = Kind((bool, "bool", "bool_"), "pass True or False", words="true or false", convert=bool)
WHOLE = Kind(
    (int, "integer"),
    "pass a whole number",
    flag={"type": int, "metavar": "N"},
    words="a whole number",
    convert=int,
)
COUNT = replace(WHOLE, flag={"type": count, "metavar": "N"})
NUMBER = Kind(
    (int, float, "integer", "floating"),
    "pass a number",
    flag={"type": float, "metavar": "X"},
    words="a number",
    convert=float,
)
NUMBERS = Kind(
    (int, float, "integer", "floating", "ndarray", list, tuple, "Tensor"),
    "pass a number, or one per neuron",
)
ARRAY = Kind(("ndarray", list, tuple, "Tensor"), "pass an array")
WORD = Kind((str,), "pass a string", flag={}, words="a word")
WORDS = Kind((str, list, tuple), "pass a list of strings")
LIST = Kind((list, tuple), "pass a list", flag={"action": "append"})
NAMES = Kind((list, tuple, "ndarray"), "pass names in a list")
PATH = Kind((str, PathLike), "name a file or folder, as text or as a Path", flag={})
MAPPING = Kind((Mapping,), "pass a dict")
NETWORK = Kind(
    ("Network", "IntegerNetwork", "Run", "SpikingNetwork", str, PathLike),
    "pass a Network, an IntegerNetwork, a Run, a SpikingNetwork, or the path of a network",
    flag={"metavar": "NETWORK"},
)
NETWORKS = Kind((Mapping, list, tuple), "pass a list of networks, or a dict of networks by name")
FLOATS = Kind(
    ("Network",), "pass a float nmtool.Network, such as `model.to_network()` of a SpikingNetwork"
)
EITHER = Kind(
    ("Network", "IntegerNetwork"),
    "pass a Network or an IntegerNetwork, such as `model.to_network()` of a SpikingNetwork",
)
TARGET = Kind(("Limits",), "pass an nmtool.Target, such as nmtool.target_named('loihi2')")
TARGET_OF_INTEGERS = Kind(("Limits", str, PathLike), "name a target, or pass an nmtool.Target")
NAMED_TARGET = Kind(
    ("Target", str, PathLike),
    "name a target, or pass an nmtool.Target",
    flag={"metavar": "TARGET"},
)
TARGETS = Kind(
    ("Target", str, PathLike, list, tuple),
    "name targets, or pass nmtool.Targets",
    flag={"action": "append", "metavar": "TARGET"},
)
EVENTS = Kind(("SpikeEvents",), "pass SpikeEvents, such as data.test")
SPIKES = Kind(("SpikeEvents", "Raster"), "pass SpikeEvents, such as data.test, or a Raster")
SAMPLES = Kind(("Dataset", "SpikeEvents"), "pass a Dataset or SpikeEvents")
RECORDING = Kind(("Recording",), "pass a Recording, such as the result of nmtool.simulate")
WRITING_OPTIONS = Kind(
    ("WritingOptions",), "pass the options of the format, such as nmtool.NirOptions(…)"
)
GROUPING = Kind(
    (str, int, "integer"), "name a column, or pass a number N for blocks of N neighbouring samples"
)
BUDGET = Kind((str, int, "integer"), "give a time such as '30min', or a number of trials")
CALIBRATION = Kind(("Calibration",), "pass an nmtool.Calibration")
GRID = Kind(("DelayGrid",), "pass a DelayGrid")
DEVICE = Kind(
    ("Device", str),
    "name the device: 'auto', 'cpu' or 'cuda'",
    flag={"choices": ("auto", "cpu", "cuda")},
)
RANKS = Kind(("Ranks",), "leave the argument out; torchrun sets it")
PER_POPULATION = Kind(
    (*NUMBER.types, Mapping),
    "pass a number, or numbers by name",
    flag={"type": number_by_name},
)
SIZES = Kind((Mapping,), "pass a dict", flag={"type": counts_by_name})
WORD_LIST = Kind(
    (list, tuple),
    "pass names in a list",
    flag={"type": lambda text: tuple(text.split(","))},
)
LABEL = Kind((str, int, "integer"), "pass a word or a number", flag={})

Count: TypeAlias = int
"""A whole number of at least 1."""

PerPopulation: TypeAlias = float | Mapping[str, float]
"""A number for all populations, or numbers by name."""

Sizes: TypeAlias = Mapping[str, int]
"""Whole numbers by name."""

Words: TypeAlias = tuple[str, ...]
"""Several names."""

Label: TypeAlias = str | int
"""A word or a whole number."""

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")
_Object = TypeVar("_Object")


def union_members(annotation: str) -> frozenset[str]:
    """Names of the types that an annotation joins by `|`, without their parameters.

    >>> sorted(union_members("Sequence[str | Path] | None"))
    ['None', 'Sequence']
    """
    while annotation != (outside := re.sub(r"\[[^\[\]]*\]", "", annotation)):
        annotation = outside
    return frozenset(name.strip() for name in annotation.split("|"))


KINDS = {
    union_members(annotation): kind
    for annotation, kind in {
        "bool": SWITCH,
        "int": WHOLE,
        "Count": COUNT,
        "float": NUMBER,
        "str": WORD,
        "str | int": BUDGET,
        "str | Path": PATH,
        "Mapping": MAPPING,
        "Sequence": LIST,
        "Source": NETWORK,
        "Network": FLOATS,
        "Network | IntegerNetwork": EITHER,
        "Mapping | Sequence": NETWORKS,
        "str | Path | Limits": TARGET_OF_INTEGERS,
        "str | Path | Target": NAMED_TARGET,
        "str | Path | Target | Sequence": TARGETS,
        "SpikeEvents | Dataset": SAMPLES,
        "Recording": RECORDING,
        "Grouping": GROUPING,
        "Calibration": CALIBRATION,
        "DelayGrid": GRID,
        "Device | str": DEVICE,
        "Ranks": RANKS,
        "WritingOptions": WRITING_OPTIONS,
        "PerPopulation": PER_POPULATION,
        "Sizes": SIZES,
        "Words": WORD_LIST,
        "Label": LABEL,
    }.items()
}
"""Kinds by annotation; modules add types of their own. Functions check parameters with other
annotations."""


def kind_of(annotation: str) -> Kind | None:
    """Kind of the arguments that have an annotation; None if `KINDS` lacks the annotation."""
    parts = union_members(annotation)
    kind = KINDS.get(parts - {"None"})
    return optional(kind) if kind and "None" in parts else kind


@overload
def checked(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]: ...


@overload
def checked(
    **kinds: Kind,
) -> Callable[[Callable[_Arguments, _Result]], Callable[_Arguments, _Result]]: ...


def checked(function: Any = None, **kinds: Kind) -> Any:
    """Decorate a public function: check the types of its arguments before it runs.

    Args:
        function: the function; its annotations give the kinds.
        kinds: kinds of those arguments whose annotations do not give a kind, by name of the
            argument.

    >>> @checked
    ... def twice(times: int):
    ...     return 2 * times
    >>> twice(3)
    6
    >>> twice("3")
    Traceback (most recent call last):
    ...
    nmtool.errors.UsageError: [argument-type] times cannot be a str
    fix: pass a whole number
    """
    if function is None:
        return functools.partial(checked, **kinds)
    signature = inspect.signature(function)
    unknown = set(kinds) - set(signature.parameters)
    assert not unknown, f"{function.__qualname__} has no {unknown}"
    for name, parameter in signature.parameters.items():
        if name not in kinds and (kind := kind_of(str(parameter.annotation))):
            kinds[name] = kind
    has_progress = "progress" in signature.parameters

    @functools.wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        _check_keywords(function, keywords, signature)
        try:
            passed = signature.bind(*arguments, **keywords).arguments
        except TypeError as error:
            names = signature.parameters.values()
            keyword_only = [f"{p.name}=" for p in names if p.kind is p.KEYWORD_ONLY]
            hint = f"; by name: {', '.join(keyword_only)}" if "positional" in str(error) else ""
            raise TypeError(
                f"{function.__name__}() {error}{hint if keyword_only else ''}"
            ) from None
        for name, kind in kinds.items():
            if name in passed:
                kind.check(name, passed[name])
        if has_progress and "progress" in passed:
            keywords["progress"] = shown_by(passed["progress"])
        return function(*arguments, **keywords)

    return call


def keywords_checked(cls: type[_Object]) -> type[_Object]:
    """Decorate a class of options: the error for an unknown keyword suggests the nearest option.

    Raises:
        TypeError: the class was called with an unknown keyword.
    """
    signature, original_init = inspect.signature(cls), cls.__init__

    @functools.wraps(original_init)
    def init(self: _Object, *arguments: object, **keywords: object) -> None:
        """Check the names of the keywords, then initialise the object."""
        _check_keywords(cls, keywords, signature)
        original_init(self, *arguments, **keywords)

    cls.__init__ = init  # type: ignore[assignment, method-assign]
    return cls


def _check_keywords(
    function: Any, keywords: Mapping[str, object], signature: inspect.Signature
) -> None:
    """Raise `TypeError` for a keyword that is no parameter of the function or class."""
    for name in keywords:
        if name not in signature.parameters:
            near = nearest(name, list(signature.parameters))
            hint = f"did you mean '{near}'?" if near else _options_hint(name, function, signature)
            raise TypeError(
                f"{function.__name__}() got an unexpected keyword argument '{name}'; {hint}"
            )


def _options_hint(name: str, function: Any, signature: inspect.Signature) -> str:
    """Text for an error about an unknown argument: the option that is meant, or all arguments."""
    for parameter in signature.parameters.values():
        classes = union_members(str(parameter.annotation)) - {"None"}
        if parameter.name in ("options", "conventions") and len(classes) == 1:
            options = inspect.unwrap(function).__globals__[min(classes)]
            names = list(inspect.signature(options).parameters)
            if near := difflib.get_close_matches(name, names, 1, 0.8):
                return f"pass {parameter.name}=nmtool.{options.__name__}({near[0]}=…)"
    return f"the arguments are {', '.join(signature.parameters)}"


def function_or_none(name: str, value: object) -> None:
    """Raise `UsageError` unless an argument is callable or None."""
    if value is not None and not callable(value):
        raise UsageError(
            f"{name} cannot be a {type(value).__name__}",
            code="argument-type",
            fix="pass a function, or None",
        )


def check_fields(instance: object, **kinds: Kind) -> None:
    """Raise `UsageError` unless the named fields of an object have values of the given kinds."""
    for name, kind in kinds.items():
        kind.check(f"{name} of {type(instance).__name__}", getattr(instance, name))


def check_all(what: str, values: Sequence[object], kind: Kind) -> None:
    """Raise `UsageError` unless all values of a sequence are of a kind."""
    LIST.check(what, values)
    for value in values:
        kind.check(f"one of {what}", value)

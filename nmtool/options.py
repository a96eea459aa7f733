"""Options: dataclasses whose fields say which values they take.

    @dataclass(frozen=True)
    class NirOptions(WritingOptions):
        hops: str = option(DELAYED, choices=HOPS)
        nir_dt_s: float = option(1e-4, flag="nir-dt", metavar="S")

The annotation of a field gives its type (`nmtool.arguments.KINDS`), and `option` everything else:
range, choices, and how the flag differs from the one that follows from name and type. The help of a
flag is the field's entry below "Attributes:". Checks and flags are made from these texts alone, so
a new option is one field and its entry.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterable
from dataclasses import Field, asdict, field, fields
from functools import cache
from itertools import pairwise
from typing import Any, ClassVar

from nmtool.arguments import check_fields, kind_of
from nmtool.errors import UsageError


def option(
    default: Any,
    low: float | None = None,
    high: float | None = None,
    *,
    help: str = "",
    choices: Iterable[str] = (),
    positive: bool = False,
    auto: bool = False,
    flag: str = "",
    **settings: Any,
) -> Any:
    """Make the field of an option.

    Args:
        default: default value.
        low, high: smallest and largest value; None for no bound.
        help: text of the help; '': the field's entry below "Attributes:", or the text below it.
        choices: allowed words.
        positive: True if the value must be larger than 0.
        auto: True if the value may be `auto`, which is replaced by a number later.
        flag: the flag, without dashes and prefix; '': the name of the field. Fields of several
            classes with the same flag share it.
        settings: keywords of `argparse.ArgumentParser.add_argument`; and `words`: the words that
            the flag takes, or the values of these words.
    """
    metadata = {"help": help, "low": low, "high": high, "choices": tuple(choices)}
    more = {"positive": positive, "auto": auto, "flag": flag, "settings": settings}
    return field(default=default, metadata=metadata | more)


@cache
def _parsed(module: str) -> ast.Module:
    """The parsed source of an imported module."""
    return ast.parse(inspect.getsource(sys.modules[module]))


@cache
def texts_of(cls: type) -> dict[str, str]:
    """The texts below the fields of a class, by name; also under `python -OO`."""
    body = _parsed(cls.__module__).body
    [node] = [entry for entry in body if getattr(entry, "name", "") == cls.__name__]
    assert isinstance(node, ast.ClassDef)
    return {
        ast.unparse(entry.target): " ".join(ast.literal_eval(text.value).split())
        for entry, text in pairwise(node.body)
        if isinstance(entry, ast.AnnAssign) and isinstance(text, ast.Expr)
    }


class Options:
    """Base of classes of options, which checks types and choices.

    Raises:
        UsageError: an option has the wrong type, or is not among its choices.
    """

    def __post_init__(self) -> None:
        for declared in fields(self):  # type: ignore[arg-type]
            if kind := kind_of(str(declared.type)):
                check_fields(self, **{declared.name: kind})
            value, choices = getattr(self, declared.name), declared.metadata.get("choices")
            if choices and value is not None and value not in choices:
                raise self.unknown(declared, value)

    def unknown(self, declared: Field[Any], value: object) -> UsageError:
        """Make the error for a value that is not among the choices of its field."""
        raise NotImplementedError

    def as_json(self) -> dict[str, Any]:
        """The options by name."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]


class WritingOptions(Options):
    """Base of options for writing a format, which are in the module `options` of its package.

    Attributes:
        heading: title of the options in the help of commands.
    """

    heading: ClassVar[str]

    def unused_by(self, name: str) -> UsageError:
        """Make the error for using these options with the format `name`."""
        raise NotImplementedError

    def given(self) -> str:
        """Names of the options that differ from their defaults, as text; '' if there are none."""
        defaults = type(self)().as_json()
        keys = [key for key, value in self.as_json().items() if value != defaults[key]]
        return f"given options: {', '.join(keys)}" if keys else ""


class ReadingOptions(Options):
    """Base of options for reading files of other tools, in the module `options` of a format.

    Attributes:
        note: text above the flags of these options in the help of commands.
        keys: text of the help on the values of `--in KEY=VALUE`. A class has this text instead of
            a note if its options are given by key, and not by a flag for each.
        files: the files that these options are for, in help and messages.
    """

    note: ClassVar[str]
    keys: ClassVar[str]
    files: ClassVar[str]


def prefix_unused(name: str) -> UsageError:
    """Make the error for a prefix of names in a format, called `name`, without this option."""
    return UsageError(
        f"the format {name} has no option `prefix=`",
        code="prefix-unused",
        fix="leave out the prefix, or write a C file: -o NAME.c",
    )

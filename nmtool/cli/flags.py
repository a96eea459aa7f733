"""Flags of a command, from the signature and the "Args:" of the function that it calls.

    flags.add(parser, "inspect", path=flag("path", metavar="FILE"))
    content = nm.inspect(**flags.given(arguments, "inspect"), progress=progress)

A parameter without a default becomes a positional argument, a parameter with a default a flag. Its
annotation decides the type of its value, and its entry below "Args:" is the help. A flag that is
not given is not passed on, so the function's own default applies. Functions are parsed, not
imported, so help loads none of their libraries. It also works under `python -OO`, which strips
docstrings.
"""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import nmtool
from nmtool.arguments import kind_of
from nmtool.cli.arguments import group
from nmtool.errors import suggestion
from nmtool.plugins import NAMES, registered


@dataclass(frozen=True)
class Flag:
    """Changes to a flag that is made from a function's signature: names, settings or group.

    Attributes:
        names: names of the flag, or of the positional argument; empty: the parameter's name.
        settings: keywords of `argparse.ArgumentParser.add_argument`.
        group: title of its group in the help; '': the parser or group passed to `add`.
    """

    names: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    group: str = ""


def flag(*names: str, group: str = "", **settings: Any) -> Flag:
    """Make a `Flag`; keywords become its settings."""
    return Flag(names, settings, group)


@dataclass(frozen=True)
class Parameter:
    """A parameter of a function, or a field of a class of options.

    Attributes:
        name: name in the signature.
        annotation: source text of the annotation, without `None`.
        default: source text of the default; None if the parameter is required.
        text: its entry below "Args:", or below "Attributes:".
        option: keywords of the `nmtool.options.option` that declares the field.
    """

    name: str
    annotation: str
    default: str | None
    text: str
    option: Mapping[str, Any] = field(default_factory=dict)

    @property
    def word(self) -> str:
        """Name of the flag, without dashes and prefix."""
        return str(self.option.get("flag", self.name)).replace("_", "-")


def add(
    parser: argparse._ActionsContainer,
    function: str,
    *,
    only: Iterable[str] = (),
    dest_prefix: str = "",
    **changes: Flag | None,
) -> None:
    """Add a flag per parameter of a function, unless the parser has this flag already.

    Args:
        parser: parser of the command, or a group in it.
        function: public name of a function or of a class of options, or its full dotted name.
        only: parameters that get a flag; by default all whose annotation or option gives one.
        dest_prefix: prefix of the flags and of the names of their values.
        changes: changes to flags, by parameter; None: no flag.
    """
    parameters = {parameter.name: parameter for parameter in read(function)}
    unknown = {*changes, *only} - {*parameters}
    assert not unknown, f"{function} has no {unknown}"
    chosen: dict[str, Flag] = {}
    for name, parameter in parameters.items():
        change, usual = changes.get(name, Flag()), keywords(parameter)
        has_keywords = usual is not None or name in changes
        if change is None or not has_keywords or (only and name not in only):
            continue
        settings = {"help": parameter.text, **(usual or {}), **change.settings}
        if "choices" in change.settings:
            settings["metavar"] = change.settings.get("metavar")
        names = change.names or _names(parameter, dest_prefix)
        chosen[name] = Flag(names, settings, change.group)
    flag_names = {f"`{name}`": option.names[-1] for name, option in chosen.items()}
    for name, option in chosen.items():
        if dest_prefix + name in [action.dest for action in parser._actions]:
            continue
        if {*option.names} & {*parser._option_string_actions}:
            continue
        settings = {**option.settings, "default": argparse.SUPPRESS}
        text = re.sub(
            "`[^`]*`", lambda quoted: flag_names.get(quoted[0], quoted[0]), settings["help"]
        )
        settings["help"] = text.replace("`", "").replace("%", "%%")
        if option.names[0].startswith("-"):
            settings["dest"] = dest_prefix + name
        place = group(parser, option.group) if option.group else parser
        place.add_argument(*option.names, **settings)


def given(arguments: argparse.Namespace, function: str, *, prefix: str = "") -> dict[str, Any]:
    """Values of a function's flags that the command line gives, by parameter."""
    derived = {
        action.dest: action
        for action in arguments.parser._actions
        if action.default is argparse.SUPPRESS
    }
    by_flag = {flag: dest for dest, action in derived.items() for flag in action.option_strings}
    values: dict[str, Any] = {}
    for parameter in read(function):
        dest = prefix + parameter.name
        if dest not in derived and "flag" in parameter.option:
            dest = by_flag.get(f"--{prefix.replace('_', '-')}{parameter.word}", dest)
        if dest in derived and dest in arguments:
            values[parameter.name] = getattr(arguments, dest)
    return values


def one_of(listed: Callable[[], Iterable[str]], also: str = "") -> Callable[[str], str]:
    """Make a `type=` that accepts the words of a list.

    The list is only built when a value is parsed.

    Args:
        listed: function that returns the accepted words.
        also: text of the error after the list of words, on other accepted values.
    """

    def word(text: str) -> str:
        """Return the word if the list contains it, else raise an error."""
        choices = list(listed())
        if text not in choices:
            near = suggestion(text, choices, also=also)
            raise argparse.ArgumentTypeError(f"cannot be '{text}'; {near}")
        return text

    return word


def words(constant: str) -> tuple[str, ...]:
    """Read the strings or keys of a constant, e.g. `nmtool.network.readout.RULES`, from source."""
    module, _, name = constant.rpartition(".")
    [value] = [
        statement.value
        for statement in _tree(module).body
        if isinstance(statement, ast.Assign | ast.AnnAssign) and _assigned(statement) == name
    ]
    if isinstance(value, ast.Dict):
        return tuple(ast.literal_eval(key) for key in value.keys if key)
    assert value is not None
    return tuple(ast.literal_eval(value))


def _assigned(statement: ast.Assign | ast.AnnAssign) -> str:
    """The name to which a statement assigns a value; of several, the last."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return ast.unparse(targets[-1])


def keywords(parameter: Parameter) -> dict[str, Any] | None:
    """Keywords of `add_argument` for a parameter; None if nothing gives it a flag."""
    kind, declared = kind_of(parameter.annotation), parameter.option
    own = {name: declared[name] for name in ("help", "metavar") if name in declared}
    if accepted := declared.get("words", declared.get("choices")):
        return {**_one_of_words(accepted), **own}
    if parameter.annotation == "bool":
        return {"action": "store_const", "const": True, **own}
    if kind is None or kind.flag is None:
        return None
    return {"metavar": parameter.name.upper(), **kind.flag, **own}


def _one_of_words(accepted: Mapping[str, Any] | tuple[str, ...]) -> dict[str, Any]:
    """Keywords of `add_argument` for a flag that takes words, or the values that they stand for."""
    if not isinstance(accepted, Mapping):
        return {"choices": accepted}

    def value_of(text: str) -> Any:
        """The value of a word; raises an error for other words."""
        if text not in accepted:
            raise argparse.ArgumentTypeError(f"must be {' or '.join(accepted)}, not '{text}'")
        return accepted[text]

    return {"type": value_of, "metavar": f"{{{','.join(accepted)}}}"}


def _names(parameter: Parameter, prefix: str) -> tuple[str, ...]:
    """Names of the flag or argument for a parameter."""
    if parameter.default is None:
        return (prefix + parameter.name,)
    return (f"--{prefix.replace('_', '-')}{parameter.word}",)


# Parsing of signatures and docstrings


@cache
def read(function: str) -> tuple[Parameter, ...]:
    """The parameters of a function, or the fields of a class of options, from its source."""
    module, _, name = function.rpartition(".")
    module = module or home_of(name)
    [node] = [
        statement for statement in _tree(module).body if getattr(statement, "name", "") == name
    ]
    assert isinstance(node, ast.FunctionDef | ast.ClassDef)
    text = ast.get_docstring(node) or ""
    texts = dict(_entries(text, "Attributes:" if isinstance(node, ast.ClassDef) else "Args:"))
    if isinstance(node, ast.ClassDef):
        return tuple(_fields(node, module, texts))
    return tuple(
        Parameter(name, annotation.removesuffix(" | None"), default, _text(name, texts))
        for name, annotation, default in _parameters(node)
    )


def _text(name: str, texts: Mapping[str, str]) -> str:
    """The help of a parameter: its entry; "as for `function`" means that function's entry."""
    text = texts.get(name, "")
    if (reference := re.fullmatch(r"as (?:for|in|of) `(\w+)`", text)) and home_of(reference[1]):
        return next(parameter.text for parameter in read(reference[1]) if parameter.name == name)
    return text


@cache
def _tree(module: str) -> ast.Module:
    """The parsed source of a module of nmtool."""
    return ast.parse(_file(module).read_text("utf-8"))


@cache
def _top_file(module: str) -> Path:
    """The source file of a module or package that can be found without imports of others."""
    spec = find_spec(module)
    assert spec is not None
    return Path(str(spec.origin))


def _file(module: str) -> Path:
    """The source file of a module of nmtool."""
    top, below = module.split(".")[:2], module.split(".")[2:]
    file = _top_file(".".join(top))
    if below:
        file = file.parent.joinpath(*below)
        file = file / "__init__.py" if file.is_dir() else file.with_suffix(".py")
    return file


def _parameters(node: ast.FunctionDef) -> Iterator[tuple[str, str, str | None]]:
    """Name, annotation and default of each parameter."""
    listed = [*node.args.args, *node.args.kwonlyargs]
    missing = len(node.args.args) - len(node.args.defaults)
    defaults = [*[None] * missing, *node.args.defaults, *node.args.kw_defaults]
    for parameter, default in zip(listed, defaults, strict=True):
        annotation = ast.unparse(parameter.annotation) if parameter.annotation else ""
        yield parameter.arg, annotation, None if default is None else ast.unparse(default)


def _fields(node: ast.ClassDef, module: str, texts: Mapping[str, str]) -> Iterator[Parameter]:
    """The fields of a class of options."""
    for statement in node.body:
        if not isinstance(statement, ast.AnnAssign):
            continue
        name, annotation = ast.unparse(statement.target), ast.unparse(statement.annotation)
        if annotation.startswith("ClassVar"):
            continue
        default, declared = statement.value, {}
        if isinstance(default, ast.Call) and ast.unparse(default.func) == "option":
            named = {keyword.arg: keyword.value for keyword in default.keywords}
            default = default.args[0]
            declared = {str(key): _value(value, module) for key, value in named.items()}
        yield Parameter(
            name,
            annotation.removesuffix(" | None"),
            None if default is None else ast.unparse(default),
            declared.get("help") or texts.get(name, ""),
            declared,
        )


def _value(expression: ast.expr, module: str) -> Any:
    """The value of a literal, or the words of a constant of a module or of one that it imports."""
    try:
        return ast.literal_eval(expression)
    except ValueError:
        first, dot, rest = ast.unparse(expression).partition(".")
    for statement in _tree(module).body:
        if isinstance(statement, ast.ImportFrom) and first in [n.name for n in statement.names]:
            module = str(statement.module)
    return words(f"{module}.{first}{dot}{rest}")


def class_texts(options: str) -> dict[str, str]:
    """Texts of a class of options, such as its heading, by name."""
    module = home_of(options)
    [node] = [part for part in _tree(module).body if getattr(part, "name", "") == options]
    assert isinstance(node, ast.ClassDef)
    return {
        _assigned(part): ast.literal_eval(part.value)
        for part in node.body
        if isinstance(part, ast.AnnAssign)
        and part.value is not None
        and ast.unparse(part.annotation) == "ClassVar[str]"
    }


def home_of(name: str) -> str:
    """The module of a public name; '' if there is no such name."""
    own: Mapping[str, str] = vars(nmtool)["_homes"]
    if name in own:
        return own[name]
    entry = registered(NAMES).get(name)
    return "" if entry is None else entry.module


@cache
def options_of_formats(base: str) -> list[str]:
    """Public classes of options with this base: those of nmtool's formats, then of plug-ins."""
    own: Mapping[str, str] = vars(nmtool)["_homes"]
    names = [name for name, home in own.items() if home.startswith("nmtool.exporters.")]
    return [name for name in [*names, *registered(NAMES)] if base in _bases(name)]


def _bases(name: str) -> list[str]:
    """The bases of a public class, as its source names them; [] for other objects."""
    return [
        ast.unparse(base)
        for part in _tree(home_of(name)).body
        if isinstance(part, ast.ClassDef) and part.name == name
        for base in part.bases
    ]


def _entries(docstring: str, title: str) -> Iterator[tuple[str, str]]:
    """Names and texts of the entries in a section of a docstring."""
    _, _, section = docstring.partition(f"{title}\n")
    section = re.split(r"^\S", section, maxsplit=1, flags=re.M)[0]
    for entry in re.findall(r"^ {4}(\w[\w, ]*): (.*(?:\n {8}.*)*)", section, flags=re.M):
        text = " ".join(entry[1].split()).removesuffix(".")
        for name in entry[0].split(", "):
            yield name, text

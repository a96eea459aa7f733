"""Settings of a training run: from options, from TOML files, and from a run to resume."""

from __future__ import annotations

import argparse
from dataclasses import Field, fields
from typing import TYPE_CHECKING, Any

from nmtool.arguments import kind_of
from nmtool.errors import UsageError

if TYPE_CHECKING:
    from nmtool.training.loop.run_folder import RunFolder
    from nmtool.training.options import TrainOptions


_IN_A_FILE = (
    "In FILE.toml, names have underscores, and names of times end in _ms: --delay-lr is "
    "delay_lr, --tau-mem is tau_mem_ms."
)


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add `--config`."""
    parser.add_argument(
        "--config",
        metavar="NAME|FILE.toml",
        help="settings from a recipe of nmtool or from a file; options override them",
    )


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add a flag for each field of `TrainOptions`, in groups.

    Flags that are not given set no value.
    """
    from nmtool.options import texts_of
    from nmtool.training.options import GROUPS

    parser.add_argument_group("settings", _IN_A_FILE)
    for settings in GROUPS:
        group = parser.add_argument_group(f"settings: {settings.heading}")
        for option in fields(settings):
            _add_setting(group, option, _help(option, texts_of(settings)[option.name]))


def flag_of(name: str) -> str:
    """The flag of a setting, such as `--tau-mem` for `tau_mem_ms`."""
    return "--" + name.removesuffix("_ms").replace("_", "-")


def _help(option: Field[Any], text: str) -> str:
    """The help of a setting: its text, with its range and its default."""
    metadata = option.metadata
    if metadata["high"] is not None and metadata["high"] <= 1000:
        text += f"; {metadata['low'] or 0} … {metadata['high']}"
    return text if option.default is None else f"{text} (default {_default_text(option.default)})"


def _add_setting(group: argparse._ArgumentGroup, option: Field[Any], text: str) -> None:
    from nmtool.data.dividing import AUTO
    from nmtool.toml_files import OFF

    flag, kind = flag_of(option.name), kind_of(str(option.type))
    assert kind is not None
    shared: dict[str, Any] = {"dest": option.name, "default": argparse.SUPPRESS, "help": text}
    if kind.flag is None:
        exclusive = group.add_mutually_exclusive_group()
        exclusive.add_argument(flag, action=argparse.BooleanOptionalAction, **shared)
        if option.name == "recurrent":
            shared["help"] = "the same as --no-recurrent"
            exclusive.add_argument("--feedforward", action="store_false", **shared)
    elif choices := option.metadata["choices"]:
        group.add_argument(flag, choices=choices, **shared)
    elif "nargs" in kind.flag or "type" not in kind.flag:
        group.add_argument(flag, **{"metavar": "NAME", **kind.flag, **shared})
    else:
        number, metavar = kind.flag["type"], kind.flag["metavar"]
        words: dict[str, str | None] = {OFF: None} if kind.or_none else {}
        if option.metadata["auto"]:
            words[AUTO] = AUTO

        def read(text: str) -> Any:
            """Parse a number, or a word that stands for a value."""
            return words[text] if text in words else number(text)

        read.__name__ = number.__name__  # argparse uses this name in "invalid int value".
        group.add_argument(flag, type=read, metavar="|".join((metavar, *reversed(words))), **shared)


def _default_text(default: Any) -> str:
    if isinstance(default, bool):
        return "yes" if default else "no"
    if isinstance(default, tuple):
        return " ".join(f"{number:g}" for number in default)
    return f"{default:g}" if isinstance(default, float) else str(default)


def given_settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """The settings that the flags give, by name."""
    from nmtool.training.options import TrainOptions

    names = {option.name for option in fields(TrainOptions)}
    return {name: value for name, value in vars(arguments).items() if name in names}


def changed_settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """Settings by name: from `--config`, overridden by flags."""
    from nmtool.training.recipes import read_settings

    settings = {} if arguments.config is None else read_settings(arguments.config)
    return {**settings, **given_settings(arguments)}


def chosen_settings(arguments: argparse.Namespace) -> TrainOptions:
    """All training settings: the defaults, overridden by `--config`, then by flags."""
    from nmtool.training.options import TrainOptions

    origin = arguments.config or "command line"
    return TrainOptions().with_settings(changed_settings(arguments), origin)


def resumed_settings(folder: RunFolder, arguments: argparse.Namespace) -> TrainOptions:
    """The settings of the run to resume; flags may only raise the number of epochs."""
    if arguments.config is not None:
        raise UsageError(
            "--resume uses the settings of the run",
            code="resume-differs",
            fix="leave out --config",
        )
    return folder.resumed_options(given_settings(arguments))

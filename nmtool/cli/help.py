"""Help in groups: what to start with first, then everything else by subject."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

FIRST: Mapping[str, Sequence[str]] = {
    "train": ("--output", "--config", "--hidden", "--steps", "--epochs"),
    "crossvalidate": ("--output", "--by", "--config", "--folds", "--seeds"),
    "finetune": ("--output", "--data", "--config", "--epochs", "--arithmetic"),
    "evaluate": ("--split", "--samples", "--classes", "--predictions", "--json"),
    "cost": ("--data", "--target", "--samples", "--plot", "--by"),
    "compare": ("--data", "--with", "--split", "--samples"),
    "quantise": ("--output", "--data", "--weight-bits", "--delay-bits", "--target"),
    "export": ("--output", "--to", "--data", "--force"),
    "convert": ("--to", "--force", "--data", "--no-verify", "--in-nir-dt"),
    "run": ("--split", "--samples", "--json"),
    "verify": ("--against", "--samples", "--split", "--exercise", "--artefact"),
    "report": ("--output", "--against", "--target", "--samples", "--force"),
}
"""By command, the options to start with, at most five; of other commands all stand together."""

_SUBJECTS: Mapping[str, Sequence[str]] = {
    "data": ("data", "data_dir", "units", "split", "validation", "validation_by", "samples"),
    "rounding to integers": ("weight_bits", "delay_bits", "ranges", "scale"),
    "output and machine": (
        *("output", "json", "csv", "force", "trust", "tensorboard"),
        *("threads", "device", "help"),
    ),
}
"""Options that several commands have, by the names of their values."""

COMMANDS: Mapping[str, Sequence[str]] = {
    "to start with": ("demo", "train", "evaluate", "quantise", "verify"),
    "training": ("sweep", "finetune", "crossvalidate", "teach", "join", "compare"),
    "chips and formats": ("check", "cost", "export", "convert", "run", "zoo"),
    "a look at things": ("report", "inspect", "data"),
    "this computer": ("doctor", "completion", "lava", "brian2-loihi"),
}
"""Commands by subject."""

_Section = tuple[str | None, str | None, list[argparse.Action]]


def usage(parser: argparse.ArgumentParser) -> str:
    """The usage of a command in one line: what it must be given, and that it has options."""
    words = [parser.prog]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            words.append(f"{action.metavar} …")
        elif not action.option_strings:
            name = str(action.metavar or action.dest)
            more = " …" if action.nargs == "+" else ""
            words.append(f"[{name}]" if action.nargs == "?" else f"{name}{more}")
        elif action.required:
            words.append(f"{action.option_strings[0]} {action.metavar}")
    return " ".join([*words, "[options]"])


def sections(parser: argparse.ArgumentParser) -> list[_Section]:
    """Title, text and arguments of every part of a parser's help, in their order."""
    subparsers = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    if subparsers:
        return [*_commands(subparsers[0]), ("options", None, parser._optionals._group_actions)]
    positional, optional = parser._positionals, parser._optionals
    named = [g for g in parser._action_groups if g not in (positional, optional)]
    command = parser.prog.rpartition(" ")[2]
    first = [parser._option_string_actions[name] for name in FIRST.get(command, ())]
    rest = [action for action in optional._group_actions if action not in first]
    found: list[_Section] = [("arguments", None, positional._group_actions)]
    if not first:
        found.append(("options", None, rest))
        return [*found, *((g.title, g.description, g._group_actions) for g in named)]
    found.append(("to start with", None, first))
    known = {dest for dests in _SUBJECTS.values() for dest in dests}
    found.append(("more options", None, [action for action in rest if action.dest not in known]))
    for title, dests in _SUBJECTS.items():
        found.append((title, None, [action for action in rest if action.dest in dests]))
    for group in named:
        left = [action for action in group._group_actions if action not in first]
        found.append((group.title, group.description, left))
    return found


def _commands(action: argparse._SubParsersAction[argparse.ArgumentParser]) -> list[_Section]:
    """The commands by subject; those of none come last."""
    by_name = {one.dest: one for one in action._choices_actions}
    found: list[_Section] = []
    for title, names in COMMANDS.items():
        found.append((title, None, [by_name.pop(name) for name in names if name in by_name]))
    return [*found, ("more commands", None, list(by_name.values()))]

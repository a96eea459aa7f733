"""Help in groups: first the flags to start with, then all others by subject."""

from __future__ import annotations

import argparse

from nmtool.cli.arguments import MACHINE, ROUNDING, SAMPLES
from nmtool.cli.commands import COMMANDS

_Section = tuple[str | None, str | None, list[argparse.Action]]


def usage(parser: argparse.ArgumentParser) -> str:
    """Usage of a command in one line: its required arguments, and `[options]`."""
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
    """Title, text and arguments of every section of a parser's help, in order."""
    subparsers = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    if subparsers:
        return [*_commands(subparsers[0]), ("options", None, parser._optionals._group_actions)]
    positional, optional = parser._positionals, parser._optionals
    by_title = {group.title: group for group in parser._action_groups}
    command = COMMANDS.get(parser.prog.rpartition(" ")[2])
    names = command.first if command else ()
    first = [parser._option_string_actions[name] for name in names]
    helps = [action for action in optional._group_actions if action.dest == "help"]
    rest = [action for action in optional._group_actions if action not in [*first, *helps]]
    listed: list[_Section] = [("arguments", None, positional._group_actions)]
    if first:
        listed.append(("to start with", None, first))
    listed.append(("more options" if first else "options", None, rest))
    shared = [by_title[title] for title in (SAMPLES, ROUNDING, MACHINE) if title in by_title]
    others = [
        group for group in parser._action_groups if group not in [positional, optional, *shared]
    ]
    for group in [*shared, *others]:
        remaining = [action for action in group._group_actions if action not in first]
        remaining += helps if group.title == MACHINE else []
        listed.append((group.title, group.description, remaining))
    return listed if MACHINE in by_title else [*listed, (MACHINE, None, helps)]


def _commands(action: argparse._SubParsersAction[argparse.ArgumentParser]) -> list[_Section]:
    """The commands, grouped by subject in the order of `COMMANDS`."""
    by_subject: dict[str, list[argparse.Action]] = {}
    for entry in action._choices_actions:
        by_subject.setdefault(COMMANDS[entry.dest].subject, []).append(entry)
    return [(title, None, actions) for title, actions in by_subject.items()]

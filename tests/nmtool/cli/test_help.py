"""Help in groups: the options to start with first, everything exactly once."""

from __future__ import annotations

import argparse

import pytest

from nmtool.cli import help
from nmtool.cli.commands import COMMANDS
from nmtool.cli.main import _parser


def shown(command: str) -> list[argparse.Action]:
    """The arguments in a command's help, in their order."""
    chosen = _parser(command)[1][command]
    return [action for _, _, actions in help.sections(chosen) for action in actions]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_argument_is_listed_once(command: str) -> None:
    chosen = _parser(command)[1][command]
    actions = shown(command)
    assert len({id(action) for action in actions}) == len(actions) == len(chosen._actions)


@pytest.mark.parametrize("command", [name for name, command in COMMANDS.items() if command.first])
def test_at_most_five_main_options(command: str) -> None:
    chosen = _parser(command)[1][command]
    titles = [title for title, _, actions in help.sections(chosen) if actions]
    assert titles[:2] == ["arguments", "to start with"]
    assert 1 <= len(COMMANDS[command].first) <= 5
    options = [action for action in shown(command) if action.option_strings]
    for name, action in zip(COMMANDS[command].first, options, strict=False):
        assert name in action.option_strings


def test_every_command_is_listed_once() -> None:
    parser, _ = _parser(None)
    names = [action.dest for _, _, actions in help.sections(parser) for action in actions]
    assert {*names} >= {*COMMANDS}
    assert len(names) == len({*names})


@pytest.mark.parametrize("command", COMMANDS)
def test_usage_is_a_line(command: str) -> None:
    chosen = _parser(command)[1][command]
    assert len(chosen.format_usage()) <= 80
    assert chosen.format_help().startswith(chosen.format_usage().rstrip())

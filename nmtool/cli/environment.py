"""The commands `nmtool REFEREE setup` and `nmtool REFEREE status`, for any referee."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from nmtool.cli import console
from nmtool.cli.arguments import add_json
from nmtool.cli.progress import working
from nmtool.errors import UsageError

if TYPE_CHECKING:
    from nmtool.exporters.environments import Environment, Referee


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        choices=["setup", "status"],
        metavar="setup|status",
        help="make the environment, or say which one is used",
    )
    parser.add_argument("--force", action="store_true", help="setup: make it anew")
    add_json(parser)


def answer(
    arguments: argparse.Namespace,
    referee: Referee,
    set_up: Callable[..., Environment],
    find: Callable[[], Environment],
) -> int:
    """Make or find the environment of a referee, and say which it is; returns the exit code."""
    if arguments.action == "setup":
        found = set_up(on_line=console.print_remark, force=arguments.force)
    elif arguments.force:
        raise UsageError("--force is for setup", code="option-unused", fix="leave it out")
    else:
        with working(f"importing {referee.title}"):
            found = find()
    if arguments.json:
        console.print_json({referee.name: referee.version, "python": str(found.python)})
    else:
        console.print_line(f"{referee.version} runs with {found.python}")
    return 0

"""`nmtool lava setup` and `nmtool lava status`."""

from __future__ import annotations

import argparse

from nmtool.cli import console
from nmtool.cli.arguments import add_json
from nmtool.cli.progress import working
from nmtool.errors import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        choices=["setup", "status"],
        metavar="setup|status",
        help="make the environment, or say which one is used",
    )
    parser.add_argument("--force", action="store_true", help="setup: make it anew")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    from nmtool.exporters.lava import environment

    if arguments.action == "setup":
        found = environment.set_up_lava(on_line=console.say, force=arguments.force)
    elif arguments.force:
        raise UsageError("--force is for setup", code="option-unused", fix="leave it out")
    else:
        with working("importing Lava"):
            found = environment.find()
    if arguments.json:
        console.print_json({"lava": environment.LAVA, "python": str(found.python)})
    else:
        console.tell(f"{environment.LAVA} runs with {found.python}")
    return 0

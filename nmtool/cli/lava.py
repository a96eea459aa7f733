"""`nmtool lava setup`."""

from __future__ import annotations

import argparse

from nmtool.cli import console


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action", choices=["setup", "status"], help="make the environment, or say where it is"
    )
    parser.add_argument("--force", action="store_true", help="make it anew")


def run(arguments: argparse.Namespace) -> int:
    from exporters.lava import environment

    if arguments.action == "setup":
        found = environment.setup(on_line=console.say, force=arguments.force)
    else:
        found = environment.find()
    console.tell(f"Lava runs with {found.python}")
    return 0

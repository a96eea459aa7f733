"""`nmtool setup SIMULATOR`: an environment for a reference simulator."""

from __future__ import annotations

import argparse
from pathlib import Path

from nmtool.cli import console
from nmtool.cli.arguments import add_json
from nmtool.cli.progress import progress
from nmtool.errors import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from nmtool.exporters.referees import referees

    names = list(referees())
    choices = "|".join(names)
    parser.usage = f"nmtool setup {choices} [options]"
    parser.add_argument(
        "what",
        choices=names,
        metavar=choices,
        help="; ".join(f"{r.name}: {r.purpose}" for r in referees().values()),
    )
    parser.add_argument(
        "--status", action="store_true", help="only print which environment is in use"
    )
    parser.add_argument("--force", action="store_true", help="rebuild the environment")
    for referee in referees().values():
        for name, owner in referee.clones.items():
            parser.add_argument(
                f"--{name.replace('_', '-')}",
                dest=name,
                metavar="FOLDER",
                type=Path,
                default=argparse.SUPPRESS,
                help=f"{referee.name}: a local clone of {owner}, for machines that cannot reach it",
            )
    add_json(parser)
    parser.epilog = "example: nmtool setup lava"


def run(arguments: argparse.Namespace) -> int:
    from nmtool.exporters.referees import referees

    referee = referees()[arguments.what]
    of_others = {
        name: other.name
        for other in referees().values()
        for name in other.clones
        if other != referee
    }
    clones = {name: value for name, value in vars(arguments).items() if name in referee.clones}
    unused = [
        name for name in (*of_others, *(clones if arguments.status else ())) if name in arguments
    ]
    for name in [*unused, *(["force"] if arguments.status and arguments.force else [])]:
        raise UsageError(
            f"--{name.replace('_', '-')} has no effect here",
            code="option-unused",
            why=f"it is for setup {of_others[name]}"
            if name in of_others
            else "--status changes nothing",
            fix="leave the option out",
        )
    if arguments.status:
        with progress(f"importing {referee.title}"):
            installation = referee.find()
    else:
        installation = referee.set_up(console.print_remark, force=arguments.force, **clones)
    if arguments.json:
        console.print_json({referee.name: referee.version, "python": str(installation.python)})
    else:
        console.print_line(f"{referee.version} runs with {installation.python}")
    return 0

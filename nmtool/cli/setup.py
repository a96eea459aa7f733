"""`nmtool setup lava|brian2-loihi|completion`: what nmtool can install for itself."""

from __future__ import annotations

import argparse

from nmtool.cli import completion, console
from nmtool.cli.arguments import add_json
from nmtool.cli.progress import progress
from nmtool.errors import UsageError

REFEREES = ("lava", "brian2-loihi")
COMPLETION = "completion"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "nmtool setup lava|brian2-loihi|completion [SHELL] [options]"
    parser.add_argument(
        "what",
        choices=(*REFEREES, COMPLETION),
        metavar="lava|brian2-loihi|completion",
        help="an environment for Lava, or for brian2-loihi, a second referee; or the script that "
        "lets a shell complete commands and options",
    )
    parser.add_argument(
        "shell", nargs="?", choices=completion.SHELLS, help="completion: the shell it is for"
    )
    parser.add_argument(
        "--status", action="store_true", help="say which environment is used, and make none"
    )
    parser.add_argument("--force", action="store_true", help="make the environment anew")
    add_json(parser)
    parser.epilog = f"examples: nmtool setup lava; {completion.EXAMPLES}"


def run(arguments: argparse.Namespace) -> int:
    if arguments.what == COMPLETION:
        return _completion(arguments)
    if arguments.shell:
        raise _unused("a shell is", COMPLETION)
    if arguments.status and arguments.force:
        raise UsageError("--force is for setup", code="option-unused", fix="leave it out")
    if arguments.what == "lava":
        from nmtool.exporters.lava import environment

        set_up = environment.set_up_lava
    else:
        from nmtool.exporters.brian2_loihi import environment  # type: ignore[no-redef]

        set_up = environment.set_up_brian2_loihi  # type: ignore[attr-defined]
    referee = environment.REFEREE
    if arguments.status:
        with progress(f"importing {referee.title}"):
            made = environment.find()
    else:
        made = set_up(on_line=console.print_remark, force=arguments.force)
    if arguments.json:
        console.print_json({referee.name: referee.version, "python": str(made.python)})
    else:
        console.print_line(f"{referee.version} runs with {made.python}")
    return 0


def _completion(arguments: argparse.Namespace) -> int:
    for name in ("status", "force", "json"):
        if getattr(arguments, name):
            raise _unused(f"--{name} is", " or ".join(REFEREES))
    if arguments.shell is None:
        raise UsageError(
            "the script is for one shell",
            code="command-line",
            fix=f"name it: nmtool setup completion {'|'.join(completion.SHELLS)}",
        )
    return completion.write(arguments.shell)


def _unused(option: str, what: str) -> UsageError:
    return UsageError(f"{option} for {what}", code="option-unused", fix="leave it out")

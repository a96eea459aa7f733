"""`nmtool setup SIMULATOR|completion`: environments and shell completion."""

from __future__ import annotations

import argparse
from pathlib import Path

from nmtool.cli import completion, console
from nmtool.cli.arguments import add_json
from nmtool.cli.progress import progress
from nmtool.errors import UsageError

COMPLETION = "completion"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from nmtool.exporters.referees import referees

    names = [*referees(), COMPLETION]
    choices = "|".join(names)
    environments = ", ".join(f"{r.name} ({r.purpose})" for r in referees().values())
    parser.usage = f"nmtool setup {choices} [SHELL] [options]"
    parser.add_argument(
        "what",
        choices=names,
        metavar=choices,
        help=f"an environment for {environments}, or a script for shell completion",
    )
    parser.add_argument(
        "shell", nargs="?", choices=completion.SHELLS, help="completion: shell to complete in"
    )
    parser.add_argument(
        "--status", action="store_true", help="only print which environment is in use"
    )
    parser.add_argument("--force", action="store_true", help="rebuild the environment")
    for name, (referee, owner) in _clones().items():
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            metavar="FOLDER",
            type=Path,
            help=f"{referee}: a local clone of {owner}, for machines that cannot reach it",
        )
    add_json(parser)
    parser.epilog = f"examples: nmtool setup lava; {completion.EXAMPLES}"


def run(arguments: argparse.Namespace) -> int:
    if arguments.what == COMPLETION:
        return _completion(arguments)
    if arguments.shell:
        raise _unused_option("a shell is", COMPLETION)
    if arguments.status and arguments.force:
        raise UsageError(
            "--force has no effect with --status", code="option-unused", fix="leave the option out"
        )
    from nmtool.exporters.referees import referees

    referee = referees()[arguments.what]
    clones = {name: value for name in _clones() if (value := getattr(arguments, name)) is not None}
    for name in clones:
        if name not in referee.clones or arguments.status:
            raise _unused_option(f"--{name.replace('_', '-')} is", f"setup {_clones()[name][0]}")
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


def _completion(arguments: argparse.Namespace) -> int:
    """Write the script for shell completion; raise `UsageError` for flags of simulators."""
    from nmtool.exporters.referees import referees

    for name in ("status", "force", *_clones(), "json"):
        if getattr(arguments, name):
            users = _clones()[name][:1] if name in _clones() else referees()
            raise _unused_option(f"--{name.replace('_', '-')} is", " or ".join(users))
    if arguments.shell is None:
        raise UsageError(
            "the shell for the completion script is missing",
            code="command-line",
            fix=f"name it: nmtool setup completion {'|'.join(completion.SHELLS)}",
        )
    return completion.write(arguments.shell)


def _unused_option(option: str, purpose: str) -> UsageError:
    """The error for an option that applies only to another purpose."""
    return UsageError(f"{option} for {purpose}", code="option-unused", fix="leave the option out")


def _clones() -> dict[str, tuple[str, str]]:
    """Arguments for local clones of sources: the referee that has each, and the clone's owner."""
    from nmtool.exporters.referees import referees

    return {
        name: (referee.name, owner)
        for referee in referees().values()
        for name, owner in referee.clones.items()
    }

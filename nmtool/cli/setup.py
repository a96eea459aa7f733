"""`nmtool setup SIMULATOR|completion`: environments and shell completion."""

from __future__ import annotations

import argparse
from pathlib import Path

from nmtool.cli import completion, console
from nmtool.cli.arguments import add_json
from nmtool.cli.progress import progress
from nmtool.errors import UsageError

FENN = "fenn"
COMPLETION = "completion"
_CLONES = {"riscv-ise": "FeNN's repository, neworderofjamie/riscv_ise", "genn": "genn-team/genn"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from nmtool.exporters.formats import REFEREES

    choices = "|".join((*REFEREES, COMPLETION))
    environments = ", ".join(f"{name} ({gives})" for name, gives in REFEREES.items())
    parser.usage = f"nmtool setup {choices} [SHELL] [options]"
    parser.add_argument(
        "what",
        choices=(*REFEREES, COMPLETION),
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
    for name, owner in _CLONES.items():
        parser.add_argument(
            f"--{name}",
            metavar="FOLDER",
            type=Path,
            help=f"fenn: a local clone of {owner}, for machines that cannot reach GitHub",
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
    clones = {
        name: value
        for name in ("riscv_ise", "genn")
        if (value := getattr(arguments, name)) is not None
    }
    if clones and (arguments.what != FENN or arguments.status):
        name = next(iter(clones)).replace("_", "-")
        raise _unused_option(f"--{name} is", f"setup {FENN}")
    from nmtool.exporters.environments import referee_named

    referee = referee_named(arguments.what)
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
    from nmtool.exporters.formats import REFEREES

    for name in ("status", "force", "riscv_ise", "genn", "json"):
        if getattr(arguments, name):
            referees = (FENN,) if name in ("riscv_ise", "genn") else REFEREES
            raise _unused_option(f"--{name.replace('_', '-')} is", " or ".join(referees))
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

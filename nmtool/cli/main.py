"""`nmtool`: commands that are functions (`verbs`) or modules, exit codes from the errors.

0 fine · 1 the answer is no (spikes differ, a network does not fit) · 2 wrong usage or bad input ·
3 something needed is missing · 130 interrupted · 141 the reader of the output went away ·
143 ended by SIGTERM
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from functools import cache
from typing import Any

from nmtool.cli import console, failures, streams
from nmtool.cli.commands import ALSO, COMMANDS, DATA_PARALLEL
from nmtool.cli.parser import Parser
from nmtool.cli.progress import never_silent
from nmtool.cli.threads import PATIENCE
from nmtool.cli.torchrun import one_process_reports, stop_signals
from nmtool.errors import UsageError
from nmtool.interrupts import STOPS, exit_code, interrupts_remembered
from nmtool.version import __version__

READER_GONE = 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, and return the exit code."""
    for name, value in PATIENCE.items():
        os.environ.setdefault(name, value)
    streams.prepare()
    console.log_to_stderr()
    console.use_flags_in_messages()
    try:
        code = _run(list(sys.argv[1:] if arguments is None else arguments))
        sys.stdout.flush()
    except KeyboardInterrupt as stop:
        console.print_remark("interrupted")
        return exit_code(stop)
    except BrokenPipeError:
        streams.silence(sys.stdout, sys.stderr)
        return READER_GONE
    except Exception as error:
        shown = failures.for_people(error)
        if shown is None:
            raise
        console.print_error(shown)
        if isinstance(error, OSError):
            streams.silence(sys.stdout)
        return shown.exit_code
    return code


def _run(words: list[str]) -> int:
    """Find and run the command that the words name; return its exit code."""
    for word in words:
        if "\0" in word:
            raise UsageError(
                f"the argument {word!a} contains a NUL", code="argument-nul", fix="leave it out"
            )
    command = next((word for word in words if not word.startswith("-")), None)
    if command in ALSO:
        words[words.index(command)] = command = ALSO[command]
    if command is not None and command not in COMMANDS:
        raise _unknown_command(command)
    in_parallel = command in DATA_PARALLEL
    reporting = one_process_reports() if in_parallel else nullcontext()
    signals = stop_signals() if in_parallel else STOPS
    with reporting, interrupts_remembered(*signals):
        return _run_command(command, words)


def _run_command(command: str | None, words: list[str]) -> int:
    """Parse the words of a command, run the command, and return its exit code."""
    parser, by_name = _parser(command)
    if command is not None:
        console.use_flags_in_messages(by_name[command].flags, _flags_in_advice)
        by_name[command].check_options(words[words.index(command) + 1 :])
    if not words:
        parser.print_help(sys.stderr)
        return UsageError.exit_code
    try:
        options = parser.parse_args(words)
    except SystemExit as done:
        return int(done.code or 0)
    with never_silent(f"nmtool {command}"):
        return options.run(options)


@cache
def _flags_in_advice() -> dict[str, str]:
    """Flags of `train` and `quantise`, by the names of the library's arguments.

    Messages of any command can give advice on these two.
    """
    _, parsers = _parser("quantise", "train")
    names = {**parsers["quantise"].flags(), **parsers["train"].flags()}
    return {name: flag for name, flag in names.items() if flag.startswith("--")}


def _unknown_command(command: str) -> UsageError:
    from nmtool.errors import suggestion

    return UsageError(
        f"there is no command '{command}'",
        code="command-unknown",
        fix=suggestion(command, list(COMMANDS)),
    )


def full_parser() -> Parser:
    """Build the parser with the arguments of all commands; this is slower than for one command."""
    return _parser(*COMMANDS)[0]


def _parser(*names: str | None) -> tuple[Parser, dict[str, Parser]]:
    """The main parser, and parsers of commands by name; commands in `names` get their arguments."""
    parser = Parser(
        prog="nmtool",
        description="Train spiking networks with delays, round them to a chip's integers, and "
        "check, spike for spike, that every export does the same.",
        epilog="nmtool COMMAND --help explains a command, and --json prints its results for "
        "scripts. Exit codes: 0 fine, 1 the answer is no, 2 wrong usage or bad input, 3 something "
        "needed is missing.",
    )
    parser.add_argument("--version", action="version", version=f"nmtool {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    by_name: dict[str, Parser] = {}
    for name, command in COMMANDS.items():
        subparser = by_name[name] = commands.add_parser(
            name, help=command.text, description=command.text
        )
        if name in names:
            from nmtool.cli.verbs import VERBS

            verb: Any = VERBS.get(name) or importlib.import_module(f"nmtool.cli.{name}")
            verb.add_arguments(subparser)
            subparser.set_defaults(run=verb.run, parser=subparser)
    return parser, by_name

"""`nmtool`: one module per command, exit codes from the errors.

0 fine · 1 the answer is no (verification differs, does not fit) · 2 wrong usage or bad input ·
3 something needed is missing · 130 interrupted · 141 the reader of the output went away
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext

from nmtool.cli import console, failures, streams
from nmtool.cli.arguments import Parser
from nmtool.cli.threads import PATIENCE
from nmtool.cli.torchrun import one_process_speaks
from nmtool.errors import UsageError
from nmtool.interrupts import interrupts_remembered
from nmtool.version import __version__

COMMANDS = {
    "demo": "the whole story on built-in data: train, quantise, export, verify",
    "train": "learn weights and delays",
    "sweep": "search training settings by validation accuracy",
    "crossvalidate": "train a network per fold, which answers to samples it has not learnt from",
    "finetune": "go on from a trained network with other settings, as in integers",
    "teach": "class probabilities of training samples, by one network or several, to train on",
    "join": "several networks side by side as one, whose outputs are added",
    "evaluate": "accuracy and activity of a network on data",
    "cost": "operations, footprint, latency and energy per inference, of one network or several",
    "compare": "how far apart two kinds of networks are, and how sure that is",
    "quantise": "round a network to the integers of a chip",
    "check": "does a network fit a chip, what changes there, what is wasted",
    "export": "write a network in another format",
    "convert": "turn a network of any format into any other, and check what was written",
    "run": "run an export with the runtime of its format",
    "verify": "compare backends spike for spike",
    "zoo": "trained and verified networks that come with nmtool",
    "report": "one page on everything that is known about a run or a network",
    "inspect": "what a file holds",
    "data": "what a data set holds",
    "doctor": "what is installed here, what is missing, and how to get it",
    "completion": "a script that lets a shell complete commands and options",
    "lava": "set up the environment that Lava runs in",
    "brian2-loihi": "set up the environment that brian2-loihi, a second referee, runs in",
}

ALSO = {"quantize": "quantise"}
"""Other spellings of commands."""

TOGETHER = ("train", "finetune")
"""Commands whose processes, where torchrun starts several, work on one thing."""

READER_GONE = 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    for name, value in PATIENCE.items():
        os.environ.setdefault(name, value)
    streams.prepare()
    console.log_to_stderr()
    try:
        code = _run(list(sys.argv[1:] if arguments is None else arguments))
        sys.stdout.flush()
    except KeyboardInterrupt:
        console.print_remark("interrupted")
        return failures.INTERRUPTED
    except BrokenPipeError:
        streams.silence(sys.stdout, sys.stderr)
        return READER_GONE
    except Exception as error:
        told = failures.for_people(error)
        if told is None:
            raise
        console.print_error(told)
        if isinstance(error, OSError):
            streams.silence(sys.stdout)
        return told.exit_code
    return code


def _run(words: list[str]) -> int:
    for word in words:
        if "\0" in word:
            raise UsageError(
                f"there is a NUL in the argument {word!a}", code="argument-nul", fix="leave it out"
            )
    command = next((word for word in words if not word.startswith("-")), None)
    if command in ALSO:
        words[words.index(command)] = command = ALSO[command]
    if command is not None and command not in COMMANDS:
        raise _unknown(command)
    speaks = one_process_speaks() if command in TOGETHER else nullcontext()
    with speaks, interrupts_remembered():
        return _run_command(command, words)


def _run_command(command: str | None, words: list[str]) -> int:
    parser, by_name = _parser(command)
    if command is not None:
        by_name[command].check_options(words[words.index(command) + 1 :])
    if not words:
        parser.print_help(sys.stderr)
        return UsageError.exit_code
    try:
        options = parser.parse_args(words)
    except SystemExit as done:
        return int(done.code or 0)
    return options.run(options)


def _unknown(command: str) -> UsageError:
    from nmtool.errors import suggestion

    return UsageError(
        f"there is no command '{command}'",
        code="command-unknown",
        fix=suggestion(command, list(COMMANDS)),
    )


def full_parser() -> Parser:
    """The parser of everything, which takes longer to make."""
    return _parser(*COMMANDS)[0]


def _parser(*known: str | None) -> tuple[Parser, dict[str, Parser]]:
    """The parser, and those of commands; only the commands in `known` have their arguments."""
    parser = Parser(
        prog="nmtool",
        description="Train spiking networks with delays, quantise them for a chip, and prove "
        "that what runs there is what was trained.",
        epilog="exit codes: 0 fine, 1 the answer is no, 2 wrong usage or bad input, "
        "3 something needed is missing",
    )
    parser.add_argument("--version", action="version", version=f"nmtool {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    by_name: dict[str, Parser] = {}
    for name, text in COMMANDS.items():
        sub = by_name[name] = commands.add_parser(name, help=text, description=text)
        if name in known:
            module = importlib.import_module(f"nmtool.cli.{name.replace('-', '_')}")
            module.add_arguments(sub)
            sub.set_defaults(run=module.run)
    return parser, by_name

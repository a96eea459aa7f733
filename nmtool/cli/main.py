"""`nmtool`: one module per command, exit codes from the errors.

0 fine · 1 the answer is no (verification differs, does not fit) · 2 wrong usage or bad input ·
3 something needed is missing · 130 interrupted
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from nmtool.cli import console
from nmtool.errors import NmtoolError
from nmtool.version import __version__

COMMANDS = {
    "demo": "the whole story on built-in data: train, quantise, export, verify",
    "train": "learn weights and delays",
    "evaluate": "accuracy and activity of a network on data",
    "quantize": "round a network to the integers of a chip",
    "export": "write a network in another format",
    "verify": "compare backends spike for spike",
    "inspect": "what a file holds",
    "data": "what a data set holds",
    "lava": "set up the environment that Lava runs in",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    # Threads that wait for work by spinning take the cores away from everyone, themselves included.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        options = _parser(sys.argv[1:] if arguments is None else arguments).parse_args(arguments)
        return options.run(options)
    except NmtoolError as error:
        console.print_error(error)
        return error.exit_code
    except KeyboardInterrupt:
        console.say("interrupted")
        return 130
    except BrokenPipeError:
        # The reader of our output went away; nothing more can be said to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nmtool",
        description="Train spiking networks with delays, quantise them for a chip, and prove "
        "that what runs there is what was trained.",
    )
    parser.add_argument("--version", action="version", version=f"nmtool {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    wanted = next((word for word in arguments if not word.startswith("-")), None)
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        if name == wanted:
            module = importlib.import_module(f"nmtool.cli.{name}")
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    return parser

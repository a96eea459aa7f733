"""`nmtool doctor`: installed and missing parts."""

from __future__ import annotations

import argparse

from nmtool.cli import console, flags
from nmtool.cli.arguments import add_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    flags.add(parser, "doctor")
    add_json(parser)
    parser.epilog = "Exit code 1 if something installed is broken; missing parts do not count."


def run(arguments: argparse.Namespace) -> int:
    from nmtool.setup.doctoring import doctor

    diagnosis = doctor(**flags.given(arguments, "doctor"))
    if arguments.json:
        console.print_json(diagnosis.as_json())
    else:
        for table in diagnosis.tables():
            console.print_table(table)
        for fix, names in diagnosis.advice().items():
            console.print_line(f"{', '.join(names)}:")
            console.print_line(f"    {fix}")
        console.print_line(
            "everything installed works" if diagnosis.healthy else "something installed is broken",
            style="green" if diagnosis.healthy else "bold red",
        )
    return 0 if diagnosis.healthy else 1

"""`nmtool sweep STUDY.toml`: hyperparameter search."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from nmtool.cli import console, flags
from nmtool.cli.arguments import Parser, add_json
from nmtool.cli.flags import flag
from nmtool.cli.progress import progress

if TYPE_CHECKING:
    from nmtool.training.studies.results import SweepResult


def add_arguments(parser: Parser) -> None:
    parser.usage = "nmtool sweep STUDY.toml [options]"
    parser.description = (
        "Try training settings and keep those of the best validation accuracy. The same command "
        "continues an unfinished study, and may run in several terminals at once. Ctrl-C stops "
        "after the current batch, a second Ctrl-C at once."
    )
    flags.add(
        parser,
        "sweep",
        study=flag(
            "study",
            metavar="STUDY.toml",
            help="file with the settings to search, and the data; examples/study.toml explains its "
            "entries",
        ),
        storage=flag(metavar="URL"),
        device=flag(choices=("auto", "cpu", "cuda")),
    )
    entries = ("data", "config", "trials", "minutes", "prune", "keep", "seed", "output")
    hint = "write it into STUDY.toml; examples/study.toml explains its entries"
    parser.elsewhere = {f"--{name}": hint for name in entries}
    add_json(parser)
    parser.epilog = "example: nmtool sweep examples/study.toml --processes 2"


def run(arguments: argparse.Namespace) -> int:
    from nmtool.training.studies.sweep import sweep

    result = sweep(**flags.given(arguments, "sweep"), progress=progress)
    if arguments.json:
        console.print_json(result.as_json())
    else:
        _print_result(result)
    return 0


def _print_result(result: SweepResult) -> None:
    """Print the tables of a search, the numbers of trials and the best settings."""
    console.print_tables(result)
    if result.importance is None:
        console.print_line(f"importance of settings: unknown, {result.importance_unknown}")
    outcomes = [f"{n} {outcome.replace('_', ' ')}" for outcome, n in result.counts.items() if n]
    best = result.best_trial
    console.print_line(f"trials: {', '.join(outcomes)}")
    console.print_line(f"{result.best_file}: trial {best.number}  validation {best.score:.1%}")
    console.print_line(f"train with it: {result.plan.training}")

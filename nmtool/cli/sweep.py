"""`nmtool sweep STUDY.toml`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from nmtool.cli import console
from nmtool.cli.arguments import add_device, add_json, count
from nmtool.cli.progress import progress
from nmtool.cli.threads import add_threads_option

if TYPE_CHECKING:
    from nmtool.training.sweeps import SweepResult


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "nmtool sweep STUDY.toml [options]"
    parser.description = (
        "Try training settings and keep those of the best validation accuracy. The same command "
        "continues a study that has begun, and may run in several terminals at once. Ctrl-C "
        "stops after the current batch, pressed again at once."
    )
    parser.add_argument(
        "study",
        metavar="STUDY.toml",
        help="what is searched, on which data; examples/study.toml explains it",
    )
    parser.add_argument(
        "--processes", type=count, default=1, metavar="N", help="trials at a time (default 1)"
    )
    parser.add_argument(
        "--storage",
        metavar="URL",
        help="database of the study, for several machines, such as "
        "postgresql://USER:PASSWORD@HOST/DATABASE (default: a SQLite file in the study's folder)",
    )
    add_json(parser)
    add_threads_option(parser)
    add_device(parser)
    parser.epilog = "example: nmtool sweep examples/study.toml --processes 2"


def run(arguments: argparse.Namespace) -> int:
    from nmtool.training.sweeps import sweep

    found = sweep(
        arguments.study,
        processes=arguments.processes,
        threads=arguments.threads,
        device=arguments.device,
        storage=arguments.storage,
        progress=progress,
    )
    if arguments.json:
        console.print_json(found.as_json())
    else:
        _print(found)
    return 0


def _print(found: SweepResult) -> None:
    """The tables, for people."""
    console.print_tables(found)
    if found.importance is None:
        console.print_line(f"importance of settings: unknown, {found.importance_unknown}")
    fates = [f"{n} {fate.replace('_', ' ')}" for fate, n in found.counts.items() if n]
    best = found.best_trial
    console.print_line(f"trials: {', '.join(fates)}")
    console.print_line(f"{found.best_file}: trial {best.number}  validation {best.score:.1%}")
    console.print_line(f"train with it: {found.plan.training}")

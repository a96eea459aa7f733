"""`nmtool teach NETWORK … -o FILE.npz`."""

from __future__ import annotations

import argparse

from nmtool.cli import console
from nmtool.cli.arguments import DATA, NETWORK, add_data_options, add_force, add_json
from nmtool.cli.loading import named_data
from nmtool.cli.progress import progress
from nmtool.cli.threads import add_threads_option, use_threads
from nmtool.data.teacher import FILE_KIND
from nmtool.exchange.exporting import check_archive_name, check_replaceable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("networks", nargs="+", metavar="NETWORK", help=NETWORK)
    parser.add_argument("-o", "--output", required=True, metavar="FILE.npz")
    parser.add_argument(
        "--data",
        metavar="DATA",
        help=f"{DATA}; by default what the first run among the networks was trained on. All its "
        "training samples are answered, those that validate too",
    )
    parser.add_argument(
        "--gain",
        type=float,
        metavar="X",
        help="probabilities are softmax(X · scores); by default the setting of each run. A smaller "
        "one spreads them over more classes",
    )
    add_force(parser, "an earlier teacher in FILE.npz")
    add_json(parser)
    add_threads_option(parser)
    add_data_options(parser)
    parser.epilog = (
        "example: nmtool teach run0 run1 run2 -o teacher.npz; "
        "nmtool train digits -o run --teacher teacher.npz"
    )


def run(arguments: argparse.Namespace) -> int:
    from nmtool.training.teaching import teach

    check_archive_name(arguments.output, "a teacher")
    check_replaceable(arguments.output, [FILE_KIND], force=arguments.force)
    use_threads(arguments.threads, with_torch=True)
    found = teach(arguments.networks, named_data(arguments), gain=arguments.gain, progress=progress)
    found.save(arguments.output)
    if arguments.json:
        console.print_json({"file": arguments.output, **found.as_json()})
    else:
        console.print_tables(found)
        console.print_line(f"{arguments.output} written")
    return 0

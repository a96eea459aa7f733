"""`nmtool quantise NETWORK -o FILE.npz`: round a network to a chip's integers."""

from __future__ import annotations

import argparse
from pathlib import Path

from nmtool.cli import console, flags
from nmtool.cli.arguments import MACHINE, add_force, add_json, group
from nmtool.cli.flags import flag
from nmtool.cli.loading import add_data_options, named_data
from nmtool.cli.progress import progress
from nmtool.cli.rounding import add_rounding, rounding


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", required=True, metavar="FILE.npz")
    parser.add_argument(
        "--data",
        metavar="DATA",
        help="data set for calibration (its first 200 training samples) and for measuring the "
        "accuracy lost by rounding. Accuracy is measured on its validation split, else on the "
        "run's validation samples, else on 300 drawn training samples or half of all. Default: the "
        "run's own data; none: neither calibrate nor measure accuracy",
    )
    add_rounding(parser)
    flags.add(
        parser,
        "quantise",
        only=("network", "target"),
        network=flag("network", metavar="NETWORK", help="run folder or network file"),
        target=flag(
            metavar="TARGET",
            help="chip to round for, by name or as a FILE.toml (docs/targets.md); default loihi2",
        ),
    )
    add_force(group(parser, MACHINE), "an integer network in FILE.npz")
    add_json(parser)
    add_data_options(parser)
    parser.epilog = (
        "examples: nmtool quantise run -o integers.npz; "
        "nmtool quantise network.npz -o integers.npz --data digits"
    )


def run(arguments: argparse.Namespace) -> int:
    from nmtool.exchange.exporting import check_archive_name, check_replaceable
    from nmtool.network.integer_network import FILE_KIND
    from nmtool.quantisation.quantising import quantise
    from nmtool.targets import LOIHI2

    output = Path(arguments.output)
    check_archive_name(output)
    check_replaceable(output, [FILE_KIND], force=arguments.force)
    result = quantise(
        arguments.network,
        calibrate_on=named_data(arguments) or arguments.data,
        target=getattr(arguments, "target", LOIHI2),
        progress=progress,
        **rounding(arguments),
    )
    result.network.save(output)
    if arguments.json:
        network = result.network
        hashes = {"hash": network.content_hash, "source_hash": network.source_hash}
        console.print_json({"file": str(output), **hashes, **result.as_json()})
    else:
        console.print_tables(result)
        console.print_finding_remarks(result.findings)
        console.print_line(f"{output} written")
    return 0

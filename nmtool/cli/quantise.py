"""`nmtool quantise NETWORK -o FILE.npz`."""

from __future__ import annotations

import argparse
from pathlib import Path

from nmtool.cli import console
from nmtool.cli.arguments import add_data_options, add_force, add_json, add_network
from nmtool.cli.integers import add_quantise_options, quantise_options
from nmtool.cli.loading import named_data
from nmtool.cli.progress import progress
from nmtool.exchange.exporting import check_archive_name, check_replaceable
from nmtool.integer_network import FILE_KIND
from nmtool.quantisation import CALIBRATION_SAMPLES
from nmtool.quantisation.quantising import COMPARED_SAMPLES, quantise
from nmtool.targets import LOIHI2, target_named


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_network(parser, "run folder or network file")
    parser.add_argument("-o", "--output", required=True, metavar="FILE.npz")
    parser.add_argument(
        "--target",
        metavar="TARGET",
        default=LOIHI2.name,
        help="a chip's name or file, whose limits of weights and delays count; default loihi2",
    )
    parser.add_argument(
        "--data",
        metavar="DATA",
        help=f"calibrate on its first {CALIBRATION_SAMPLES} training samples, and compare "
        "accuracies on its validation split; without one on those samples that validated the run, "
        f"if NETWORK is one, else on {COMPARED_SAMPLES} drawn training samples, or half of "
        "them; what compares does not calibrate. By default the data of the run, if NETWORK is "
        "one; none: no data",
    )
    add_force(parser, "an integer network in FILE.npz")
    add_json(parser)
    add_quantise_options(parser)
    add_data_options(parser)
    parser.epilog = (
        "examples: nmtool quantise run -o integers.npz; "
        "nmtool quantise network.npz -o integers.npz --data digits"
    )


def run(arguments: argparse.Namespace) -> int:
    output = Path(arguments.output)
    check_archive_name(output)
    check_replaceable(output, [FILE_KIND], force=arguments.force)
    result = quantise(
        arguments.network,
        calibrate_on=named_data(arguments) or arguments.data,
        target=target_named(arguments.target),
        progress=progress,
        **quantise_options(arguments),
    )
    result.network.save(output)
    if arguments.json:
        network = result.network
        hashes = {"hash": network.content_hash, "source_hash": network.source_hash}
        cost = result.cost.as_json() if result.cost else None
        console.print_json({"file": str(output), **hashes, **result.report.as_json(), "cost": cost})
    else:
        console.print_tables(result)
        console.print_finding_remarks(result.findings)
        console.print_line(f"{output} written")
    return 0

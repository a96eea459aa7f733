"""`nmtool quantise NETWORK -o FILE.npz`."""

from __future__ import annotations

import argparse
from pathlib import Path

from nmtool import storage
from nmtool.cli import console
from nmtool.cli.arguments import add_data_options, add_force, add_json, add_network
from nmtool.cli.integers import add_quantise_options, quantise_options
from nmtool.cli.loading import find_data
from nmtool.cli.progress import progress
from nmtool.errors import UsageError
from nmtool.folders import RUN_NETWORK
from nmtool.integer_network import FILE_KIND, IntegerNetwork
from nmtool.targets import LOIHI2
from nmtool.verbs.exporting import check_network_name
from nmtool.verbs.loading import load
from nmtool.verbs.quantising import CALIBRATION_SAMPLES, COMPARED_SAMPLES, quantise


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_network(parser, "run folder or network file")
    parser.add_argument("-o", "--output", required=True, metavar="FILE.npz")
    parser.add_argument("--target", choices=[LOIHI2], default=LOIHI2, help="default loihi2")
    parser.add_argument(
        "--data",
        metavar="DATA",
        help=f"calibrate on its first {CALIBRATION_SAMPLES} training samples, and compare "
        "accuracies on its validation split; without one on those samples that validated the run, "
        f"if NETWORK is one, else on the last {COMPARED_SAMPLES} training samples, or half of "
        "them; what compares does not calibrate",
    )
    add_force(parser, "an integer network in FILE.npz")
    add_json(parser)
    add_quantise_options(parser)
    add_data_options(parser)
    parser.epilog = "example: nmtool quantise run -o integers.npz --data digits"


def run(arguments: argparse.Namespace) -> int:
    from nmtool.training.run_folder import validation_size

    output = Path(arguments.output)
    check_network_name(output)
    _check_free(output, force=arguments.force)
    found = load(arguments.network)
    if isinstance(found, IntegerNetwork):
        raise _has_integers(arguments.network)
    result = quantise(
        found,
        calibrate_on=find_data(arguments, arguments.data) if arguments.data else None,
        held_out=validation_size([arguments.network]),
        progress=progress,
        **quantise_options(arguments),
    )
    result.network.save(output)
    if arguments.json:
        hashes = {"hash": result.network.content_hash, "source_hash": found.content_hash}
        drop = result.cost.as_json() if result.cost else None
        console.print_json({"file": str(output), **hashes, **result.report.as_json(), "drop": drop})
    else:
        console.print_tables(result)
        console.print_findings(result.findings)
        console.tell(f"{output} written")
    return 0


def _has_integers(path: str) -> UsageError:
    fix = "nmtool verify, evaluate and export take it as it is"
    floats = Path(path) / RUN_NETWORK
    if floats.is_file():
        fix += f"; to quantise the floats that it trained, name {floats}"
    return UsageError(f"{path} is made of integers already", code="quantised-already", fix=fix)


def _check_free(output: Path, *, force: bool) -> None:
    """Raise `UsageError` unless the file is new, or an earlier result that may be replaced."""
    if not output.exists():
        return
    if not force:
        raise UsageError(
            f"{output} exists",
            code="path-taken",
            fix="choose another name, or replace it: --force",
        )
    if storage.archive_kind(output) != FILE_KIND:
        raise UsageError(
            f"{output} exists and is not an integer network",
            code="path-foreign",
            why="--force replaces only earlier results",
            fix="choose another name",
        )

"""`nmtool quantize NETWORK -o FILE.npz`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from nmtool import storage
from nmtool.cli import console
from nmtool.cli.arguments import (
    add_data_options,
    add_force,
    add_json,
    add_network,
    check_network_name,
)
from nmtool.cli.drop import measure_drop
from nmtool.cli.held_out import LAST, keep_apart, validated_on
from nmtool.cli.integers import CALIBRATION_SAMPLES, UNCALIBRATED, add_quantise_options, quantised
from nmtool.cli.loading import RUN_NETWORK, find_data, load_any
from nmtool.errors import UsageError
from nmtool.integer_network import FILE_KIND, IntegerNetwork
from nmtool.quantisation import ProjectionReport, QuantisationReport
from nmtool.targets import LOIHI2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_network(parser, "run folder or network file")
    parser.add_argument("-o", "--output", required=True, metavar="FILE.npz")
    parser.add_argument("--target", choices=[LOIHI2], default=LOIHI2, help="default loihi2")
    parser.add_argument(
        "--data",
        metavar="DATA",
        help=f"calibrate on its first {CALIBRATION_SAMPLES} training samples, and compare "
        "accuracies on its validation split; without one on those samples that validated the run, "
        f"if NETWORK is one, else on the last {LAST} training samples, or half of them; what "
        "compares does not calibrate",
    )
    add_force(parser, "an integer network in FILE.npz")
    add_json(parser)
    add_quantise_options(parser)
    add_data_options(parser)
    parser.epilog = "example: nmtool quantize run -o integers.npz --data digits"


def run(arguments: argparse.Namespace) -> int:
    output = Path(arguments.output)
    check_network_name(output)
    _check_free(output, force=arguments.force)
    found = load_any(arguments.network)
    if isinstance(found, IntegerNetwork):
        raise _has_integers(arguments.network)
    held_out = validated_on([arguments.network])
    dataset, compared_on = None, ""
    if arguments.data:
        dataset, compared_on = keep_apart(find_data(arguments, arguments.data), held_out)
    result = quantised(arguments, found, dataset)
    result.network.save(output)
    drop = None if dataset is None else measure_drop(found, result.network, dataset, compared_on)
    if arguments.json:
        hashes = {"hash": result.network.content_hash, "source_hash": found.content_hash}
        console.print_json({"file": str(output), **hashes, **result.report.as_json(), "drop": drop})
    else:
        print_report(result.report)
        if drop:
            console.print_table("what it costs", ("", "value"), list(_in_words(drop)))
        console.tell(f"{output} written")
    return 0


def _has_integers(path: str) -> UsageError:
    fix = "nmtool verify, evaluate and export take it as it is"
    floats = Path(path) / RUN_NETWORK
    if floats.is_file():
        fix += f"; to quantise the floats that it trained, name {floats}"
    return UsageError(f"{path} is made of integers already", fix=fix)


def _check_free(output: Path, *, force: bool) -> None:
    """Raise `UsageError` unless the file is new, or an earlier result that may be replaced."""
    if not output.exists():
        return
    if not force:
        raise UsageError(f"{output} exists", fix="choose another name, or replace it: --force")
    if storage.archive_kind(output) != FILE_KIND:
        raise UsageError(
            f"{output} exists and is not an integer network",
            why="--force replaces only earlier results",
            fix="choose another name",
        )


def _in_words(drop: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "compared on", drop["compared_on"]
    yield "accuracy of the float network", f"{drop['float_accuracy']:.2%}"
    yield "accuracy of the integers", f"{drop['integer_accuracy']:.2%}"
    yield "same class in both", f"{drop['agreement']:.2%}"
    yield "currents that wrap around", f"{drop['u_wraps']:,}"
    yield "membranes that clip", f"{drop['v_clips']:,}"


def print_report(report: QuantisationReport) -> None:
    """The account of a quantisation as tables; findings go to stderr."""
    _print_weights(report.projections)
    console.print_table(
        "neurons",
        (
            "population",
            "scale",
            "tau_mem ms",
            "tau_syn ms",
            "θ error",
            "input used",
            "current used",
        ),
        [
            (
                p.name,
                p.scale,
                f"{p.tau_mem_ms:g} → {p.tau_mem_held_ms:.4g}",
                f"{p.tau_syn_ms:g} → {p.tau_syn_held_ms:.4g}",
                f"{p.threshold_error:+.2%}",
                f"{p.drive_share:.0%}",
                f"{p.current_share:.0%}",
            )
            for p in report.populations
        ],
    )
    if not report.calibrated:
        console.say(UNCALIBRATED)
    console.print_findings(report.findings)


def _print_weights(projections: Sequence[ProjectionReport]) -> None:
    header = ["projection", "bits", "exponent", "largest", "rms error", "became 0"]
    header += ["delays cut", "delay error, steps"]
    rows = [_in_cells(projection) for projection in projections]
    if not any(projection.delay_error for projection in projections):
        header, rows = header[:-1], [row[:-1] for row in rows]
    console.print_table("weights and delays", header, rows)


def _in_cells(projection: ProjectionReport) -> tuple[str | int, ...]:
    return (
        f"{projection.source} → {projection.target}",
        projection.weight_bits,
        projection.weight_exponent,
        projection.largest_weight,
        f"{projection.rms_error:.2%}",
        f"{projection.lost:.2%}",
        projection.delays_clipped,
        projection.delay_error,
    )

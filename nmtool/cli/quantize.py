"""`nmtool quantize RUN|FILE -o FILE.npz`."""

from __future__ import annotations

import argparse
from pathlib import Path

from nmtool.cli import console
from nmtool.cli.loading import (
    CALIBRATION_SAMPLES,
    add_data_options,
    find_data,
    load_any,
    to_integers,
)
from nmtool.errors import UsageError
from nmtool.quantise import QuantisationReport
from nmtool.targets import LOIHI2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("network", help="run folder or network file")
    parser.add_argument("-o", "--output", required=True, metavar="FILE.npz")
    parser.add_argument("--target", choices=[LOIHI2], default=LOIHI2)
    parser.add_argument(
        "--data",
        metavar="DATA",
        help=f"calibrate on its first {CALIBRATION_SAMPLES} training samples",
    )
    parser.add_argument("--force", action="store_true", help="replace an existing file")
    parser.add_argument("--json", action="store_true", help="the report as JSON on stdout")
    add_quantise_options(parser)
    add_data_options(parser)


def add_quantise_options(parser: argparse.ArgumentParser) -> None:
    """Options of quantisation, wherever it happens."""
    parser.add_argument("--weight-bits", type=int, default=8, metavar="N", help="2 … 8, default 8")
    parser.add_argument(
        "--scale",
        choices=["static", "data"],
        default="static",
        help="static: currents cannot overflow whatever the input; data: trust calibration data",
    )


def run(arguments: argparse.Namespace) -> int:
    output = Path(arguments.output)
    if output.exists() and not arguments.force:
        raise UsageError(f"{output} exists", fix="choose another name, or replace it: --force")
    dataset = find_data(arguments, arguments.data) if arguments.data else None
    result = to_integers(
        load_any(arguments.network),
        dataset,
        weight_bits=arguments.weight_bits,
        scale=arguments.scale,
    )
    if result is None:
        raise UsageError(f"{arguments.network} is made of integers already")
    result.network.save(output)
    if arguments.json:
        console.print_json({"file": str(output), **result.report.as_json()})
    else:
        print_report(result.report)
        console.tell(f"{output} written")
    return 0


def print_report(report: QuantisationReport) -> None:
    """The account of a quantisation as tables; findings go to stderr."""
    console.print_table(
        "projections",
        ("projection", "bits", "exponent", "largest", "rms error", "lost", "delays cut"),
        [
            (
                f"{p.source} → {p.target}",
                p.weight_bits,
                p.weight_exponent,
                p.largest_weight,
                f"{p.rms_error:.2%}",
                f"{p.lost:.2%}",
                p.delays_clipped,
            )
            for p in report.projections
        ],
    )
    console.print_table(
        "populations",
        (
            "population",
            "scale",
            "tau_mem ms",
            "tau_syn ms",
            "threshold error",
            "a range",
            "u range",
        ),
        [
            (
                p.name,
                p.scale,
                f"{p.tau_mem_ms:g} → {p.tau_mem_held_ms:.4g}",
                f"{p.tau_syn_ms:g} → {p.tau_syn_held_ms:.4g}",
                f"{p.threshold_error:+.1e}",
                f"{p.drive_share:.0%}",
                f"{p.current_share:.0%}",
            )
            for p in report.populations
        ],
    )
    if not report.calibrated:
        console.say("no calibration data: non-spiking outputs keep head-room for any input")
    console.print_findings(report.findings)

"""Integer networks for the commands that need one: read, or quantised on the way."""

from __future__ import annotations

import argparse

from nmtool import targets
from nmtool.cli import console
from nmtool.cli.loading import bin_for, read_split
from nmtool.cli.progress import working
from nmtool.data import Dataset
from nmtool.errors import UsageError
from nmtool.integer_network import IntegerNetwork
from nmtool.network import Network
from nmtool.quantise import Calibration, Quantisation, quantise

CALIBRATION_SAMPLES = 200
DEFAULT_BITS = 8
UNCALIBRATED = "no calibration data: non-spiking outputs keep head-room for any input"


def add_quantise_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of quantisation; those not given are None."""
    parser.add_argument(
        "--weight-bits",
        type=int,
        choices=targets.WEIGHT_BITS,
        metavar="N",
        help=f"2 … 8, default {DEFAULT_BITS}",
    )
    parser.add_argument(
        "--scale",
        choices=["static", "data"],
        help="static (default): currents cannot overflow whatever the input; "
        "data: trust calibration data",
    )


def quantised(
    arguments: argparse.Namespace, network: Network, dataset: Dataset | None
) -> Quantisation:
    """Quantise a float network, calibrated on training samples where a data set is given.

    Raises:
        UsageError: the scale is to come from data, and there are none.
    """
    scale = arguments.scale or "static"
    if scale == "data" and dataset is None:
        raise UsageError("--scale data needs calibration data", fix="name them: --data DATA")
    calibration = None if dataset is None else calibrated(network, dataset)
    bits = arguments.weight_bits or DEFAULT_BITS
    return quantise(network, weight_bits=bits, calibration=calibration, scale=scale)


def calibrated(network: Network, dataset: Dataset) -> Calibration:
    """What the first training samples show."""
    from hardware_sim.calibrate import calibrate

    samples = bin_for(network, read_split(dataset, "train", CALIBRATION_SAMPLES))
    with working(f"calibrating on {len(samples.label)} training samples"):
        return calibrate(network, samples.raster)


def integers(
    arguments: argparse.Namespace, found: Network | IntegerNetwork, dataset: Dataset | None
) -> IntegerNetwork:
    """The integer network a command works on; what rounding had to give is said on stderr.

    Raises:
        UsageError: options of quantisation are given, but there is nothing to quantise.
    """
    if isinstance(found, IntegerNetwork):
        refuse_quantise_options(arguments)
        return found
    result = quantised(arguments, found, dataset)
    if not result.report.calibrated:
        console.say(UNCALIBRATED)
    console.print_findings(result.report.findings)
    return result.network


def refuse_quantise_options(arguments: argparse.Namespace) -> None:
    """Raise `UsageError` if an option of quantisation is given."""
    given = {"--weight-bits": arguments.weight_bits, "--scale": arguments.scale}
    for option, value in given.items():
        if value is not None:
            raise UsageError(
                f"{option} has nothing to act on",
                why=f"{arguments.network} is made of integers already",
                fix="leave it out, or name the float network",
            )

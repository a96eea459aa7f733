"""Options of quantisation, and integer networks for the commands that need one."""

from __future__ import annotations

import argparse
from typing import Any

from nmtool.cli import console
from nmtool.cli.progress import progress
from nmtool.data import Dataset
from nmtool.integer_network import IntegerNetwork
from nmtool.network import Network
from nmtool.quantisation.conversion import SCALES
from nmtool.quantisation.pipeline import RANGES
from nmtool.quantisation.quantising import NO_DATA, calibration_data, quantise, quantised_already
from nmtool.targets import LOIHI2, Target

OPTIONS = ("weight_bits", "delay_bits", "ranges", "scale", "relays")


def add_rounding_options(parser: argparse.ArgumentParser) -> None:
    """Add the numbers of bits that floats are rounded to; those not given are None."""
    parser.add_argument(
        "--weight-bits",
        type=int,
        choices=LOIHI2.weight_bits,
        metavar="N",
        help="2 … 8; by default the most that the target holds, 8",
    )
    parser.add_argument(
        "--delay-bits",
        type=int,
        choices=LOIHI2.delay_bits,
        metavar="N",
        help="1 … 6, by default likewise, 6; delays become multiples of the stride of least error",
    )


def add_quantise_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of quantisation; those not given are None."""
    add_rounding_options(parser)
    parser.add_argument(
        "--ranges",
        choices=RANGES,
        help="how far the integers of weights reach: largest: to the largest weight; error "
        "(default): where rounding errs least; search: where answers on calibration data change "
        "least",
    )
    parser.add_argument(
        "--scale",
        choices=SCALES,
        help="static (default): currents cannot overflow whatever the input; "
        "data: trust calibration data",
    )
    parser.add_argument(
        "--relays",
        action="store_true",
        default=None,
        help="delays longer than those held leave from populations that repeat spikes later; by "
        "default they are cut",
    )


def quantise_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """The options of quantisation that are given, as arguments of `quantise`."""
    given = {name: getattr(arguments, name) for name in OPTIONS}
    return {name: value for name, value in given.items() if value is not None}


def integers(
    arguments: argparse.Namespace,
    found: Network | IntegerNetwork,
    dataset: Dataset | None,
    target: Target = LOIHI2,
) -> IntegerNetwork:
    """The integer network a command works on; what rounding had to give is said on stderr.

    Without a data set, a run's own data calibrate, unless `--data none` was said.

    Raises:
        UsageError: options of quantisation are given, but there is nothing to quantise.
    """
    given = quantise_options(arguments)
    if isinstance(found, IntegerNetwork):
        if given:
            raise quantised_already(arguments.network, given)
        return found
    own = arguments.data != NO_DATA
    calibrate_on = calibration_data(dataset, arguments.network, own=own)
    result = quantise(found, calibrate_on=calibrate_on, target=target, progress=progress, **given)
    console.print_finding_remarks(result.findings)
    return result.network

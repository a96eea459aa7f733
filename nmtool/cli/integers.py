"""Integer networks for the commands that need one: read, or quantised on the way."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

from nmtool import targets
from nmtool.cli import console
from nmtool.cli.evaluate import record
from nmtool.cli.held_out import keep_apart, validated_on
from nmtool.cli.loading import Samples, bin_for, read_split
from nmtool.cli.progress import progress, working
from nmtool.data import Dataset
from nmtool.errors import UsageError
from nmtool.integer_network import IntegerNetwork
from nmtool.network import Network
from nmtool.quantisation import Calibration, DelayGrid, Quantisation, round_network, weight_ranges
from nmtool.quantisation.delays import DELAY_BITS

CALIBRATION_SAMPLES = 200
DEFAULT_BITS = 8
UNCALIBRATED = "no calibration data: non-spiking outputs keep head-room for any input"

LARGEST, ERROR, SEARCH = "largest", "error", "search"


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
        "--delay-bits",
        type=int,
        choices=DELAY_BITS,
        metavar="N",
        help="1 … 6, default 6; delays become multiples of the stride of least error",
    )
    parser.add_argument(
        "--ranges",
        choices=[LARGEST, ERROR, SEARCH],
        help="how far the integers of weights reach: largest: to the largest weight; error "
        "(default): where rounding errs least; search: where answers on calibration data change "
        "least",
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
        UsageError: the scale or the ranges are to come from data, and there are none.
        MissingError: ranges are searched, for which the float network has to run.
    """
    _check_data(arguments, dataset)
    bits = arguments.weight_bits or DEFAULT_BITS
    to_integers = partial(round_network, weight_bits=bits, delays=_delays(arguments, network))
    if arguments.ranges != LARGEST:
        to_integers = partial(to_integers, ranges=weight_ranges(network, bits))
    if dataset is None:
        return to_integers(network)
    samples = calibration_samples(network, dataset)
    calibration = calibrated(network, samples, to_integers)
    if arguments.ranges == SEARCH:
        to_integers = _searched(network, samples, to_integers, calibration)
        calibration = _settled(network, samples, to_integers, calibration)
    return to_integers(network, calibration=calibration, scale=arguments.scale or "static")


def _check_data(arguments: argparse.Namespace, dataset: Dataset | None) -> None:
    for option in ("scale data", "ranges search"):
        name, value = option.split()
        if getattr(arguments, name) == value and dataset is None:
            raise UsageError(f"--{option} needs calibration data", fix="name them: --data DATA")


def _delays(arguments: argparse.Namespace, network: Network) -> DelayGrid:
    if arguments.delay_bits is None:
        return DelayGrid()
    return DelayGrid.spanning(arguments.delay_bits, round(network.max_delay))


def calibration_samples(network: Network, dataset: Dataset) -> Samples:
    """The first training samples, as the network hears them."""
    return bin_for(network, read_split(dataset, "train", CALIBRATION_SAMPLES))


def calibrated(
    network: Network,
    samples: Samples,
    to_integers: Callable[..., Quantisation] = round_network,
) -> Calibration:
    """What samples show."""
    from nmtool.hardware_sim.calibrate import calibrate

    with working(f"calibrating on {len(samples.label)} training samples"):
        return calibrate(network, samples.raster, to_integers=to_integers)


def _settled(
    network: Network,
    samples: Samples,
    to_integers: Callable[..., Quantisation],
    calibration: Calibration,
) -> Calibration:
    """What was calibrated, with smaller scales where other ranges need them."""
    from nmtool.hardware_sim.calibrate import settle

    return settle(network, samples.raster, calibration, to_integers=to_integers)


def _searched(
    network: Network,
    samples: Samples,
    to_integers: partial[Quantisation],
    calibration: Calibration,
) -> partial[Quantisation]:
    """The same with ranges that change the answers to samples least."""
    from nmtool.hardware_sim.search import search_ranges

    scores = record(network, samples).scores
    with progress("searching ranges") as advance:
        ranges = search_ranges(
            to_integers.keywords["ranges"],
            lambda ranges: to_integers(network, ranges=ranges, calibration=calibration).network,
            samples.raster,
            scores,
            on_try=lambda least: advance(len(samples.label), f"least error {least:.4f}"),
        )
    return partial(to_integers, ranges=ranges)


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
    if dataset is not None:
        dataset, _ = keep_apart(dataset, validated_on([arguments.network]))
    result = quantised(arguments, found, dataset)
    if not result.report.calibrated:
        console.say(UNCALIBRATED)
    console.print_findings(result.report.findings)
    return result.network


def quantise_options(arguments: argparse.Namespace) -> list[str]:
    """The options of quantisation that are given."""
    names = ("weight_bits", "delay_bits", "ranges", "scale")
    return [name for name in names if getattr(arguments, name) is not None]


def refuse_quantise_options(arguments: argparse.Namespace) -> None:
    """Raise `UsageError` if an option of quantisation is given."""
    for name in quantise_options(arguments):
        raise UsageError(
            f"--{name.replace('_', '-')} has nothing to act on",
            why=f"{arguments.network} is made of integers already",
            fix="leave it out, or name the float network",
        )

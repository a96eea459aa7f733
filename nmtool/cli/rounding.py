"""Flags of quantisation, and integer networks for commands that need them."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from nmtool.cli import console, flags
from nmtool.cli.arguments import ROUNDING, group
from nmtool.cli.flags import flag
from nmtool.cli.progress import progress
from nmtool.splits import NO_DATA

if TYPE_CHECKING:
    from nmtool.data import Dataset
    from nmtool.network.float_network import Network
    from nmtool.network.integer_network import IntegerNetwork
    from nmtool.targets import Target

FLAGS = ("weight_bits", "delay_bits", "ranges", "scale", "relays")


def add_rounding(parser: argparse.ArgumentParser, only: Iterable[str] = FLAGS) -> None:
    """Add the flags of quantisation."""
    flags.add(
        group(parser, ROUNDING),
        "quantise",
        only=only,
        ranges=flag(choices=flags.words("nmtool.quantisation.pipeline.RANGES")),
        scale=flag(choices=flags.words("nmtool.quantisation.conversion.SCALES")),
    )


def rounding(arguments: argparse.Namespace) -> dict[str, Any]:
    """The given flags of quantisation, as arguments of `quantise`."""
    values = flags.given(arguments, "quantise")
    return {name: value for name, value in values.items() if name in FLAGS}


def integers(
    arguments: argparse.Namespace,
    network: Network | IntegerNetwork,
    path: str,
    dataset: Dataset | None,
    target: Target | None = None,
) -> IntegerNetwork:
    """The integer network that a command works on: NETWORK, rounded if it is a float network.

    Changes by rounding are printed on stderr. Without a data set, the run's own data are used for
    calibration, unless `--data` is none.

    Args:
        arguments: parsed arguments with the flags of quantisation, and DATA.
        network: the network in `path`.
        path: path as given on the command line.
        dataset: data for calibration.
        target: chip to round for; by default Loihi 2.

    Raises:
        UsageError: flags of quantisation are given, but there is nothing to quantise.
    """
    from nmtool.network.integer_network import IntegerNetwork
    from nmtool.quantisation.quantising import calibration_data, quantise, quantised_already

    values = rounding(arguments)
    if isinstance(network, IntegerNetwork):
        if values:
            raise quantised_already(path, values)
        return network
    if target is not None:
        values["target"] = target
    calibrate_on = calibration_data(dataset, path, own=arguments.data != NO_DATA)
    result = quantise(network, calibrate_on=calibrate_on, progress=progress, **values)
    console.print_finding_remarks(result.findings)
    return result.network

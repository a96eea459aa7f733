"""`nmtool export NETWORK -o PATH`, in the format of the path's extension or of `--to`."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from nmtool.cli import console
from nmtool.cli.arguments import add_data_options, add_force, add_json, add_network
from nmtool.cli.integers import (
    CALIBRATION_SAMPLES,
    add_quantise_options,
    integers,
    quantise_options,
)
from nmtool.cli.loading import bin_for, find_data, load_any, read_split
from nmtool.cli.nir_options import add_nir_options, nir_options, refuse_nir_options
from nmtool.data import Dataset
from nmtool.errors import UsageError
from nmtool.integer_network import IntegerNetwork
from nmtool.known_answers import KnownAnswers
from nmtool.network import Network
from nmtool.raster import Raster

if TYPE_CHECKING:
    from nmtool.exporters.formats import Format


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from nmtool.exporters import formats

    add_network(
        parser,
        "integer network file; runs and float networks are quantised, but for NIR, where they "
        "stay float unless an option of quantisation is given",
    )
    parser.add_argument(
        "--to",
        choices=formats.that_can(formats.WRITES),
        help="format; by default that of the extension of PATH",
    )
    parser.add_argument("-o", "--output", required=True, metavar="PATH", help="to be made")
    add_force(parser, "an earlier export")
    add_writing_options(parser)
    parser.epilog = (
        "examples: nmtool export integers.npz -o network.onnx; "
        "nmtool export integers.npz --to lava -o lava_folder; "
        "nmtool export run -o network.nir --form expander"
    )


def add_writing_options(parser: argparse.ArgumentParser) -> None:
    """Add what says how a network is written, whatever it is read from."""
    parser.add_argument(
        "--data",
        metavar="DATA",
        help="take the samples of the known answers from here; when quantising, also calibrate on "
        f"its first {CALIBRATION_SAMPLES} training samples",
    )
    add_json(parser)
    add_quantise_options(parser)
    add_data_options(parser)
    add_nir_options(parser)


def run(arguments: argparse.Namespace) -> int:
    chosen = format_to_write(arguments.to, arguments.output)
    check_free(arguments.output, force=arguments.force)
    settings = settings_of(arguments, chosen)
    found = load_any(arguments.network)
    dataset = find_data(arguments, arguments.data) if arguments.data else None
    network = network_to_write(arguments, found, dataset, real=holds_real_numbers(chosen))
    path = chosen.package.export(
        network,
        arguments.output,
        answers=answers_of(chosen, network, dataset),
        force=arguments.force,
        **settings,
    )
    if arguments.json:
        console.print_json({"format": chosen.name, "path": str(path), "hash": network.content_hash})
    else:
        console.tell(f"{path} written; nmtool verify {path} checks it, without any data")
    return 0


def check_free(output: str, *, force: bool) -> None:
    """Raise `UsageError` where something is that may not be replaced."""
    if Path(output).exists() and not force:
        raise UsageError(f"{output} exists", fix="choose another path, or replace it: --force")


def format_to_write(
    name: str | None, output: str, others: Mapping[str, str] = MappingProxyType({})
) -> Format:
    """The format asked for by name or by extension, which must not contradict each other.

    `others` are names and extensions of what the command writes beside the formats.
    """
    from nmtool.exporters import formats

    chosen = formats.by_name(name) if name else formats.of_output(output, others)
    if chosen.extensions and not chosen.names(output):
        raise UsageError(
            f"{output} is no name for the format {chosen.name}",
            fix=f"let it end in {' or '.join(chosen.extensions)}",
        )
    return chosen


def settings_of(arguments: argparse.Namespace, chosen: Format) -> dict[str, Any]:
    """What only this format's export takes."""
    from nmtool.exporters import nir

    if chosen.package is nir:
        return {"options": nir_options(arguments)}
    refuse_nir_options(arguments, chosen.name)
    return {}


def holds_real_numbers(chosen: Format) -> bool:
    """Whether a format takes float networks as they are."""
    from nmtool.exporters import formats

    return formats.REAL in chosen.can


def network_to_write(
    arguments: argparse.Namespace,
    found: Network | IntegerNetwork,
    dataset: Dataset | None,
    *,
    real: bool,
) -> Network | IntegerNetwork:
    """The network as it is to be written: integers, unless real numbers can stay.

    Args:
        arguments: with the options of quantisation; one that is given asks for integers.
        found: the network that was read.
        dataset: calibrates where the network is quantised.
        real: whether what is written takes float networks.

    Raises:
        UsageError: options of quantisation are given, but there is nothing to quantise.
    """
    if real and isinstance(found, Network) and not quantise_options(arguments):
        return found
    return integers(arguments, found, dataset)


def answers_of(
    chosen: Format, network: Network | IntegerNetwork, dataset: Dataset | None
) -> KnownAnswers:
    """What the export must answer to samples, or to input made for the network."""
    from nmtool.hardware_sim.known_answers import known_answers

    spikes = None if dataset is None else _inputs(network, dataset)
    if holds_real_numbers(chosen):
        return known_answers(network, spikes, chosen.package.reference)
    return known_answers(network, spikes)


def _inputs(network: Network | IntegerNetwork, dataset: Dataset) -> Raster:
    """The first samples of the data, of the test split where there is one."""
    from nmtool.hardware_sim.known_answers import ANSWERED_SAMPLES

    split = "test" if "test" in dataset.splits else dataset.splits[0]
    return bin_for(network, read_split(dataset, split, ANSWERED_SAMPLES)).raster

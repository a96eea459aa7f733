"""`nmtool convert IN OUT`: any format in, any that can carry it out, checked on the way."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmtool import integer_network, network, storage
from nmtool.cli import console
from nmtool.cli.arguments import NETWORK_EXTENSION, add_force, check_network_name
from nmtool.cli.export import (
    add_writing_options,
    answers_of,
    check_free,
    format_to_write,
    holds_real_numbers,
    network_to_write,
    settings_of,
)
from nmtool.cli.import_options import add_import_options, read_input
from nmtool.cli.integers import quantise_options
from nmtool.cli.loading import find_data
from nmtool.cli.network_size import in_words, size_on_disk, summary
from nmtool.cli.nir_options import refuse_nir_options
from nmtool.cli.written_check import WrittenCheck, check_written
from nmtool.data import Dataset
from nmtool.errors import UsageError
from nmtool.integer_network import IntegerNetwork
from nmtool.network import Network

if TYPE_CHECKING:
    from nmtool.exporters.formats import Format

OWN = "npz"
"""nmtool's own files, of float networks and of integers."""

KINDS = (network.FILE_KIND, integer_network.FILE_KIND)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from nmtool.exporters import formats

    parser.add_argument(
        "network",
        metavar="IN",
        help="run folder, network file, file of any of the formats, or folder of mlGeNN's "
        "checkpoints",
    )
    parser.add_argument(
        "output",
        metavar="OUT",
        help="to be made; float networks are quantised where its format holds integers only",
    )
    parser.add_argument(
        "--to",
        choices=[OWN, *formats.that_can(formats.WRITES)],
        help="format of OUT; by default that of its extension",
    )
    add_force(parser, "an earlier OUT")
    parser.add_argument(
        "--no-verify", action="store_true", help="do not read OUT back, nor execute it"
    )
    add_writing_options(parser)
    add_import_options(parser)
    parser.epilog = (
        "examples: nmtool convert network.onnx network.c; nmtool convert run network.npz; "
        "nmtool convert foreign.nir network.npz --in-nir-dt 0.001; nmtool convert checkpoints "
        "network.npz --in-tau-mem-ms 20 --in-tau-syn-ms 5 --in-threshold 1 --in-sizes Input=700. "
        "Exit code 1 if what was written differs; it is kept."
    )


def run(arguments: argparse.Namespace) -> int:
    chosen = _format(arguments)
    _check_free(arguments, chosen)
    settings = _settings(arguments, chosen)
    found = read_input(arguments)
    dataset = _dataset(arguments, chosen, found)
    real = chosen is None or holds_real_numbers(chosen)
    converted = network_to_write(arguments, found, dataset, real=real)
    path = _write(arguments, chosen, converted, dataset, settings)
    check = None if arguments.no_verify else check_written(path, chosen, converted.content_hash)
    _report(arguments, chosen, converted, check)
    return 0 if check is None or check.passed else 1


def _format(arguments: argparse.Namespace) -> Format | None:
    """The format asked for by name or by extension; None for nmtool's own files."""
    has_own = Path(arguments.output).suffix.lower() == NETWORK_EXTENSION
    if arguments.to == OWN:
        check_network_name(arguments.output)
    if arguments.to == OWN or (has_own and arguments.to is None):
        return None
    return format_to_write(arguments.to, arguments.output, {OWN: NETWORK_EXTENSION})


def _check_free(arguments: argparse.Namespace, chosen: Format | None) -> None:
    """Raise `UsageError` where something is that may not be replaced."""
    output = arguments.output
    check_free(output, force=arguments.force)
    if chosen is None and Path(output).exists() and storage.archive_kind(output) not in KINDS:
        raise UsageError(
            f"{output} exists and is no network",
            why="--force replaces only networks",
            fix="choose another name",
        )


def _settings(arguments: argparse.Namespace, chosen: Format | None) -> dict[str, Any]:
    if chosen is not None:
        return settings_of(arguments, chosen)
    refuse_nir_options(arguments, OWN)
    return {}


def _dataset(
    arguments: argparse.Namespace, chosen: Format | None, found: Network | IntegerNetwork
) -> Dataset | None:
    """The data for known answers and calibration, None where none are named.

    Raises:
        UsageError: there is neither to be.
    """
    if not arguments.data:
        return None
    quantises = isinstance(found, Network) and quantise_options(arguments)
    if chosen is None and not quantises:
        raise UsageError(
            "--data has nothing to act on",
            why="network files carry no known answers, and nothing is quantised",
            fix="leave it out, or have floats quantised: --weight-bits 8",
        )
    return find_data(arguments, arguments.data)


def _write(
    arguments: argparse.Namespace,
    chosen: Format | None,
    converted: Network | IntegerNetwork,
    dataset: Dataset | None,
    settings: dict[str, Any],
) -> Path:
    if chosen is None:
        converted.save(arguments.output)
        return Path(arguments.output)
    answers = answers_of(chosen, converted, dataset)
    return chosen.package.export(
        converted, arguments.output, answers=answers, force=arguments.force, **settings
    )


def _report(
    arguments: argparse.Namespace,
    chosen: Format | None,
    converted: Network | IntegerNetwork,
    check: WrittenCheck | None,
) -> None:
    name, size = chosen.name if chosen else OWN, size_on_disk(Path(arguments.output))
    content = summary(converted)
    if arguments.json:
        what = {"in": arguments.network, "path": arguments.output, "format": name}
        verified = None if check is None else check.as_json()
        hash_ = converted.content_hash
        console.print_json({**what, "hash": hash_, **content, "bytes": size, "check": verified})
        return
    rows = [*in_words(content), ("size", f"{size:,} bytes")]
    console.print_table(f"{arguments.network} → {arguments.output}", (name, ""), rows)
    if check is None:
        console.tell("not checked")
    else:
        check.tell()

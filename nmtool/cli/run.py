"""`nmtool run EXPORT DATA`: what an export answers, executed by the runtime of its format."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from nmtool.cli import console
from nmtool.cli.arguments import add_choice_of_samples, add_data, add_json
from nmtool.cli.evaluate import print_result, summary
from nmtool.cli.held_out import chosen_data
from nmtool.cli.loading import bin_for, check_exists, read_split
from nmtool.cli.progress import progress
from nmtool.errors import FileFormatError, UsageError

if TYPE_CHECKING:
    from nmtool.exporters.formats import Format


EXPORT = (
    "export that nmtool wrote: Lava folder, .onnx, .nir or .c; or a .net file, whoever wrote it"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("artefact", metavar="EXPORT", help=EXPORT)
    add_data(parser)
    add_choice_of_samples(parser)
    add_json(parser)
    parser.epilog = "example: nmtool run network.onnx digits"


def run(arguments: argparse.Namespace) -> int:
    format_ = _executable(arguments.artefact)
    network = format_.network(arguments.artefact)
    format_.package.require()
    dataset = chosen_data(arguments, arguments.split, [])
    events = read_split(dataset, arguments.split, arguments.samples)
    samples = bin_for(network, events)
    began = time.perf_counter()
    with progress(format_.name, samples.raster.n_samples) as advance:
        recording = format_.package.run(arguments.artefact, samples.raster, on_progress=advance)
    result = {
        **summary(network, samples, recording),
        "spikes": sum(raster.n_spikes for raster in recording.spikes.values()),
        "seconds": round(time.perf_counter() - began, 3),
    }
    if arguments.json:
        what = {"export": arguments.artefact, "format": format_.name, "hash": network.content_hash}
        where = {"data": arguments.data, "split": arguments.split}
        console.print_json({**what, **where, **result})
    else:
        title = f"{arguments.artefact} on {arguments.data} ({arguments.split})"
        print_result(f"{title}, run by {format_.name}", result)
    return 0


def _executable(path: str) -> Format:
    """The format of an export that can be executed.

    Raises:
        FileFormatError: it is no export, or not there.
        UsageError: there is no runtime for its format.
    """
    from nmtool.exporters import formats

    check_exists(path)
    found = formats.of_artefact(path)
    if found is None:
        raise FileFormatError(
            f"{path} is no export that nmtool knows",
            fix="nmtool export makes one; nmtool evaluate runs networks and runs of training",
        )
    if formats.EXECUTES not in found.can:
        raise UsageError(f"{path} cannot be run", why=f"the format {found.name} has no runtime")
    return found

"""`nmtool run EXPORT DATA`: an export, run by the runtime of its format."""

from __future__ import annotations

import argparse

from nmtool.cli.arguments import add_choice_of_samples, add_data, add_json, add_trust
from nmtool.cli.evaluate import add_class_options, check_class_options, print_result
from nmtool.cli.loading import chosen_data, read_split
from nmtool.cli.progress import progress
from nmtool.evaluation import evaluation
from nmtool.verification.certificate import SIMULATOR

EXPORT = (
    "export that nmtool wrote: folder of Lava or of Verilog, .onnx, .nir or .c; or a .net file, "
    "whoever wrote it; or integers, in a file of nmtool's or zoo:NAME, which the simulator runs"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("artefact", metavar="EXPORT", help=EXPORT)
    add_data(parser)
    add_choice_of_samples(parser)
    add_class_options(parser)
    add_trust(parser)
    add_json(parser)
    parser.epilog = "examples: nmtool run network.onnx digits; nmtool run zoo:digits digits"


def run(arguments: argparse.Namespace) -> int:
    check_class_options(arguments)
    runtime = SIMULATOR
    if not evaluation.holds_integers(arguments.artefact):
        artefact = evaluation.artefact_that_runs(arguments.artefact)
        artefact.require()
        runtime = artefact.name
    dataset = chosen_data(arguments, arguments.split, [])
    events = read_split(dataset, arguments.split)
    result = evaluation.run(
        arguments.artefact,
        events,
        samples=arguments.samples,
        trust=arguments.trust,
        progress=progress,
    )
    what = {"export": arguments.artefact, "format": runtime, "hash": result.network_hash}
    title = f"{arguments.artefact} on {arguments.data}"
    print_result(arguments, result, what, title, f", run by {runtime}")
    return 0

"""`nmtool verify NETWORK DATA --against BACKEND`, and `nmtool verify ARTEFACT`: certificates."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from nmtool.cli import console
from nmtool.cli.arguments import (
    DATA,
    add_choice_of_samples,
    add_data_options,
    add_json,
    add_network,
    add_trust,
)
from nmtool.cli.integers import add_quantise_options, integers, quantise_options
from nmtool.cli.loading import chosen_data, read_split
from nmtool.cli.progress import progress
from nmtool.cli.threads import add_threads_option, use_threads
from nmtool.errors import UsageError, suggestion
from nmtool.loading import load
from nmtool.network import Network
from nmtool.quantisation.quantising import NO_DATA
from nmtool.verification.against import Against, Way, is_recording
from nmtool.verification.verify import verify

ON_DATA = ("against", "split", "validation", "samples", "deep", "exercise", "data_dir", "units")
"""Options that mean nothing where an export is compared on the answers it carries.

So do those of quantisation.
"""

LAVA = "lava"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from nmtool.exporters.formats import formats_that_run
    from nmtool.exporters.lava import MODELS

    add_network(
        parser,
        "integer network file, or an export, which is run as it is; runs and float networks are "
        "quantised",
    )
    parser.add_argument(
        "data",
        metavar="DATA",
        nargs="?",
        help=f"{DATA}; left out, an export answers for itself, and others are compared on inputs "
        "made for them, a run quantised on its own data; none: the same, calibrated on nothing",
    )
    add_data_options(parser)
    parser.add_argument(
        "--against",
        action="append",
        type=_backend_or_recording,
        metavar="|".join([*formats_that_run(), "FILE.npz"]),
        help="backend to compare, may be repeated; an export's own by default. FILE.npz: spikes "
        "that another framework recorded (docs/recording.md), with which floats are compared, too",
    )
    parser.add_argument(
        "--artefact",
        action="append",
        metavar="EXPORT",
        help="prove that this export is NETWORK: the same integers, written as nmtool does",
    )
    add_trust(parser)
    add_choice_of_samples(parser)
    parser.set_defaults(split=None)  # tells one that is given, where there are no data, from none
    parser.add_argument("--deep", action="store_true", help="compare u and v of every neuron too")
    parser.add_argument(
        "--exercise",
        action="store_true",
        help="compare generated samples too, with u and v, which exercise what the data do not",
    )
    parser.add_argument(
        "--no-coverage",
        dest="coverage",
        action="store_false",
        help="do not tell what was exercised, and how many one-unit faults would have been seen",
    )
    parser.add_argument(
        "--model",
        choices=MODELS,
        help="Lava's model: fast (default; one sample runs on stock too) or stock, its own, slow",
    )
    add_json(parser)
    add_quantise_options(parser)
    add_threads_option(parser)
    parser.epilog = (
        "examples: nmtool verify integers.npz digits --against lava; nmtool verify lava_folder. "
        "Exit code 1 if anything differs."
    )


def run(arguments: argparse.Namespace) -> int:
    use_threads(arguments.threads)
    artefact = _one_artefact(arguments.artefact or [])
    compared = Against.of(arguments.network, arguments.against or (), artefact)
    has_data = arguments.data not in (None, NO_DATA)
    way = compared.way(has_data=has_data, exercise=arguments.exercise)
    _check_options(arguments, compared, way)
    if way is not Way.ANSWERS:
        compared.require()
    events, network = None, load(arguments.network)
    dataset = None
    if has_data:
        split = arguments.split or "test"
        dataset = chosen_data(arguments, split, [arguments.network])
        # A recording holds the samples in their order; of others, some are drawn.
        count = None if compared.recordings else arguments.samples
        events = read_split(dataset, split, count)
        if compared.recordings and arguments.samples is not None:
            events = events[: arguments.samples]
        dataset = dataset if "train" in dataset.splits else None
    stays_float = isinstance(network, Network) and compared.takes_floats
    if not stays_float or quantise_options(arguments):
        network = integers(arguments, network, dataset)
    certificate = verify(
        network,
        events,
        against=arguments.against or compared.names,
        artefact=compared.own_path,
        trust=arguments.trust,
        deep=arguments.deep,
        coverage=arguments.coverage,
        exercise=arguments.exercise,
        options={LAVA: {"model": arguments.model}} if arguments.model else {},
        progress=progress,
    )
    if arguments.json:
        console.print_json(certificate.as_json())
    else:
        console.print_tables(certificate)
        console.print_certificate(certificate)
    return 0 if certificate.identical else 1


def _backend_or_recording(text: str) -> str:
    """The name of a backend or the path of a recording, for `type=`."""
    from nmtool.exporters.formats import formats_that_run

    known = formats_that_run()
    if text not in known and not is_recording(text):
        raise UsageError(
            f"--against cannot be '{text}', which is no backend and no recording",
            code="command-line",
            fix=suggestion(text, known, also=", or FILE.npz"),
        )
    return text


def _one_artefact(named: Sequence[str]) -> str | None:
    if len(named) > 1:
        raise UsageError(
            f"--artefact names {len(named)} exports: {', '.join(named)}",
            code="artefact-several",
            fix="prove one with each command",
        )
    return named[0] if named else None


def _check_options(arguments: argparse.Namespace, compared: Against, way: Way) -> None:
    """Raise `UsageError` for options that this comparison does not use."""
    unused = {
        Way.DATA: (),
        Way.MADE: [name for name in ON_DATA if name not in ("against", "deep")],
        Way.ANSWERS: [*ON_DATA, *(() if arguments.artefact else quantise_options(arguments))],
    }
    for name in unused[way]:
        if getattr(arguments, name):
            raise UsageError(
                f"--{name.replace('_', '-')} is for a comparison on data",
                code="data-missing",
                fix="name DATA, or leave it out",
            )
    if arguments.model and LAVA not in compared.names:
        raise UsageError(
            f"--model is for Lava, not for {', '.join(compared.names)}",
            code="lava-model-unused",
            fix="leave it out, or compare with Lava on data: --against lava",
        )

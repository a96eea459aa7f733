"""`nmtool verify NETWORK DATA --against BACKEND`, and `nmtool verify ARTEFACT`: certificates."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

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
from nmtool.integer_network import IntegerNetwork
from nmtool.network import Network
from nmtool.verbs.loading import check_exists, load
from nmtool.verbs.quantising import NO_DATA
from nmtool.verbs.running import artefact_that_runs
from nmtool.verification.certificate import Certificate
from nmtool.verification.verify import (
    backends_to_run,
    is_recording,
    needs_its_samples,
    verify,
)

if TYPE_CHECKING:
    from nmtool.exporters.format import Format

ON_DATA = ("against", "split", "validation", "samples", "deep", "exercise", "data_dir", "units")
"""Options that mean nothing where an artefact is checked by the answers it carries.

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
    from nmtool.exporters.formats import artefact_at

    use_threads(arguments.threads)
    check_exists(arguments.network)
    arguments.artefact = _one_artefact(arguments.artefact or [])
    own = artefact_at(arguments.network)
    if own is not None and not own.runs:
        own = None
    if arguments.artefact:
        own = artefact_that_runs(arguments.artefact)
    if arguments.data in (None, NO_DATA) and any(
        is_recording(one) for one in arguments.against or ()
    ):
        raise needs_its_samples("name DATA")
    if arguments.data and arguments.data != NO_DATA:
        found = _on_data(arguments, own)
    elif own is None and arguments.against:
        found = _on_made_inputs(arguments)
    else:
        found = _on_answers(arguments, own)
    if arguments.json:
        console.print_json(found.as_json())
    else:
        console.print_tables(found)
        console.print_certificate(found)
    return 0 if found.identical else 1


def _on_data(arguments: argparse.Namespace, own: Format | None) -> Certificate:
    recordings = [one for one in arguments.against or () if is_recording(one)]
    asked = [one for one in arguments.against or () if one not in recordings]
    backends = backends_to_run(asked, own) if asked or not recordings else []
    names = [backend.name for backend in backends]
    _check_model(arguments, [*names, *recordings])
    for backend in backends:
        backend.require()
    network = load(arguments.network)
    split = arguments.split or "test"
    dataset = chosen_data(arguments, split, [arguments.network])
    events = read_split(dataset, split, None if recordings else arguments.samples)
    if recordings and arguments.samples is not None:
        events = events[: arguments.samples]  # a recording holds the samples in their order
    runs_itself = bool(recordings and not names) or (own is not None and names == [own.name])
    if not (runs_itself and isinstance(network, Network) and not quantise_options(arguments)):
        network = integers(arguments, network, dataset if "train" in dataset.splits else None)
    return verify(
        network,
        events,
        against=[*names, *recordings],
        artefact=arguments.artefact or (arguments.network if own and own.name in names else None),
        trust=arguments.trust,
        deep=arguments.deep,
        coverage=arguments.coverage,
        exercise=arguments.exercise,
        options=_options(arguments),
        progress=progress,
    )


def _on_made_inputs(arguments: argparse.Namespace) -> Certificate:
    for name in ON_DATA:
        if name not in ("against", "deep") and getattr(arguments, name):
            raise _means_data(name)
    _check_model(arguments, arguments.against)
    for backend in backends_to_run(arguments.against, None):
        backend.require()
    return verify(
        integers(arguments, load(arguments.network), None),
        against=arguments.against,
        deep=arguments.deep,
        coverage=arguments.coverage,
        options=_options(arguments),
        progress=progress,
    )


def _on_answers(arguments: argparse.Namespace, own: Format | None) -> Certificate:
    rounding = () if arguments.artefact else quantise_options(arguments)
    for name in (*ON_DATA, *rounding):
        if own is not None and getattr(arguments, name):
            raise _means_data(name)
    if own is not None:
        _check_model(arguments, [own.name])
    network: Any = arguments.network
    if arguments.artefact and own is not None:
        network = load(network)
        if isinstance(network, IntegerNetwork) or not own.holds_floats or rounding:
            network = integers(arguments, network, None)
    return verify(
        network,
        artefact=arguments.artefact,
        coverage=arguments.coverage,
        trust=arguments.trust,
        options=_options(arguments),
        progress=progress,
    )


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


def _means_data(name: str) -> UsageError:
    return UsageError(
        f"--{name.replace('_', '-')} is for a comparison on data",
        code="data-missing",
        fix="name DATA, or leave it out",
    )


def _options(arguments: argparse.Namespace) -> dict[str, dict[str, str]]:
    """Options of each backend's check."""
    return {LAVA: {"model": arguments.model}} if arguments.model else {}


def _check_model(arguments: argparse.Namespace, backends: Sequence[str]) -> None:
    """Raise `UsageError` if a model is chosen of a backend that does not run."""
    if arguments.model and LAVA not in backends:
        raise UsageError(
            f"--model is for Lava, not for {', '.join(backends)}",
            code="lava-model-unused",
            fix="leave it out, or compare with Lava on data: --against lava",
        )

"""`nmtool verify NETWORK DATA --against BACKEND` and `nmtool verify EXPORT`: certificates."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from nmtool.cli import console, flags
from nmtool.cli.arguments import DATA, MACHINE, SAMPLES, add_json
from nmtool.cli.flags import flag
from nmtool.cli.loading import add_choice_of_samples, add_data, check_unused, read_samples
from nmtool.cli.progress import progress
from nmtool.cli.rounding import add_rounding, integers, rounding
from nmtool.cli.threads import add_threads_option, use_threads
from nmtool.errors import UsageError
from nmtool.splits import NO_DATA

if TYPE_CHECKING:
    from nmtool.verification.verification import InputSource, Verification

LAVA = "lava"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    flags.add(
        parser,
        "verify",
        network=flag(
            "network",
            metavar="NETWORK",
            help="integer network file, or an export, which runs unchanged; run folders and float "
            "networks are quantised first",
        ),
        against=flag(
            action="append",
            type=_backend_or_recording,
            metavar="BACKEND|FILE.npz",
        ),
        artefact=flag(
            action="append",
            metavar="EXPORT",
            help="check that this export contains NETWORK: the same integers, and unchanged code",
        ),
        trust=flag(group=MACHINE),
        exercise=flag(group=SAMPLES),
    )
    add_data(
        parser,
        f"{DATA}. Without DATA, an export is checked by its known answers, and a network on "
        "generated inputs; a run is calibrated on its own data. none: as without DATA, but "
        "without calibration",
        nargs="?",
    )
    add_choice_of_samples(parser)
    parser.add_argument(
        "--model",
        choices=("fast", "stock"),
        help="process models in Lava: fast (default: nmtool's own; one sample also runs on stock) "
        "or stock (Lava's own, slow)",
    )
    add_json(parser)
    add_rounding(parser)
    add_threads_option(parser)
    parser.epilog = (
        "examples: nmtool verify integers.npz digits --against lava --against c; "
        "nmtool verify lava_folder. Exit code 1 if any result differs, or the export contains "
        "another network; 2 if the export was modified after it was written, and is not run."
    )


def run(arguments: argparse.Namespace) -> int:
    from nmtool.arithmetic import LOIHI2
    from nmtool.loading import load
    from nmtool.network.float_network import Network
    from nmtool.targets import target_named
    from nmtool.verification.verification import InputSource, Verification
    from nmtool.verification.verify import verify

    use_threads(arguments.threads)
    values = flags.given(arguments, "verify")
    artefact = _one_artefact(values.pop("artefact", []))
    compared = Verification.of(arguments.network, values.get("against", ()), artefact)
    compared = replace(compared, exercise=values.get("exercise", False))
    has_data = arguments.data not in (None, NO_DATA)
    input_source = compared.input_source(has_data=has_data)
    _check_flags(arguments, compared, artefact, input_source)
    if input_source is not InputSource.ANSWERS:
        compared.require()
    dataset, events, network = None, None, load(arguments.network)
    if has_data:
        # A recording contains the first samples of the data in their order. For other backends,
        # samples are drawn.
        dataset, events = read_samples(
            arguments, [arguments.network], draws=not compared.recordings
        )
        if compared.recordings and arguments.samples is not None:
            events = events[: arguments.samples]
        dataset = dataset if "train" in dataset.splits else None
    stays_float = isinstance(network, Network) and compared.takes_floats
    if not stays_float or rounding(arguments):
        others = [f.name for f in compared.formats if f.arithmetic != LOIHI2]
        target = target_named(others[0]) if others else None
        network = integers(arguments, network, arguments.network, dataset, target)
    certificate = verify(
        **{
            **values,
            "network": network,
            "data": events,
            "against": values.get("against") or compared.names,
        },
        artefact=compared.export_path,
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
    """Parse the name of a backend or the path of a recording; for `type=`."""
    from nmtool.exporters.formats import formats_that_run
    from nmtool.verification.verification import is_recording

    return text if is_recording(text) else flags.one_of(formats_that_run, ", or FILE.npz")(text)


def _one_artefact(paths: Sequence[str]) -> str | None:
    """Return the path if there is one, None if there is none; else raise `UsageError`."""
    if len(paths) > 1:
        raise UsageError(
            f"--artefact names {len(paths)} exports: {', '.join(paths)}",
            code="artefact-several",
            fix="verify one export per command",
        )
    return paths[0] if paths else None


def _check_flags(
    arguments: argparse.Namespace,
    compared: Verification,
    artefact: str | None,
    input_source: InputSource,
) -> None:
    """Raise `UsageError` for flags that have no effect on this comparison."""
    from nmtool.verification.verification import InputSource

    unused: list[str] = []
    if input_source is not InputSource.DATA:
        unused = arguments.parser.in_group(SAMPLES)
    if input_source is InputSource.ANSWERS:
        unused += ["against", "deep", *(rounding(arguments) if artefact is None else [])]
    check_unused(arguments, unused)
    if arguments.model and LAVA not in compared.names:
        raise UsageError(
            f"--model is only for Lava, not for {', '.join(compared.names)}",
            code="lava-model-unused",
            fix="leave it out, or compare with Lava on data: --against lava",
        )

"""`nmtool verify NETWORK DATA --against BACKEND`, and `nmtool verify ARTEFACT`: certificates."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from nmtool.cli import console
from nmtool.cli.arguments import (
    DATA,
    add_choice_of_samples,
    add_data_options,
    add_json,
    add_network,
)
from nmtool.cli.backend_check import BackendCheck
from nmtool.cli.held_out import chosen_data
from nmtool.cli.integers import add_quantise_options, integers, quantise_options
from nmtool.cli.lava_check import FAST, STOCK, LavaCheck
from nmtool.cli.loading import Samples, bin_for, check_exists, load_any, read_split
from nmtool.cli.progress import progress
from nmtool.cli.real_check import RealCheck
from nmtool.cli.threads import add_threads_option, use_threads
from nmtool.cli.verdict import (
    Verdict,
    all_identical,
    findings,
    print_certificate,
    print_verdicts,
    report,
)
from nmtool.cli.written_check import executed
from nmtool.errors import UsageError
from nmtool.integer_network import IntegerNetwork
from nmtool.network import Network
from nmtool.recording import Recording

Check = Callable[[IntegerNetwork, Samples, Recording], Verdict]

ON_DATA = ("against", "split", "validation", "samples", "deep", "data_dir", "units")
"""Options that mean nothing where an artefact is checked by the answers it carries.

So do those of quantisation.
"""

LAVA = "lava"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from nmtool.exporters import formats

    add_network(
        parser,
        "integer network file, or an export, which is run as it is; runs and float networks are "
        "quantised",
    )
    parser.add_argument(
        "data", metavar="DATA", nargs="?", help=f"{DATA}; left out, an export answers for itself"
    )
    add_data_options(parser)
    parser.add_argument(
        "--against",
        action="append",
        choices=formats.that_can(formats.EXECUTES),
        help="backend to compare, may be repeated; an export's own by default",
    )
    add_choice_of_samples(parser)
    parser.set_defaults(split=None)  # tells one that is given, where there are no data, from none
    parser.add_argument("--deep", action="store_true", help="compare u and v of every neuron too")
    parser.add_argument(
        "--model",
        choices=[FAST, STOCK],
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
    check_exists(arguments.network)
    if arguments.data is None:
        return _verify_by_known_answers(arguments)
    return _verify_on_data(arguments)


def _verify_on_data(arguments: argparse.Namespace) -> int:
    checks = _checks(arguments)
    found = load_any(arguments.network)
    split = arguments.split or "test"
    dataset = chosen_data(arguments, split, [arguments.network])
    events = read_split(dataset, split, arguments.samples)
    real = {n: c for n, c in checks.items() if isinstance(c, RealCheck) and c.artefact}
    expected = None
    if isinstance(found, Network) and real == checks and not quantise_options(arguments):
        samples = bin_for(found, events)
        verdicts = {name: check(found, samples, None) for name, check in real.items()}
    else:
        network = integers(arguments, found, dataset if "train" in dataset.splits else None)
        samples = bin_for(network, events)
        with _exported(checks, network) as ready:
            expected = simulated(network, samples, deep=arguments.deep)
            verdicts = {name: check(network, samples, expected) for name, check in ready.items()}
    if arguments.json:
        console.print_json(report(samples, expected, verdicts))
    else:
        print_verdicts(samples, expected, verdicts)
    return 0 if all_identical(verdicts) else 1


@contextmanager
def _exported(checks: Mapping[str, Check], network: IntegerNetwork) -> Iterator[dict[str, Check]]:
    """The checks with an export each: what stands in the way of one is known before any runs."""
    with tempfile.TemporaryDirectory(prefix="nmtool-verify-") as scratch:
        yield {name: _with_export(check, network, Path(scratch)) for name, check in checks.items()}


def _with_export(check: Check, network: IntegerNetwork, folder: Path) -> Check:
    assert isinstance(check, LavaCheck | BackendCheck)
    return check if check.artefact is not None else check.exported(network, folder)


def _checks(arguments: argparse.Namespace) -> Mapping[str, Check]:
    """A check of every backend; whether their runtimes are here is known before anything runs."""
    from nmtool.exporters import formats

    own = formats.of_artefact(arguments.network)
    names = arguments.against or ([own.name] if own else [])
    if not names:
        raise UsageError(
            "there is nothing to compare with",
            fix=f"name a backend: --against {'|'.join(formats.that_can(formats.EXECUTES))}",
        )
    path, chosen = Path(arguments.network), list(dict.fromkeys(names))
    _check_model(arguments, chosen)
    return {
        name: _check(
            arguments,
            name,
            path if own and own.name == name else None,
            alone=len(chosen) == 1,
        )
        for name in chosen
    }


def _check(
    arguments: argparse.Namespace, name: str, artefact: Path | None, *, alone: bool
) -> Check:
    from nmtool.exporters import formats, lava

    backend = formats.by_name(name)
    if backend.package is lava:
        from nmtool.exporters.lava import environment

        model = arguments.model or FAST
        return LavaCheck(environment.find(), model, arguments.deep, artefact)
    backend.package.require()
    if formats.REAL not in backend.can:
        return BackendCheck(backend, arguments.deep, artefact)
    if arguments.deep and not alone:
        console.say(f"{name} has no inner variables to compare: --deep is for the others")
    return RealCheck(backend, arguments.deep and alone, artefact)


def simulated(network: IntegerNetwork, samples: Samples, *, deep: bool = False) -> Recording:
    """The expected recording."""
    from nmtool.hardware_sim.simulator import simulate

    with progress("integer simulator", samples.raster.n_samples) as advance:
        return simulate(network, samples.raster, deep=deep, on_progress=advance)


def _verify_by_known_answers(arguments: argparse.Namespace) -> int:
    from nmtool.exporters import formats, self_check

    own = formats.of_artefact(arguments.network)
    _check_alone(arguments, own is not None)
    assert own is not None
    _check_model(arguments, [own.name])
    answers = self_check.carried_answers(own, arguments.network)
    own.package.require()
    verdicts = {own.name: executed(own, Path(arguments.network), answers, arguments.model or FAST)}
    samples = answers.spikes.n_samples
    if arguments.json:
        what = {"samples": samples, "hash": answers.network_hash}
        console.print_json({**what, **findings(verdicts)})
    else:
        print_certificate(f"{samples} known answers", samples, verdicts, [])
    return 0 if all_identical(verdicts) else 1


def _check_alone(arguments: argparse.Namespace, is_export: bool) -> None:
    """Raise `UsageError` unless it is an export that is to answer for itself."""
    if not is_export:
        raise UsageError(
            f"{arguments.network} carries no known answers",
            why="it is no export that nmtool knows",
            fix="name DATA to compare on, and a backend",
        )
    for name in (*ON_DATA, *quantise_options(arguments)):
        if getattr(arguments, name):
            raise UsageError(
                f"--{name.replace('_', '-')} is for a comparison on data",
                fix="name DATA, or leave it out",
            )


def _check_model(arguments: argparse.Namespace, backends: Sequence[str]) -> None:
    """Raise `UsageError` if a model is chosen of a backend that does not run."""
    if arguments.model and LAVA not in backends:
        raise UsageError(
            f"--model is for Lava, not for {', '.join(backends)}",
            fix="leave it out, or compare with Lava on data: --against lava",
        )

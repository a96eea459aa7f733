"""Commands as they were spelt before, which answer as they did; `commands.OLD` names today's.

What they print on stdout stays as it is.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nmtool.cli import completion, console, cost, evaluate, flags, folds, setup, train
from nmtool.cli.arguments import DATA, MACHINE, NETWORK, add_force, add_json, group
from nmtool.cli.flags import flag
from nmtool.cli.loading import add_data, add_data_options, named_data, read_samples
from nmtool.cli.progress import progress
from nmtool.cli.threads import add_threads_option, use_threads
from nmtool.cli.train_settings import add_settings


@dataclass(frozen=True)
class Old:
    """The arguments of an earlier spelling, and what runs it."""

    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def _add_finetune(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("start", metavar="RUN", help="folder of the run to start from")
    parser.add_argument("--data", metavar="DATA", help=DATA)
    add_data_options(parser)
    parser.set_defaults(join=False)
    train.add_run_options(parser)
    add_settings(parser)


def _add_crossvalidate(parser: argparse.ArgumentParser) -> None:
    add_data(parser)
    folds.add_options(parser, by_required=True)
    train.add_run_options(parser, "folder for runs and answers")
    add_settings(parser)


def _add_teach(parser: argparse.ArgumentParser) -> None:
    flags.add(
        parser,
        "teach",
        networks=flag("networks", nargs="+", metavar="NETWORK", action=None, help=NETWORK),
    )
    parser.add_argument("-o", "--output", required=True, metavar="FILE.npz")
    parser.add_argument("--data", metavar="DATA", help=DATA)
    add_force(group(parser, MACHINE), "an earlier teacher in FILE.npz")
    add_json(parser)
    add_threads_option(parser)
    add_data_options(parser)


def _teach(arguments: argparse.Namespace) -> int:
    from nmtool.data.teacher import FILE_KIND
    from nmtool.exchange.exporting import check_archive_name, check_replaceable
    from nmtool.training.teaching import teach

    check_archive_name(arguments.output, "a teacher")
    check_replaceable(arguments.output, [FILE_KIND], force=arguments.force)
    use_threads(arguments.threads, with_torch=True)
    found = teach(**flags.given(arguments, "teach"), data=named_data(arguments), progress=progress)
    found.save(arguments.output)
    _print(arguments, found, found.as_json())
    return 0


def _add_join(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", required=True, metavar="FILE.npz")
    flags.add(
        parser,
        "side_by_side",
        networks=flag("networks", nargs="+", metavar="NETWORK", action=None),
        weights=flag(nargs="+", type=float, metavar="W", action=None),
    )
    add_force(group(parser, MACHINE), "a float network in FILE.npz")
    add_json(parser)


def _join(arguments: argparse.Namespace) -> int:
    from nmtool.description import describe_network
    from nmtool.exchange.exporting import check_archive_name, check_replaceable
    from nmtool.joining import side_by_side
    from nmtool.network import FILE_KIND

    check_archive_name(arguments.output)
    check_replaceable(arguments.output, [FILE_KIND], force=arguments.force)
    network = side_by_side(**flags.given(arguments, "side_by_side"))
    network.save(arguments.output)
    about = describe_network(network)
    _print(arguments, network, {key: about[key] for key in ("hash", "neurons", "synapses")})
    return 0


def _print(arguments: argparse.Namespace, made: Any, content: dict[str, Any]) -> None:
    if arguments.json:
        console.print_json({"file": arguments.output, **content})
    else:
        console.print_tables(made)
        console.print_line(f"{arguments.output} written")


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("artefact", metavar="EXPORT", help=NETWORK)
    add_data(parser)
    evaluate.add_options(parser)


def _run(arguments: argparse.Namespace) -> int:
    from nmtool.evaluation.evaluation import check_runs, run

    evaluate.check_predictions(arguments)
    path = arguments.artefact
    check_runs(path)
    _, events = read_samples(arguments, [], draws=False)
    how = {**flags.given(arguments, "run"), "samples": arguments.samples}
    result = run(path, events, **how, progress=progress)
    what = {"export": path, "format": result.runtime, "hash": result.network_hash}
    evaluate.print_result(arguments, result, what, path)
    return 0


def _add_referee(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["setup", "status"], metavar="setup|status")
    parser.add_argument("--force", action="store_true", help="setup: make it anew")
    add_json(parser)
    what = parser.prog.rpartition(" ")[2]
    parser.set_defaults(what=what, shell=None)


def _referee(arguments: argparse.Namespace) -> int:
    arguments.status = arguments.action == "status"
    return setup.run(arguments)


def _add_completion(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=completion.SHELLS, help="the shell that the script is for")


SPELLINGS = {
    "finetune": Old(_add_finetune, train.run),
    "crossvalidate": Old(_add_crossvalidate, folds.run),
    "teach": Old(_add_teach, _teach),
    "join": Old(_add_join, _join),
    "run": Old(_add_run, _run),
    "cost": Old(cost.add_arguments, cost.run),
    "lava": Old(_add_referee, _referee),
    "brian2-loihi": Old(_add_referee, _referee),
    "completion": Old(_add_completion, lambda arguments: completion.write(arguments.shell)),
}

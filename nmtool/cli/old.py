"""Earlier spellings of commands, which work as before; `commands.OLD` has the current spellings.

Most earlier spellings take the arguments of the current command. Their output on stdout does not
change.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nmtool.cli import check, completion, console, cost, evaluate, flags, setup, train
from nmtool.cli.arguments import DATA, MACHINE, NETWORK, add_force, add_json, group
from nmtool.cli.flags import flag
from nmtool.cli.loading import add_data_options, named_data, read_samples
from nmtool.cli.progress import progress
from nmtool.cli.rounding import add_rounding
from nmtool.cli.threads import add_threads_option, use_threads
from nmtool.errors import UsageError


@dataclass(frozen=True)
class Old:
    """The arguments of an earlier spelling, and the function that runs it."""

    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def _add_finetune(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `nmtool finetune`."""
    train.add_arguments(parser)
    parser.add_argument("--data", dest="named", metavar="DATA", help=DATA)


def _finetune(arguments: argparse.Namespace) -> int:
    """Run `nmtool finetune RUN` as `nmtool train --start RUN`."""
    if arguments.data is None:
        raise UsageError(
            "there is no run to start from",
            code="command-line",
            fix="nmtool train --start RUN -o RUN2",
        )
    arguments.start, arguments.data = arguments.data, arguments.named
    return train.run(arguments)


def _crossvalidate(arguments: argparse.Namespace) -> int:
    """Run `nmtool crossvalidate DATA` as `nmtool train DATA --by …`."""
    if "by" not in arguments or arguments.data is None:
        raise UsageError(
            "a cross-validation needs DATA and --by",
            code="command-line",
            fix="nmtool train DATA --by NAME|N -o FOLDER",
        )
    return train.run(arguments)


def _run(arguments: argparse.Namespace) -> int:
    """Run `nmtool run EXPORT DATA`: print the evaluation of an export in its own runtime."""
    from nmtool.evaluation.evaluation import require_runtime, run

    evaluate.check_predictions(arguments)
    path = arguments.network
    require_runtime(path)
    _, events = read_samples(arguments, [], draws=False)
    values = {**flags.given(arguments, "run"), "samples": arguments.samples}
    result = run(path, events, **values, progress=progress)
    subject = {"export": path, "format": result.runtime, "hash": result.network_hash}
    evaluate.print_result(arguments, result, subject, path)
    return 0


def _add_cost(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `nmtool cost`."""
    check.add_arguments(parser)
    add_rounding(parser)


def _cost(arguments: argparse.Namespace) -> int:
    """Run `nmtool cost NETWORK DATA`: print the cost of an inference."""
    if arguments.data is None:
        *arguments.networks, arguments.data = arguments.networks
    if not arguments.networks:
        raise UsageError(
            "counting the cost needs samples",
            code="data-missing",
            fix="name DATA: nmtool check NETWORK --data DATA",
        )
    target = getattr(arguments, "target", [None])[-1]
    tradeoff = cost.counted_cost(arguments, [*dict.fromkeys(arguments.networks)], target)
    if arguments.json:
        console.print_json(cost.cost_as_json(arguments, tradeoff))
    cost.print_cost(arguments, tradeoff)
    return 0


def _add_file(parser: argparse.ArgumentParser, function: str) -> None:
    """Add NETWORK …, `-o FILE.npz` and the flags of a function that takes networks."""
    networks = flag("networks", nargs="+", metavar="NETWORK", action=None, help=NETWORK)
    flags.add(parser, function, networks=networks)
    parser.add_argument("-o", "--output", required=True, metavar="FILE.npz")
    add_force(group(parser, MACHINE), "an earlier FILE.npz")
    add_json(parser)


def _write(arguments: argparse.Namespace, kind: str, noun: str, compute: Callable[[], Any]) -> Any:
    """Compute a value and write it to FILE.npz; it may only replace a file of the same kind."""
    from nmtool.exchange.exporting import check_archive_name, check_replaceable

    check_archive_name(arguments.output, noun)
    check_replaceable(arguments.output, [kind], force=arguments.force)
    value = compute()
    value.save(arguments.output)
    if not arguments.json:
        console.print_tables(value)
        console.print_line(f"{arguments.output} written")
    return value


def _add_teach(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `nmtool teach`."""
    _add_file(parser, "soft_labels")
    parser.add_argument("--data", metavar="DATA", help=DATA)
    add_threads_option(parser)
    add_data_options(parser)


def _teach(arguments: argparse.Namespace) -> int:
    """Run `nmtool teach NETWORK …`: write soft labels to a file."""
    from nmtool.data.teacher import FILE_KIND
    from nmtool.training.studies.teaching import soft_labels

    use_threads(arguments.threads, with_torch=True)
    values = flags.given(arguments, "soft_labels")
    teacher = _write(
        arguments,
        FILE_KIND,
        "a teacher",
        lambda: soft_labels(**values, data=named_data(arguments), progress=progress),
    )
    if arguments.json:
        console.print_json({"file": arguments.output, **teacher.as_json()})
    return 0


def _add_join(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `nmtool join`."""
    weights = flag(nargs="+", type=float, metavar="W", action=None)
    flags.add(parser, "ensemble", only=("weights",), weights=weights)
    _add_file(parser, "ensemble")


def _join(arguments: argparse.Namespace) -> int:
    """Run `nmtool join NETWORK …`: write an ensemble as one network."""
    from nmtool.description import describe_network
    from nmtool.network.float_network import FILE_KIND
    from nmtool.training.studies.ensembles import ensemble

    values = flags.given(arguments, "ensemble")
    network = _write(arguments, FILE_KIND, "a network file", lambda: ensemble(**values))
    if arguments.json:
        description = describe_network(network)
        shown = {key: description[key] for key in ("hash", "neurons", "synapses")}
        console.print_json({"file": arguments.output, **shown})
    return 0


def _add_referee(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `nmtool lava` and `nmtool brian2-loihi`."""
    parser.add_argument("action", choices=["setup", "status"], metavar="setup|status")
    parser.add_argument("--force", action="store_true", help="setup: rebuild the environment")
    add_json(parser)
    referee = parser.prog.rpartition(" ")[2]
    parser.set_defaults(what=referee, shell=None, riscv_ise=None, genn=None)


def _referee(arguments: argparse.Namespace) -> int:
    """Run `nmtool lava` or `nmtool brian2-loihi` as `nmtool setup`."""
    arguments.status = arguments.action == "status"
    return setup.run(arguments)


def _add_completion(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `nmtool completion`."""
    parser.add_argument("shell", choices=completion.SHELLS, help="shell to complete in")


SPELLINGS = {
    "finetune": Old(_add_finetune, _finetune),
    "crossvalidate": Old(train.add_arguments, _crossvalidate),
    "teach": Old(_add_teach, _teach),
    "join": Old(_add_join, _join),
    "run": Old(evaluate.add_arguments, _run),
    "cost": Old(_add_cost, _cost),
    "lava": Old(_add_referee, _referee),
    "brian2-loihi": Old(_add_referee, _referee),
    "completion": Old(_add_completion, lambda arguments: completion.write(arguments.shell)),
}

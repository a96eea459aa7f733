"""`nmtool sweep STUDY.toml`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from nmtool.cli import console
from nmtool.cli.arguments import add_device, add_json, count
from nmtool.cli.sweep_plan import StudyPlan, read_plan
from nmtool.cli.threads import add_threads_option, use_threads
from nmtool.errors import MissingError, UsageError

if TYPE_CHECKING:
    from nmtool.cli.sweep_report import Findings
    from nmtool.cli.sweep_store import Store
    from nmtool.training.devices import Device


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "nmtool sweep STUDY.toml [options]"
    parser.description = (
        "Try training settings and keep those of the best validation accuracy. The same command "
        "goes on with a study that has begun, and may run in several terminals at once. Ctrl-C "
        "stops after the current batch, pressed again at once."
    )
    parser.add_argument(
        "study",
        metavar="STUDY.toml",
        help="what is searched, on which data; examples/study.toml explains it",
    )
    parser.add_argument(
        "--processes", type=count, default=1, metavar="N", help="trials at a time (default 1)"
    )
    add_json(parser)
    add_threads_option(parser)
    add_device(parser)
    parser.epilog = "example: nmtool sweep examples/study.toml --processes 2"


def run(arguments: argparse.Namespace) -> int:
    from nmtool.cli.sweep_report import as_json, importance, tell
    from nmtool.cli.sweep_store import Store

    plan = read_plan(arguments.study)
    with _told_how_to_go_on(arguments, plan), Store(plan) as store:
        found = _search(arguments, plan, store)
        mattered = importance(store)
    if arguments.json:
        console.print_json(as_json(found, mattered))
    else:
        tell(found, mattered)
    return 0


@contextmanager
def _told_how_to_go_on(arguments: argparse.Namespace, plan: StudyPlan) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        if plan.folder.exists():
            console.say(f"finished trials are kept; go on with: {_again(arguments)}")
        raise


def _again(arguments: argparse.Namespace) -> str:
    more = f" --processes {arguments.processes}" if arguments.processes > 1 else ""
    return f"nmtool sweep {arguments.study}{more}"


def _search(arguments: argparse.Namespace, plan: StudyPlan, store: Store) -> Findings:
    """Run what is left of the study, and write what is best, Ctrl-C or not."""
    from nmtool.cli.sweep_report import findings, write_best

    try:
        _run_trials(arguments, plan, store)
    finally:
        found = findings(plan, store)
        if found.best:
            write_best(found)
    if not found.best:
        raise _nothing_found(found)
    return found


def _run_trials(arguments: argparse.Namespace, plan: StudyPlan, store: Store) -> None:
    from nmtool.cli.sweep_stop import signals_noted
    from nmtool.cli.sweep_trial import run_trials, study_data
    from nmtool.cli.sweep_workers import run_workers

    if store.is_done():
        return
    use_threads(arguments.threads, with_torch=arguments.processes == 1)
    dataset = study_data(plan)
    if arguments.processes == 1:
        device = _find_device(arguments.device)
        with signals_noted() as stop:
            run_trials(plan, store, dataset, device, stop, bar=True)
        return
    if arguments.device != "auto":
        _find_device(arguments.device)  # which may not be there
    threads = _threads_each(arguments)
    with signals_noted() as stop:
        failed = run_workers(plan, arguments.processes, threads, arguments.device, stop)
    if failed:
        _tell_failed(failed, arguments, store)


def _find_device(name: str) -> Device:
    """Where to train; imports torch, which a parent of workers can do without."""
    from nmtool.training.devices import find_device

    return find_device(name)


def _threads_each(arguments: argparse.Namespace) -> int:
    """Threads of each of several processes, which share what `--threads` allows."""
    import numba

    config: Any = numba.config
    return max(1, (arguments.threads or config.NUMBA_NUM_THREADS) // arguments.processes)


def _tell_failed(codes: list[int], arguments: argparse.Namespace, store: Store) -> None:
    """Processes failed, which does not matter where the others did all there was to do."""
    what = f"{len(codes)} of {arguments.processes} processes ended early"
    if store.is_done():
        console.say(f"{what}; the others finished the study")
        return
    reasons = {f"by signal {-code}" if code < 0 else f"with exit code {code}" for code in codes}
    raise MissingError(what, why=", ".join(sorted(reasons)), fix=f"go on with: {_again(arguments)}")


def _nothing_found(found: Findings) -> UsageError:
    reasons = dict.fromkeys(reason for _, reason in found.failed)
    return UsageError(
        f"{found.plan.file}: no trial was finished",
        why="; ".join(reasons) or "all were ended early",
        fix="search other ranges, in another folder",
    )

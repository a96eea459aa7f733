"""`nmtool train DATA -o RUN`."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmtool.cli import console
from nmtool.cli.arguments import DATA, add_data_options, add_device, add_json
from nmtool.cli.loading import find_data
from nmtool.cli.progress import progress
from nmtool.cli.threads import add_threads_option
from nmtool.cli.torchrun import is_first, sigterm_raises
from nmtool.cli.train_settings import (
    add_config,
    add_settings,
    chosen_settings,
    resumed_settings,
)
from nmtool.errors import RankError, UsageError

if TYPE_CHECKING:
    from nmtool.data import Dataset
    from nmtool.training.learning import OnEpoch, Run
    from nmtool.training.loop.run_folder import RunFolder
    from nmtool.training.options import TrainOptions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "nmtool train DATA -o RUN [options]"
    parser.add_argument(
        "data", metavar="DATA", nargs="?", help=f"{DATA}; beside --resume by default those of RUN"
    )
    add_data_options(parser)
    parser.add_argument("--resume", action="store_true", help="resume the run in RUN")
    add_run_options(parser)
    add_settings(parser)
    parser.description = (
        "Learn weights and delays. Ctrl-C stops after the current batch, pressed again at once; "
        "finished epochs are kept."
    )
    parser.epilog = (
        "example: nmtool train digits -o run --config digits; with several processes: "
        "torchrun --nproc-per-node 2 -m nmtool train digits -o run --config digits"
    )


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add what every command that trains takes, but for the settings."""
    parser.add_argument("-o", "--output", required=True, metavar="RUN", help="folder for the run")
    add_config(parser)
    add_json(parser)
    add_threads_option(parser)
    add_device(parser)
    parser.add_argument(
        "--tensorboard", metavar="DIR", help="write a point per epoch for TensorBoard, too"
    )


def run(arguments: argparse.Namespace) -> int:
    from nmtool.training.loop.run_folder import RunFolder

    if arguments.data is None and not arguments.resume:
        raise UsageError(
            "there are no data to train on",
            code="command-line",
            fix="name them: nmtool train DATA -o RUN; see nmtool train --help",
        )
    folder = RunFolder(Path(arguments.output))
    options = _options(arguments, folder)
    data = given_data(arguments, folder)
    with training(arguments) as on_epoch:
        from nmtool.training.learning import train

        made = train(
            data,
            options,
            folder=folder.path,
            resume=arguments.resume,
            device=arguments.device,
            threads=arguments.threads,
            on_epoch=on_epoch,
            progress=progress,
        )
    print_run(arguments, made)
    return 0


def _options(arguments: argparse.Namespace, folder: RunFolder) -> TrainOptions:
    return resumed_settings(folder, arguments) if arguments.resume else chosen_settings(arguments)


def given_data(arguments: argparse.Namespace, run: RunFolder) -> Dataset | None:
    """Data set of the options; None where they name none, and the run finds its own."""
    if arguments.data or arguments.data_dir or arguments.units:
        return find_data(arguments, arguments.data or run.data_name)
    return None


@contextmanager
def training(arguments: argparse.Namespace) -> Iterator[OnEpoch | None]:
    """Train inside, alone or as one of several processes; gives what to call after every epoch.

    Where a run is stopped, the command that resumes it is printed.
    """
    from nmtool.training.loop.run_folder import RunFolder
    from nmtool.training.processes.launch import launched

    launch, folder = launched(), RunFolder(Path(arguments.output))
    named = [arguments.data] if arguments.data else []
    words = shlex.join(["train", *named, "-o", str(folder.path), "--resume"])
    again = f"{launch.command if launch else 'nmtool'} {words}"
    kept = f"finished epochs are kept; resume with: {again}"
    try:
        with sigterm_raises(), _board(arguments) as on_epoch:
            yield on_epoch
    except KeyboardInterrupt:
        if is_first() and folder.manifest_file.exists():
            console.print_remark(kept)
        raise
    except RankError as error:
        if folder.manifest_file.exists():
            raise error.restated(error.what, RankError, fix=kept) from error
        raise


@contextmanager
def _board(arguments: argparse.Namespace) -> Iterator[OnEpoch | None]:
    if arguments.tensorboard is None or not is_first():
        yield None
        return
    from nmtool.training.tensorboard import tensorboard

    with tensorboard(arguments.tensorboard) as on_epoch:
        yield on_epoch


def print_run(arguments: argparse.Namespace, made: Run) -> None:
    """Print the best epoch of a run on stdout; in a job, its first process does."""
    from nmtool.training.learning import epoch_parts
    from nmtool.training.loop.run_folder import RunFolder

    if not is_first():
        return
    best, folder = made.best, RunFolder(Path(arguments.output))
    if arguments.json:
        result: dict[str, Any] = {"run": str(folder.path), "network": str(folder.network_file)}
        result |= {"hash": made.network.content_hash, "epochs": len(made.log), "best": best}
        console.print_json(result)
    else:
        console.print_parts(f"{folder.network_file}: epoch {best['epoch']}", epoch_parts(best))

"""`nmtool train DATA -o RUN`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmtool.cli import console
from nmtool.cli.arguments import add_data, add_device, add_json
from nmtool.cli.data_remarks import remarks, start_remarks
from nmtool.cli.job import heeding_sigterm, threads_each
from nmtool.cli.threads import add_threads_option, use_threads
from nmtool.cli.train_progress import summary, train_with_progress
from nmtool.cli.train_settings import (
    add_config,
    add_settings,
    chosen_settings,
    resumed_settings,
)
from nmtool.errors import RankError, UsageError

if TYPE_CHECKING:
    from nmtool.data import Dataset
    from nmtool.training.devices import Device
    from nmtool.training.options import TrainOptions
    from nmtool.training.ranks import Ranks
    from nmtool.training.run_folder import RunFolder
    from nmtool.training.trainer import Trainer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "nmtool train DATA -o RUN [options]"
    add_data(parser)
    parser.add_argument("--resume", action="store_true", help="go on with the run in RUN")
    add_run_options(parser)
    add_settings(parser)
    parser.epilog = (
        "example: nmtool train digits -o run --config digits; "
        "with several processes: torchrun --nproc-per-node 2 -m nmtool train digits -o run "
        "--config digits"
    )


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add what every command that trains takes, but for the settings."""
    parser.add_argument("-o", "--output", required=True, metavar="RUN", help="folder for the run")
    add_config(parser)
    add_json(parser)
    add_threads_option(parser)
    add_device(parser)


def run(arguments: argparse.Namespace) -> int:
    from nmtool.training.run_folder import RunFolder

    folder = RunFolder(Path(arguments.output))
    job = Job(arguments.data, folder, _options(arguments, folder), resume=arguments.resume)
    return train_and_tell(arguments, job)


@dataclass(frozen=True)
class Job:
    """What is to be trained.

    Attributes:
        data: name or folder of the data set.
        folder: where the run is kept.
        options: its settings.
        resume: go on with what is in the folder.
        start: a run to start from.
    """

    data: str
    folder: RunFolder
    options: TrainOptions
    resume: bool = False
    start: RunFolder | None = None


def train_and_tell(arguments: argparse.Namespace, job: Job) -> int:
    """Train, alone or as one of several processes, and tell what came of it."""
    device = _device(arguments.device)
    ranks = _ranks(device)
    with _keeping_epochs(job, ranks), heeding_sigterm():
        trainer = _train(arguments, job, device, ranks)
        ranks.leave()
    if ranks.is_first:
        _tell(arguments, job.folder, trainer)
    return 0


def _options(arguments: argparse.Namespace, folder: RunFolder) -> TrainOptions:
    return resumed_settings(folder, arguments) if arguments.resume else chosen_settings(arguments)


def _device(name: str) -> Device:
    """Where to train; imports torch, which wrong options need not wait for."""
    from nmtool.training.devices import find_device

    return find_device(name)


def _ranks(device: Device) -> Ranks:
    """The processes that train together."""
    from nmtool.training.ranks import Ranks

    return Ranks.from_environment(str(device.torch))


def _train(arguments: argparse.Namespace, job: Job, device: Device, ranks: Ranks) -> Trainer:
    chosen = arguments.threads
    use_threads(chosen or threads_each(), with_torch=chosen is not None)
    if ranks.is_first and not job.resume:
        check_free(job.folder)
    return train_with_progress(
        job.options,
        _data(arguments, job, ranks),
        job.folder,
        resume=job.resume,
        start=job.start,
        device=device,
        ranks=ranks,
    )


def _data(arguments: argparse.Namespace, job: Job, ranks: Ranks) -> Dataset:
    """The data of a job; where a run begins, remarks are made on them and on its settings."""
    with ranks.first_here_first():
        dataset = training_data(arguments, job.data, job.options.validation)
        _ = dataset.train, dataset.validation  # which may have to be downloaded
    if ranks.is_first and not job.resume:
        _say_remarks(arguments, job, dataset)
    return dataset


def _say_remarks(arguments: argparse.Namespace, job: Job, dataset: Dataset) -> None:
    for line in remarks(job.data, arguments.units, dataset, job.options):
        console.say(line)
    if job.start is not None:
        for line in start_remarks(job.start, job.options):
            console.say(line)


@contextmanager
def _keeping_epochs(job: Job, ranks: Ranks) -> Iterator[None]:
    """Tell how to go on with a run that is stopped."""
    from nmtool.training.launch import launched

    launch, folder = launched(), job.folder
    again = f"{launch.command if launch else 'nmtool'} train {job.data} -o {folder.path}"
    kept = f"finished epochs are kept; go on with: {again} --resume"
    try:
        yield
    except KeyboardInterrupt:
        if ranks.is_first and folder.manifest_file.exists():
            console.say(kept)
        raise
    except RankError as error:
        if folder.manifest_file.exists():
            raise RankError(error.what, why=error.why, fix=kept) from error
        raise


def _tell(arguments: argparse.Namespace, folder: RunFolder, trainer: Trainer) -> None:
    from nmtool.training.selection import best_epoch

    best = best_epoch(trainer.log, trainer.options.judge_epochs)
    if arguments.json:
        result: dict[str, Any] = {"run": str(folder.path), "network": str(folder.network_file)}
        result |= {"hash": trainer.best.content_hash, "epochs": len(trainer.log), "best": best}
        console.print_json(result)
    else:
        console.tell(f"{folder.network_file}: epoch {best['epoch']}  {summary(best)}")


def check_free(folder: RunFolder) -> None:
    """Raise `UsageError` if the folder holds anything that training would write over."""
    results = (folder.network_file, folder.integer_file)
    for file in (folder.manifest_file, *results, folder.checkpoint_file, folder.log_file):
        if file.exists():
            raise UsageError(
                f"{folder.path} holds a {file.name} already",
                fix="choose another folder, or go on with the run in it: --resume",
            )


def training_data(arguments: argparse.Namespace, data: str, validation: int) -> Dataset:
    """The data set with a validation split: its own, or the last training samples."""
    from nmtool.data import load_dataset

    found = {"data_dir": arguments.data_dir, "n_units": arguments.units}
    dataset = load_dataset(data, **found)
    if "validation" not in dataset.splits and validation:
        n_samples = dataset.train.n_samples
        if n_samples <= validation:
            raise UsageError(
                f"the last {validation} training samples are to validate, but '{dataset.name}' "
                f"has {n_samples}",
                fix="take fewer, --validation N, or none: --validation 0",
            )
        dataset = load_dataset(data, validation=validation, **found)
    return dataset

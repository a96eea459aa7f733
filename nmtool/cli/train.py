"""`nmtool train DATA -o RUN`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmtool.cli import console
from nmtool.cli.arguments import add_data, add_json
from nmtool.cli.threads import add_threads_option, use_threads
from nmtool.cli.train_progress import best_epoch, summary, train_with_progress
from nmtool.cli.train_settings import add_settings, chosen_settings, resumed_settings
from nmtool.errors import UsageError

if TYPE_CHECKING:
    from nmtool.data import Dataset
    from training.run_folder import RunFolder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "nmtool train DATA -o RUN [options]"
    add_data(parser)
    parser.add_argument("-o", "--output", required=True, metavar="RUN", help="folder for the run")
    parser.add_argument("--config", metavar="FILE.toml", help="settings; options override them")
    parser.add_argument("--resume", action="store_true", help="go on with the run in RUN")
    add_json(parser)
    add_threads_option(parser)
    add_settings(parser)
    parser.epilog = "example: nmtool train digits -o run --steps 100 --hidden 100"


def run(arguments: argparse.Namespace) -> int:
    from training.run_folder import RunFolder

    use_threads(arguments.threads, with_torch=True)
    folder = RunFolder(Path(arguments.output))
    if arguments.resume:
        options = resumed_settings(folder, arguments)
    else:
        options = chosen_settings(arguments)
        check_free(folder)
    dataset = training_data(arguments, options.validation)
    try:
        trainer = train_with_progress(options, dataset, folder, resume=arguments.resume)
    except KeyboardInterrupt:
        if folder.manifest_file.exists():
            again = f"nmtool train {arguments.data} -o {folder.path} --resume"
            console.say(f"finished epochs are kept; go on with: {again}")
        raise
    best = best_epoch(trainer.log)
    if arguments.json:
        result: dict[str, Any] = {"run": str(folder.path), "network": str(folder.network_file)}
        result |= {"hash": trainer.best.content_hash, "epochs": len(trainer.log), "best": best}
        console.print_json(result)
    else:
        console.tell(f"{folder.network_file}: epoch {best['epoch']}  {summary(best)}")
    return 0


def check_free(folder: RunFolder) -> None:
    """Raise `UsageError` if the folder holds anything that training would write over."""
    ours = (folder.manifest_file, folder.network_file, folder.checkpoint_file, folder.log_file)
    for file in ours:
        if file.exists():
            raise UsageError(
                f"{folder.path} holds a {file.name} already",
                fix="choose another folder, or go on with the run in it: --resume",
            )


def training_data(arguments: argparse.Namespace, validation: int) -> Dataset:
    """The data set with a validation split: its own, or the last training samples."""
    from nmtool.data import load_dataset

    found = {"data_dir": arguments.data_dir, "n_units": arguments.units}
    dataset = load_dataset(arguments.data, **found)
    if "validation" not in dataset.splits and validation:
        n_samples = dataset.train.n_samples
        if n_samples <= validation:
            raise UsageError(
                f"the last {validation} training samples are to validate, but '{dataset.name}' "
                f"has {n_samples}",
                fix="take fewer, --validation N, or none: --validation 0",
            )
        dataset = load_dataset(arguments.data, validation=validation, **found)
    return dataset

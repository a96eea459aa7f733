"""`nmtool train DATA -o RUN`: a new run, a fine-tuned or resumed run, or a run per fold."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmtool.cli import console, flags
from nmtool.cli.arguments import DATA, MACHINE, add_json, group, grouping
from nmtool.cli.flags import flag
from nmtool.cli.loading import add_data, find_data
from nmtool.cli.progress import progress
from nmtool.cli.threads import add_threads_option
from nmtool.cli.torchrun import is_first, sigterm_raises
from nmtool.cli.train_settings import (
    add_config,
    add_settings,
    changed_settings,
    chosen_settings,
    resumed_settings,
)
from nmtool.errors import RankError, UsageError
from nmtool.splits import SPLITS

if TYPE_CHECKING:
    from nmtool.data import Dataset
    from nmtool.training.learning import OnEpoch, Run
    from nmtool.training.loop.run_folder import RunFolder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "nmtool train DATA -o RUN [options]"
    add_data(parser, f"{DATA}; default with --resume or --start: the run's own data", nargs="?")
    flags.add(
        parser,
        "train",
        only=("resume", "search"),
        resume=flag(
            help="resume the stopped run in RUN; the result equals that of an uninterrupted run"
        ),
        search=flag("--search", metavar="TIME|TRIALS"),
    )
    flags.add(
        parser,
        "finetune",
        only=("start",),
        start=flag(
            "--start",
            metavar="RUN",
            help="fine-tuning: start a new run from the last checkpoint of another run, with its "
            "settings, for 10 epochs at a fifth of its learning rates. FILE.toml and options "
            "override these. The network keeps its layers, constants and readout; delays longer "
            "than --max-delay are clipped. --reset changes the reset; the command then says what "
            "that cost on the validation samples",
        ),
    )
    _add_folds(parser)
    parser.add_argument(
        "-o", "--output", required=True, metavar="RUN", help="folder for the run, or for all folds"
    )
    add_config(parser)
    add_json(parser)
    add_threads_option(parser)
    machine = group(parser, MACHINE)
    flags.add(machine, "train", only=("device",))
    machine.add_argument(
        "--tensorboard", metavar="DIR", help="also write TensorBoard logs, one point per epoch"
    )
    add_settings(parser)
    parser.description = (
        "Learn weights and delays. Ctrl-C stops after the current batch, a second Ctrl-C at once; "
        "finished epochs are kept. With --search, a hyperparameter search runs first. With "
        "--folds or --by, each fold is tested with a network trained on the other folds."
    )
    parser.epilog = (
        "examples: nmtool train digits -o run --config digits; "
        "nmtool train -o run8 --start run --arithmetic integer --weight-bits 8; "
        "nmtool train FOLDER -o cv --by speaker --config fsdd700_integer; "
        "nmtool train FOLDER -o run --search 30min; "
        "with several processes: "
        "torchrun --nproc-per-node 2 -m nmtool train digits -o run --config digits"
    )


def run(arguments: argparse.Namespace) -> int:
    from nmtool.training.loop.run_folder import RunFolder

    kinds = {
        "--resume": "resume" in arguments,
        "--start": "start" in arguments,
        "--folds or --by": (has_folds := _has_folds(arguments)),
        "--search": "search" in arguments,
    }
    modes = [name for name, is_given in kinds.items() if is_given]
    if len(modes) > 1:
        raise UsageError(
            f"{' and '.join(modes)} cannot be combined",
            code="train-options-mixed",
            fix="keep only one of them",
        )
    if arguments.data is None and not ("resume" in arguments or "start" in arguments):
        raise UsageError(
            "there are no data to train on",
            code="command-line",
            fix="name a data set: nmtool train DATA -o RUN; see nmtool train --help",
        )
    if has_folds:
        return _run_folds(arguments)
    values = flags.given(arguments, "train")
    folder = RunFolder(Path(arguments.output))
    keywords: dict[str, Any] = {"folder": folder.path, "threads": arguments.threads}
    keywords |= {"device": values.get("device", "auto"), "progress": progress}
    if "start" in arguments:
        origin = RunFolder(Path(arguments.start))
        settings = changed_settings(arguments)
        origin.finetune_options(settings, arguments.config or "command line")
        origin.check_start()
        data = given_data(arguments, origin)
        with training(arguments) as on_epoch:
            from nmtool.training.learning import finetune

            training_run = finetune(origin.path, settings, data, on_epoch=on_epoch, **keywords)
    else:
        resumes = "resume" in arguments
        options = resumed_settings(folder, arguments) if resumes else chosen_settings(arguments)
        data = given_data(arguments, folder)
        with training(arguments) as on_epoch:
            from nmtool.training.learning import train

            search = values.get("search")
            training_run = train(
                data, options, resume=resumes, search=search, on_epoch=on_epoch, **keywords
            )
    print_run(arguments, training_run)
    return 0


def given_data(arguments: argparse.Namespace, run: RunFolder) -> Dataset | None:
    """The data set that the options name; None if the run must load its own data."""
    if arguments.data or "data_dir" in arguments or "n_units" in arguments:
        return find_data(arguments, arguments.data or run.manifest().data)
    return None


@contextmanager
def training(arguments: argparse.Namespace) -> Iterator[OnEpoch | None]:
    """Set up training in one or more processes; yield the function to call after each epoch.

    If the run is stopped, the context prints the command that resumes it.
    """
    from nmtool.training.loop.run_folder import RunFolder
    from nmtool.training.processes.launch import launched

    launch, folder = launched(), RunFolder(Path(arguments.output))
    data = [arguments.data] if arguments.data else []
    words = shlex.join(["train", *data, "-o", str(folder.path), "--resume"])
    resume_command = f"{launch.command if launch else 'nmtool'} {words}"
    advice = f"finished epochs are kept; resume with: {resume_command}"
    try:
        with sigterm_raises(), _tensorboard_log(arguments) as on_epoch:
            yield on_epoch
    except KeyboardInterrupt:
        if is_first() and folder.checkpoint_file.exists():
            console.print_remark(advice)
        elif is_first() and "search" in arguments and not folder.manifest_file.exists():
            console.print_remark("finished trials are kept; the same command continues the search")
        elif is_first():
            begin = (
                f"; start from the first epoch with: {resume_command}"
                if folder.manifest_file.exists()
                else ""
            )
            console.print_remark(f"no epoch was finished, so nothing learnt is kept{begin}")
        raise
    except RankError as error:
        if folder.manifest_file.exists():
            raise error.restated(error.what, RankError, fix=advice) from error
        raise


@contextmanager
def _tensorboard_log(arguments: argparse.Namespace) -> Iterator[OnEpoch | None]:
    """Yield a function that logs an epoch to TensorBoard; None without `--tensorboard`."""
    if arguments.tensorboard is None or not is_first():
        yield None
        return
    from nmtool.training.tensorboard import tensorboard

    with tensorboard(arguments.tensorboard) as on_epoch:
        yield on_epoch


def print_run(arguments: argparse.Namespace, training_run: Run) -> None:
    """Print the best epoch of a run and its networks on stdout; in a job, only rank 0 prints."""
    from nmtool.training.loop.reporter import epoch_parts
    from nmtool.training.loop.run_folder import RunFolder

    if not is_first():
        return
    best, folder = training_run.best, RunFolder(Path(arguments.output))
    if arguments.json:
        result: dict[str, Any] = {"run": str(folder.path), "network": str(folder.network_file)}
        result |= {
            "hash": training_run.network.content_hash,
            "epochs": len(training_run.log),
            "best": best,
        }
        if training_run.reset_cost is not None:
            result["reset_cost"] = training_run.reset_cost.as_json()
        console.print_json(result)
    else:
        parts = sorted(epoch_parts(best, training_run.n_validation), key=lambda part: part[1])
        console.print_parts([(f"best epoch {best['epoch']}:", 0), *parts])
        files = (folder.network_file, folder.integer_file)
        written = " and ".join(str(file) for file in files if file.exists())
        console.print_line(f"{written} written")


# Cross-validation

_FOLDS = "cross_validate"


def _add_folds(parser: argparse.ArgumentParser) -> None:
    """Add the flags of a cross-validation."""
    folds = group(parser, "cross-validation")
    flags.add(
        folds,
        _FOLDS,
        only=("by", "folds", "fold_seed", "seeds", "splits"),
        by=flag("--by", type=grouping, metavar="NAME|N"),
        splits=flag(nargs="+", action=None, choices=SPLITS, metavar="SPLIT"),
    )


def _has_folds(arguments: argparse.Namespace) -> bool:
    """True if a cross-validation is requested.

    Raises:
        UsageError: there are flags of cross-validation, but neither `--folds` nor `--by`.
    """
    values = flags.given(arguments, _FOLDS)
    if values.keys() & {"folds", "by"}:
        return True
    others = [name for name in ("fold_seed", "seeds", "splits") if name in values]
    if others:
        raise UsageError(
            f"{arguments.parser.flag(others[0])} applies to cross-validation only",
            code="folds-missing",
            fix="define the folds: --folds N or --by NAME; or leave it out",
        )
    return False


def _run_folds(arguments: argparse.Namespace) -> int:
    """Run the cross-validation, and print its result."""
    from nmtool.evaluation.answers import answers_file

    if arguments.tensorboard is not None:
        raise UsageError(
            "--tensorboard applies to a single run only",
            code="option-unused",
            fix="leave out --tensorboard, or the cross-validation",
        )
    options = chosen_settings(arguments)
    dataset = find_data(arguments, arguments.data)
    values = {"by": 1, **flags.given(arguments, _FOLDS)}
    from nmtool.training.studies.folds import cross_validate

    try:
        answers = cross_validate(
            **{**values, "data": dataset, "options": options},
            folder=arguments.output,
            threads=arguments.threads,
            progress=progress,
        )
    except KeyboardInterrupt:
        if answers_file(arguments.output).is_file() and Path(arguments.output).is_dir():
            console.print_remark("finished folds and epochs are kept; the same command continues")
        raise
    if arguments.json:
        file = str(answers_file(arguments.output))
        console.print_json({"folder": arguments.output, "answers": file, **answers.as_json()})
    else:
        console.print_tables(answers)
    return 0

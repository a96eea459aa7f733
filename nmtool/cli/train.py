"""`nmtool train DATA -o RUN`."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmtool.cli import console
from nmtool.cli.loading import add_data_options
from nmtool.cli.threads import add_threads_option, use_threads
from nmtool.errors import UsageError

if TYPE_CHECKING:
    from training.options import TrainOptions
    from training.trainer import BatchReport


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from training.options import TrainOptions

    parser.add_argument("data", help="digits, yinyang, shd, ssc, tonic:NAME or a folder")
    parser.add_argument("-o", "--output", required=True, metavar="RUN", help="folder for the run")
    parser.add_argument("--config", metavar="FILE.toml", help="settings; options override them")
    parser.add_argument("--resume", action="store_true", help="go on with the run in RUN")
    parser.add_argument("--json", action="store_true", help="one JSON object at the end")
    add_data_options(parser)
    add_threads_option(parser)
    group = parser.add_argument_group("settings (by name also in FILE.toml)")
    for option in fields(TrainOptions):
        _add_setting(group, option)
    group.add_argument(
        "--feedforward", dest="recurrent", action="store_false", default=argparse.SUPPRESS
    )


def _add_setting(group: argparse._ArgumentGroup, option: Any) -> None:
    flag = "--" + option.name.removesuffix("_ms").replace("_", "-")
    default = option.default
    text = f"{option.metadata['help']} (default {default})"
    shared: dict[str, Any] = {"dest": option.name, "default": argparse.SUPPRESS, "help": text}
    if isinstance(default, bool):
        group.add_argument(flag, action=argparse.BooleanOptionalAction, **shared)
    elif isinstance(default, tuple):
        group.add_argument(flag, nargs=2, type=float, metavar=("MEAN", "SD"), **shared)
    else:
        choices = option.metadata.get("choices")
        group.add_argument(flag, type=type(default), choices=choices, metavar=None, **shared)


def run(arguments: argparse.Namespace) -> int:
    from training.run_folder import RunFolder
    from training.trainer import train

    use_threads(arguments.threads)
    folder = RunFolder(Path(arguments.output))
    options = _resumed(folder, arguments) if arguments.resume else _settings(arguments)
    dataset = training_data(arguments, arguments.data, options.validation)
    with EpochReport(options.epochs, dataset.train.n_samples) as report:
        trainer = train(
            options,
            dataset,
            folder=folder,
            resume=arguments.resume,
            on_batch=report.batch,
            on_epoch=report.epoch,
        )
    best = max(trainer.log, key=lambda entry: entry["validation_accuracy"] or 0.0)
    if arguments.json:
        console.print_json({"run": str(folder.path), "best": best, "epochs": len(trainer.log)})
    else:
        console.tell(f"{folder.network_file}: {_summary(best)}")
    return 0


def training_data(arguments: argparse.Namespace, name: str, validation: int):
    """The data set with a validation split: its own, or the last training samples."""
    from nmtool.data import load_dataset

    dataset = load_dataset(name, data_dir=arguments.data_dir, n_units=arguments.units)
    if "validation" in dataset.splits or not validation:
        return dataset
    return load_dataset(
        name, validation=validation, data_dir=arguments.data_dir, n_units=arguments.units
    )


def _given(arguments: argparse.Namespace) -> dict[str, Any]:
    from training.options import TrainOptions

    names = {option.name for option in fields(TrainOptions)}
    return {name: value for name, value in vars(arguments).items() if name in names}


def _settings(arguments: argparse.Namespace) -> TrainOptions:
    from training.options import TrainOptions

    settings = read_config(arguments.config) if arguments.config else {}
    return (
        TrainOptions()
        .with_settings(settings, str(arguments.config))
        .with_settings(_given(arguments), "command line")
    )


def read_config(path: str) -> dict[str, Any]:
    """Settings from a TOML file; raises `UsageError` where it cannot be read."""
    try:
        import tomllib
    except ModuleNotFoundError:
        import tomli as tomllib
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise UsageError(f"{path} cannot be read", why=str(error)) from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not valid TOML", why=str(error)) from error


def _resumed(folder: Any, arguments: argparse.Namespace) -> TrainOptions:
    """The options of the run; what is given beside --resume must not contradict them."""
    options = folder.options()
    data = folder.manifest().get("data")
    if data != arguments.data:
        raise UsageError(f"the run in {folder.path} is on '{data}', not on '{arguments.data}'")
    if arguments.config:
        raise UsageError("--resume takes the settings of the run; leave out --config")
    for name, value in _given(arguments).items():
        kept = getattr(options, name)
        if value != kept and (not isinstance(kept, tuple) or tuple(value) != kept):
            raise UsageError(
                f"the run in {folder.path} has {name} = {kept}, not {value}",
                fix="leave the option out, or start a new run",
            )
    return options


class EpochReport:
    """Progress over all epochs, and a line per epoch, on stderr."""

    def __init__(self, epochs: int, samples: int) -> None:
        self._bar = console.progress("training", epochs * samples)

    def __enter__(self) -> EpochReport:
        self._advance = self._bar.__enter__()
        console.say("compiling kernels on the first call can take half a minute")
        return self

    def __exit__(self, *details: object) -> None:
        self._bar.__exit__(*details)  # type: ignore[arg-type]

    def batch(self, report: BatchReport) -> None:
        self._advance(report.samples, f"epoch {report.epoch} loss {report.loss:.3f}")

    def epoch(self, entry: dict[str, Any]) -> None:
        console.say(f"epoch {entry['epoch']:3d}  {_summary(entry)}  {entry['seconds']:.1f} s")


def _summary(entry: dict[str, Any]) -> str:
    validation = entry["validation_accuracy"]
    parts = [f"loss {entry['loss']:.3f}", f"train {entry['train_accuracy']:.1%}"]
    if validation is not None:
        parts.append(f"validation {validation:.1%}")
    rates = ", ".join(f"{rate:.1f}" for rate in entry["spikes_per_neuron"].values())
    parts.append(f"spikes/neuron {rates or 'none'}")
    if entry["silent_neurons"]:
        parts.append(f"silent {entry['silent_neurons']}")
    return "  ".join(parts)

"""`nmtool finetune RUN -o RUN2`."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from nmtool.cli.arguments import DATA, add_data_options
from nmtool.cli.train import Job, add_run_options, train_and_tell
from nmtool.cli.train_settings import add_settings, chosen_settings
from nmtool.errors import FileFormatError, UsageError

if TYPE_CHECKING:
    from nmtool.training.options import TrainOptions
    from nmtool.training.run_folder import RunFolder

EPOCHS = 10
SLOWER = 5
SHAPE = (
    "hidden",
    "layers",
    "recurrent",
    "readout",
    "dt_ms",
    "steps",
    "group",
    "tau_mem_ms",
    "tau_syn_ms",
    "tau_out_ms",
)
"""Settings that decide what the network is."""

INITIAL = (
    *("init_delay_input", "init_delay_hidden", "init_delay_recurrent", "init_delay_output"),
    *("init_input", "init_hidden", "init_recurrent", "init_output", "init_rate"),
)
"""Settings of a network that has not learnt yet: they mean nothing here."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "nmtool finetune RUN -o RUN2 [options]"
    parser.add_argument("start", metavar="RUN", help="folder of the run to start from")
    parser.add_argument(
        "--data", metavar="DATA", help=f"{DATA}; by default what RUN was trained on"
    )
    add_data_options(parser)
    add_run_options(parser)
    add_settings(
        parser,
        f"settings (default: those of RUN; {EPOCHS} epochs, 1/{SLOWER} of its learning rates)",
        hidden=(*SHAPE, *INITIAL),
    )
    parser.description = (
        f"Go on from where RUN stands, as a new run with the settings of RUN, for {EPOCHS} "
        f"epochs at 1/{SLOWER} of its learning rates; FILE.toml overrides all of that, and "
        "options override both. What the network is stays as it is, but for delays longer than "
        "--max-delay, which are cut."
    )
    parser.epilog = "example: nmtool finetune run -o run8 --arithmetic integer --weight-bits 8"


def run(arguments: argparse.Namespace) -> int:
    from nmtool.training.run_folder import RunFolder

    start = RunFolder(Path(arguments.start))
    options = _options(arguments, start)
    if not start.checkpoint_file.exists():
        raise FileFormatError(
            f"{start.path} holds no checkpoint to start from",
            why="training writes it after the first epoch",
            fix="name the folder of a run that has finished an epoch",
        )
    data = arguments.data or str(start.manifest().get("data"))
    return train_and_tell(
        arguments, Job(data, RunFolder(Path(arguments.output)), options, start=start)
    )


def _options(arguments: argparse.Namespace, start: RunFolder) -> TrainOptions:
    """The settings of the run, slower and shorter, changed by a file, changed by options."""
    before = start.options()
    slower = replace(
        before, epochs=EPOCHS, lr=before.lr / SLOWER, delay_lr=before.delay_lr / SLOWER
    )
    options = chosen_settings(arguments, slower)
    for name in SHAPE:
        if getattr(options, name) != getattr(before, name):
            raise UsageError(
                f"{name} is {getattr(before, name)} in {start.path} and cannot become "
                f"{getattr(options, name)}",
                why="it would be another network",
                fix="leave the option out, or train a new network",
            )
    return options

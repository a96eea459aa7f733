"""`nmtool finetune RUN -o RUN2`."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path

from nmtool.cli.arguments import DATA, add_data_options
from nmtool.cli.progress import progress
from nmtool.cli.train import add_run_options, given_data, print_run, training
from nmtool.cli.train_settings import add_settings, changed_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from nmtool.training.loop.run_folder import FINETUNE_EPOCHS, FINETUNE_SLOWER
    from nmtool.training.options import BEGINNING, SHAPE, TrainOptions

    epochs, slower = FINETUNE_EPOCHS, FINETUNE_SLOWER
    initial = [f.name for f in fields(TrainOptions) if f.metadata["group"] == BEGINNING]
    parser.usage = "nmtool finetune RUN -o RUN2 [options]"
    parser.add_argument("start", metavar="RUN", help="folder of the run to start from")
    parser.add_argument(
        "--data", metavar="DATA", help=f"{DATA}; by default what RUN was trained on"
    )
    add_data_options(parser)
    add_run_options(parser)
    add_settings(
        parser,
        f"settings (default: those of RUN; {epochs} epochs, 1/{slower} of its learning rates)",
        hidden=(*SHAPE, *initial),
    )
    parser.description = (
        f"Go on from where RUN stands, as a new run with the settings of RUN, for {epochs} "
        f"epochs at 1/{slower} of its learning rates; FILE.toml overrides all of that, "
        "and options override both. What the network is stays as it is, but for delays longer than "
        "--max-delay, which are cut."
    )
    parser.epilog = "example: nmtool finetune run -o run8 --arithmetic integer --weight-bits 8"


def run(arguments: argparse.Namespace) -> int:
    from nmtool.training.loop.run_folder import RunFolder

    start = RunFolder(Path(arguments.start))
    settings = changed_settings(arguments)
    start.finetune_options(settings, arguments.config or "command line")
    start.check_start()
    data = given_data(arguments, start)
    with training(arguments) as on_epoch:
        from nmtool.training.learning import finetune

        made = finetune(
            start.path,
            settings,
            data,
            folder=arguments.output,
            device=arguments.device,
            threads=arguments.threads,
            on_epoch=on_epoch,
            progress=progress,
        )
    print_run(arguments, made)
    return 0

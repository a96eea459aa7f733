"""One training run, new or resumed from its last checkpoint, and its folder."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import numpy as np

from nmtool import storage
from nmtool.data import Dataset
from nmtool.errors import FileFormatError
from nmtool.network.float_network import Network
from nmtool.network.layers import with_reset
from nmtool.training.engines.devices import CPU, Device
from nmtool.training.loop.manifest import Manifest
from nmtool.training.loop.run_folder import RunFolder
from nmtool.training.loop.trainer import BatchReport, Trainer
from nmtool.training.options import TrainOptions
from nmtool.training.processes.ranks import ALONE, Ranks

_log = logging.getLogger(__name__)


def run_training(
    options: TrainOptions,
    dataset: Dataset,
    *,
    folder: RunFolder | None = None,
    resume: bool = False,
    start: RunFolder | None = None,
    on_start: Callable[[Trainer], None] | None = None,
    on_batch: Callable[[BatchReport], None] | None = None,
    on_epoch: Callable[[dict[str, Any]], None] | None = None,
    device: Device = CPU,
    ranks: Ranks = ALONE,
) -> Trainer:
    """Train on a data set, and save the run in a folder.

    Args:
        options: the settings.
        dataset: its training and validation splits are used, never its test split.
        folder: folder of the run; None: the run is not saved.
        resume: continue the run in the folder; the options must be those of the run, except for
            more epochs.
        start: a run with a network of the same shape; the new run starts from its checkpoint, with
            delays clipped to the options' `max_delay`.
        on_start: called with the trainer of a new run before it begins, on the first rank.
        on_batch, on_epoch: called after every batch and epoch, on the first rank.
        device: device to train on.
        ranks: the processes of a data-parallel job, each of which calls this function.

    Returns:
        The trainer after training, with the network in `best` and the history in `log`.

    Raises:
        UsageError: another process trains in the folder, or it already contains a run.
        FileFormatError: the run to resume had started from another one, and stopped before its
            first checkpoint.
    """
    network = None if start is None else start.network()
    anew = False
    with ExitStack() as locks:
        if folder is not None and resume:
            if ranks.is_first:
                locks.enter_context(folder.locked())
            anew = _starts_over(folder, ranks)
            resume = not anew
        trainer = Trainer(
            options,
            dataset.train,
            dataset.validation,
            folder=folder,
            on_batch=on_batch,
            on_epoch=on_epoch,
            network=None if network is None else _adapted(network, options),
            device=device,
            ranks=ranks,
        )
        if folder is not None and resume:
            trainer.resume()
            if ranks.is_first:
                folder.set_epochs(options)
        elif start is not None:
            trainer.start_from(start)
        if folder is not None and not resume and ranks.is_first:
            if not anew:
                storage.make_folder(folder.path)
                locks.enter_context(folder.locked())
            role, first = ("initial", trainer.best) if network is None else ("start", network)
            change = trainer.reset_change
            manifest = Manifest.of(
                options,
                dataset,
                ranks=ranks.size,
                reset_change=None if change is None else change.as_json(),
                **{role: first.content_hash},
            )
            folder.create(manifest, anew=anew)
            if network is not None:
                # The checkpoint contains the state of the run `start`. That run may be deleted
                # before this run is resumed.
                trainer.save()
        if on_start is not None and not resume and ranks.is_first:
            on_start(trainer)
        trainer.run()
    return trainer


def _adapted(network: Network, options: TrainOptions) -> Network:
    """The network of the run to start from, with delays clipped, and resets and counts as set."""
    return replace(
        network,
        channels=replace(network.channels, most_spikes=options.most_of_input),
        populations=with_reset(network.populations, options.reset, options.most_spikes),
        projections=[
            replace(p, delay=np.minimum(p.delay, options.max_delay)) for p in network.projections
        ],
    )


def _starts_over(folder: RunFolder, ranks: Ranks) -> bool:
    """True if the run to resume was stopped before its first checkpoint; called by every rank.

    Raises:
        FileFormatError: the run started from another run, whose state was not copied.
    """
    if folder.checkpoint_file.exists():
        return False
    if folder.manifest().start is not None:
        raise FileFormatError(
            f"cannot resume {folder.path}: it stopped before its first checkpoint",
            code="checkpoint-missing",
            why="it had not copied the state of the run from which it started",
            fix=f"delete {folder.path} and repeat the command that started it",
        )
    # All ranks look for the checkpoint before any rank trains and writes a checkpoint.
    ranks.barrier()
    if ranks.is_first:
        _log.warning("the run was stopped before its first epoch ended: it starts over")
    return True

"""What commands take: runs, network files and data, found and read the same way everywhere."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nmtool import integer_network, network, storage
from nmtool.cli import console
from nmtool.cli.progress import working
from nmtool.data import Dataset, SpikeEvents, bin_events, check_fit, load_dataset
from nmtool.errors import DataError, FileFormatError, UsageError
from nmtool.integer_network import IntegerNetwork
from nmtool.network import Network
from nmtool.raster import Raster

RUN_NETWORK = "network.npz"
"""Where a run folder keeps its network."""

RUN_INTEGERS = "integers.npz"
"""Where a run that trains in integers keeps those."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Binned samples with their labels.

    Attributes:
        raster: input spikes.
        label: [samples] int64.
    """

    raster: Raster
    label: NDArray[np.integer]


def load_any(path: str) -> Network | IntegerNetwork:
    """The network of a run folder, a file or an export, float or integer.

    A run that trained in integers means those.

    Raises:
        FileFormatError: missing, damaged, or no network.
        UsageError: a folder of checkpoints that leave too much unsaid.
    """
    from nmtool.exporters import formats, mlgenn

    check_exists(path)
    if artefact := formats.of_artefact(path):
        return artefact.network(path)
    if mlgenn.checkpoints(path):
        raise UsageError(
            f"{path} holds checkpoints of mlGeNN",
            why="they do not say time constants and thresholds",
            fix=f"make a network of them: nmtool convert {path} network.npz --in-tau-mem-ms …",
        )
    file = _network_file(path)
    kind = storage.archive_kind(file)
    if kind == network.FILE_KIND:
        return Network.load(file)
    if kind == integer_network.FILE_KIND or not kind:
        return IntegerNetwork.load(file)
    raise FileFormatError(
        f"{path} is no network but a file of the kind '{kind}'",
        fix=f"name a network file, or the run folder: its network is in {RUN_NETWORK}",
    )


def check_exists(path: str) -> None:
    """Raise `FileFormatError` where there is nothing at a path."""
    if not Path(path).exists():
        raise FileFormatError(
            f"there is no file or folder {path}", fix="check its name and the folder you are in"
        )


def _network_file(path: str) -> Path:
    file = Path(path)
    if file.is_dir():
        integers = file / RUN_INTEGERS
        file = integers if integers.is_file() else file / RUN_NETWORK
        if not file.is_file():
            raise FileFormatError(
                f"{path} holds no trained network",
                why=f"there is no {RUN_NETWORK} in it; training writes it after the first epoch",
                fix="name a run folder of `nmtool train`, or a network file",
            )
    return file


def find_data(arguments: argparse.Namespace, name: str, validation: int | None = None) -> Dataset:
    """The data set of that name or folder; `validation` makes a split of the last training samples.

    Raises:
        UsageError: there is no such data set, or it has a validation split already.
    """
    return load_dataset(
        name,
        validation=validation,
        data_dir=arguments.data_dir,
        n_units=arguments.units,
    )


def read_split(dataset: Dataset, split: str, count: int | None = None) -> SpikeEvents:
    """The first samples of a split, or all.

    Raises:
        DataError: there is no sample in it.
    """
    with working(f"reading {dataset.name} ({split})"):
        events = dataset.split(split)
    if not events.n_samples:
        raise DataError(f"'{dataset.name}' has no sample in its {split} split")
    if count is None or count >= events.n_samples:
        return events
    return events.take(np.arange(count))


def bin_for(target: Network | IntegerNetwork, events: SpikeEvents) -> Samples:
    """Samples as a network hears them; what binning loses is said on stderr.

    Raises:
        UsageError: the data have other channels or classes than the network.
    """
    check_fit(target, events)
    if tuple(events.class_names) != tuple(target.class_names):
        console.say("the data name their classes otherwise than the network; numbers decide")
    binned = bin_events(events, target.dt_ms, target.n_steps, target.channels.group)
    if binned.dropped:
        console.say(
            f"{binned.dropped:,} of {events.n_events:,} events lie beyond {target.n_steps} steps "
            f"of {target.dt_ms:g} ms and were dropped"
        )
    return Samples(binned.raster, events.label)

"""What commands take: runs, network files and data, found and read the same way everywhere."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nmtool import integer_network, network, storage
from nmtool.cli import console
from nmtool.data import Dataset, SpikeEvents, bin_events, load_dataset
from nmtool.errors import FileFormatError, UsageError
from nmtool.integer_network import IntegerNetwork
from nmtool.network import Network
from nmtool.quantise import Quantisation, quantise
from nmtool.raster import Raster

RUN_NETWORK = "network.npz"
"""Where a run folder keeps its network."""

CALIBRATION_SAMPLES = 200


@dataclass(frozen=True, eq=False)
class Samples:
    """Binned samples with their labels.

    Attributes:
        raster: input spikes.
        label: [samples] int64.
    """

    raster: Raster
    label: NDArray[np.integer]


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Options that say how DATA is found."""
    parser.add_argument("--data-dir", metavar="DIR", help="where downloaded data sets are kept")
    parser.add_argument(
        "--units", type=int, metavar="N", help="channels of a folder whose files do not say it"
    )


def load_any(path: str) -> Network | IntegerNetwork:
    """The network of a run folder or of a file, float or integer.

    Raises:
        FileFormatError: missing, damaged, or no network.
    """
    file = Path(path)
    if file.is_dir():
        file = file / RUN_NETWORK
        if not file.is_file():
            raise FileFormatError(
                f"{path} holds no trained network",
                why=f"there is no {RUN_NETWORK} in it",
                fix="name a run folder of `nmtool train`, or a network file",
            )
    if not file.is_file():
        raise FileFormatError(f"there is no file or run {path}")
    kind = storage.archive_kind(file)
    if kind == network.FILE_KIND:
        return Network.load(file)
    if kind == integer_network.FILE_KIND or not kind:
        return IntegerNetwork.load(file)
    raise FileFormatError(f"{path} is a '{kind}' file, not a network")


def find_data(arguments: argparse.Namespace, name: str) -> Dataset:
    """The data set of that name or folder."""
    return load_dataset(name, data_dir=arguments.data_dir, n_units=arguments.units)


def bin_for(target: Network | IntegerNetwork, events: SpikeEvents) -> Samples:
    """Samples as a network hears them; what binning loses is said on stderr.

    Raises:
        UsageError: the data have other classes than the network.
    """
    if len(events.class_names) != len(target.class_names):
        raise UsageError(
            f"the data have {len(events.class_names)} classes, the network answers with "
            f"{len(target.class_names)}"
        )
    binned = bin_events(events, target.dt_ms, target.n_steps, target.channels.group)
    if binned.dropped:
        console.say(
            f"{binned.dropped} of {events.n_events} events lie beyond {target.n_steps} steps of "
            f"{target.dt_ms:g} ms and were dropped"
        )
    return Samples(binned.raster, events.label)


def first_samples(events: SpikeEvents, count: int | None) -> SpikeEvents:
    """The first samples, or all."""
    if count is None or count >= events.n_samples:
        return events
    return events.take(np.arange(count))


def to_integers(
    found: Network | IntegerNetwork,
    dataset: Dataset | None,
    *,
    weight_bits: int = 8,
    scale: str = "static",
) -> Quantisation | None:
    """Quantise a float network, calibrated on training samples where there are any.

    Returns:
        None for a network that is made of integers already.
    """
    if isinstance(found, IntegerNetwork):
        return None
    calibration = None
    if dataset is not None:
        from hardware_sim.calibrate import calibrate

        calibration = calibrate(
            found, bin_for(found, first_samples(dataset.train, CALIBRATION_SAMPLES)).raster
        )
    return quantise(found, weight_bits=weight_bits, calibration=calibration, scale=scale)

"""What a run starts from: agreement between ranks, a network that spikes, scales from data."""

from __future__ import annotations

import json
import zlib

import numpy as np

from nmtool.data import SpikeEvents, bin_events
from nmtool.network import Network
from nmtool.quantisation.calibration import CALIBRATION_SAMPLES_IN_TRAINING
from nmtool.raster import Raster
from nmtool.training.augment import Augmentation
from nmtool.training.balance import balance_drive
from nmtool.training.deployment import Deployment
from nmtool.training.devices import Device
from nmtool.training.initial import initial_network
from nmtool.training.options import TrainOptions
from nmtool.training.ranks import Ranks


def check_agreement(
    ranks: Ranks, options: TrainOptions, train: SpikeEvents, validation: SpikeEvents | None
) -> None:
    """Ranks that wait for each other must count the same batches of the same network.

    Raises:
        UsageError: they differ in their settings or data.
    """
    settings = zlib.crc32(json.dumps(options.as_json()).encode())
    ranks.check_same("their settings", settings)
    n_validation = 0 if validation is None else validation.n_samples
    ranks.check_same("their data", train.n_samples, train.n_events, n_validation)


def starting_network(options: TrainOptions, train: SpikeEvents, device: Device) -> Network:
    """A random network that spikes on the first samples, which later calibrate."""
    network = initial_network(options, train.n_units, train.class_names)
    if not options.init_rate:
        return network
    return balance_drive(
        network, _first_samples(train, network), options.init_rate, options.max_delay, device
    )


def deployment(options: TrainOptions, train: SpikeEvents, network: Network) -> Deployment | None:
    """How the network becomes integers; None where it trains in floats."""
    if options.arithmetic == "float":
        return None
    return Deployment.of(options, _first_samples(train, network))


def augmentation(options: TrainOptions) -> Augmentation:
    """The changes to training samples that the options ask for."""
    return Augmentation(
        blend=options.blend,
        shift=options.shift,
        stretch=options.stretch,
        onset_ms=options.onset_ms,
        jitter_ms=options.jitter_ms,
        drop=options.drop,
    )


def _first_samples(train: SpikeEvents, network: Network) -> Raster:
    some = train.take(np.arange(min(CALIBRATION_SAMPLES_IN_TRAINING, train.n_samples)))
    return bin_events(some, network.dt_ms, network.n_steps, network.channels.group).raster

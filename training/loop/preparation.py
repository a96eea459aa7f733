"""`make_trainer`: from settings and data to a trainer with a network that spikes."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.data import SpikeEvents, check_same_classes
from nmtool.errors import DataError
from nmtool.network.balance import balance_drive
from nmtool.network.float_network import Network
from nmtool.quantisation.calibration import CALIBRATION_SAMPLES_IN_TRAINING
from nmtool.training.engines.devices import CPU, Device
from nmtool.training.front.model import SpikingNetwork
from nmtool.training.loop.calibration import Calibrator
from nmtool.training.loop.initial import initial_network
from nmtool.training.loop.run_folder import RunFolder
from nmtool.training.loop.trainer import BatchReport, Trainer
from nmtool.training.options import TrainOptions
from nmtool.training.processes.ranks import ALONE, Ranks


def make_trainer(
    options: TrainOptions,
    train: SpikeEvents,
    validation: SpikeEvents | None,
    *,
    folder: RunFolder | None = None,
    on_batch: Callable[[BatchReport], None] | None = None,
    on_epoch: Callable[[dict[str, Any]], None] | None = None,
    network: Network | None = None,
    taught: NDArray[np.float64] | None = None,
    device: Device = CPU,
    ranks: Ranks = ALONE,
) -> Trainer:
    """A trainer at its first epoch: with a network that spikes, and scales of its integers.

    Args:
        options: the settings.
        train, validation, folder, on_batch, on_epoch, taught, ranks: as of `Trainer`.
        network: start from this network instead of a random one.
        device: where it trains.

    Raises:
        DataError: training or validation samples are missing.
        UsageError: the data have other channels or classes than the network given; ranks differ
            in their settings or data.
        RankError: another rank is gone.
    """
    if train.n_samples == 0:
        raise DataError(
            "there are no training samples",
            code="split-empty",
            fix="train on data that have a training split",
        )
    if validation is not None and validation.n_samples == 0:
        raise DataError(
            "there are no validation samples",
            code="split-empty",
            fix="give None instead: training accuracy then decides which epoch is best",
        )
    _check_agreement(ranks, options, train, validation, taught)
    if network is not None:
        check_same_classes(network, train)
    start = network or initial_network(options, train.n_units, train.class_names)
    some = train.take(np.arange(min(CALIBRATION_SAMPLES_IN_TRAINING, train.n_samples)))
    first = start.bin(some).raster
    if network is None and options.init_rate is not None:
        start = balance_drive(
            start,
            first,
            options.init_rate,
            lambda network, spikes: SpikingNetwork(
                network, max_delay=options.max_delay, axonal=options.axonal, device=device
            ).record(spikes),
        )
    calibrator = Calibrator.of(options, first) if options.arithmetic == "integer" else None
    model = SpikingNetwork(
        start,
        max_delay=options.max_delay,
        axonal=options.axonal,
        device=device,
        rounding=None if calibrator is None else calibrator.rounding(start),
    )
    ranks.copy_from_first(model.parameters())
    return Trainer(
        options,
        train,
        validation,
        model,
        calibrator=calibrator,
        folder=folder,
        on_batch=on_batch,
        on_epoch=on_epoch,
        trained=network is not None,
        taught=taught,
        ranks=ranks,
    )


def _check_agreement(
    ranks: Ranks,
    options: TrainOptions,
    train: SpikeEvents,
    validation: SpikeEvents | None,
    taught: NDArray[np.float64] | None,
) -> None:
    """Ranks that wait for each other must count the same batches of the same network."""
    settings = zlib.crc32(json.dumps(options.as_json()).encode())
    ranks.check_same("their settings", settings)
    n_validation = 0 if validation is None else validation.n_samples
    ranks.check_same("their data", train.n_samples, train.n_events, n_validation)
    ranks.check_same("their teacher", 0 if taught is None else zlib.crc32(taught.tobytes()))

"""The training loop: epochs over batches, validation, checkpoints."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nmtool.data import SpikeEvents, check_same_classes
from nmtool.data.events import AT_ONCE
from nmtool.errors import DataError, StorageError
from nmtool.network.balance import balance_drive
from nmtool.network.float_network import Network
from nmtool.network.graph import LIF
from nmtool.network.integer_network import IntegerNetwork
from nmtool.network.layers import other_resets
from nmtool.raster import Raster
from nmtool.training.engines.devices import CPU, Device
from nmtool.training.engines.gpu_failures import gpu_errors_converted
from nmtool.training.front import losses
from nmtool.training.front.losses import RateTarget, WholeBatch, rate_targets
from nmtool.training.front.model import SpikingNetwork
from nmtool.training.front.rounding import Rounding
from nmtool.training.loop import checkpoint
from nmtool.training.loop.batches import Batches, Portion, first_samples
from nmtool.training.loop.initial import initial_network
from nmtool.training.loop.optimise import (
    Optimiser,
    check_loss,
    copy_into,
    largest_loss,
    rescue_silent,
)
from nmtool.training.loop.run_folder import ResetChange, RunFolder
from nmtool.training.loop.selection import (
    best_epoch,
    is_best,
    out_of_patience,
    scores,
    stopped_early,
)
from nmtool.training.loop.validation import Validation
from nmtool.training.options import TrainOptions
from nmtool.training.processes.ranks import ALONE, Ranks


@dataclass(frozen=True)
class BatchReport:
    """Progress after an update, passed to `on_batch`.

    Attributes:
        epoch, update: counted from 1.
        n_updates: number of updates of the whole run.
        samples: size of the batch, over all ranks.
        loss: mean loss of the batch.
    """

    epoch: int
    update: int
    n_updates: int
    samples: int
    loss: float


class Trainer:
    """Trains one network on one data set.

    `run` loops over epochs, `_epoch` over the batches of an epoch, `_update` updates the parameters
    by a batch, `_judge` decides whether an epoch is the best so far, and `_save_epoch` writes the
    files.

    Args:
        options: the settings.
        train, validation: samples; if validation is None, training accuracy decides which epoch is
            best.
        network: a trained network to start from; None: a random network, scaled until it spikes.
        folder: folder of the run; None: the run is not saved.
        on_batch, on_epoch: called on the first rank after every batch and epoch, with a
            `BatchReport` and with the epoch's entry of the log.
        device: device to train on.
        ranks: the processes of a data-parallel job: each makes a trainer and calls the same methods
            in the same order; the first rank writes.

    Raises:
        DataError: training or validation samples are missing.
        UsageError: the data have other channels or classes than the given network; ranks differ
            in their settings, data or checkpoint; training diverged: the loss exploded, or a
            gradient is not finite.
        InputError, BackendError: the GPU is out of memory, or has failed.
        RankError: another rank was lost.
    """

    def __init__(
        self,
        options: TrainOptions,
        train: SpikeEvents,
        validation: SpikeEvents | None,
        *,
        network: Network | None = None,
        folder: RunFolder | None = None,
        on_batch: Callable[[BatchReport], None] | None = None,
        on_epoch: Callable[[dict[str, Any]], None] | None = None,
        device: Device = CPU,
        ranks: Ranks = ALONE,
    ) -> None:
        _check_splits(train, validation)
        _check_agreement(ranks, options, train, validation)
        is_trained = network is not None
        if network is None:
            network = _new_network(options, train)
        else:
            check_same_classes(network, train)
        self.options = options
        self._train, self._validating = train, validation
        self._folder, self._ranks = folder, ranks
        self._written = folder if ranks.is_first else None
        self._on_batch = on_batch if on_batch and ranks.is_first else lambda report: None
        self._on_epoch = on_epoch if on_epoch and ranks.is_first else lambda entry: None
        rounding = None
        if options.arithmetic == "integer":
            self._first = first_samples(network, train)
            rounding = Rounding(options.weight_bits, options.delay_grid)
            rounding = rounding.calibrated(network, self._first)
        self.model = SpikingNetwork(
            network,
            max_delay=options.max_delay,
            axonal=options.axonal,
            device=device,
            rounding=rounding,
        )
        ranks.copy_from_first(self.model.parameters())
        self._batches = Batches(train, network, options, ranks)
        self._validation = None if validation is None else Validation(validation, network, ranks)
        self._largest_loss = largest_loss(options, len(train.class_names))
        target = RateTarget(options.rate_strength, options.rate)
        self._regulariser = WholeBatch(rate_targets(self.model, target))
        self._n_updates = self._batches.per_epoch * options.epochs
        self._optimiser = Optimiser(self.model, options, self._n_updates, trained=is_trained)
        self._state = checkpoint.RunState(0, 0, -1.0, [])
        self.best, self.best_integers = self.model.to_network(), self.model.to_integers()
        self.reset_change: ResetChange | None = None

    def run(self) -> Network:
        """Train the remaining epochs, and return the network of the best epoch."""
        with gpu_errors_converted():
            while self._state.epoch < self.options.epochs and not stopped_early(self.log):
                self._epoch()
            self._remove_overflow()
            self._compare_resets()
        return self.best

    def _epoch(self) -> None:
        """Train and validate one epoch, log it and save it."""
        epoch = self._state.epoch + 1
        started = time.perf_counter()
        self._renew_scales()
        totals = Totals.zero(self.model.network)
        update = self._state.update
        for portion in self._batches.of_epoch(epoch):
            batch = self._update(portion, update)
            totals += batch
            update += 1
            self._on_batch(
                BatchReport(epoch, update, self._n_updates, batch.samples, batch.mean_loss)
            )
        rescued = rescue_silent(self.model, totals.counts, self.options.rescue)
        self._optimiser.pruning.reapply()
        with self._model_to_validate():
            validation, confused = None, None
            if self._validation is not None:
                validation, confused = self._validation.accuracy_and_mistake(self.model)
            networks = self.model.to_network(), self.model.to_integers()
        entry = {
            "epoch": epoch,
            "loss": totals.mean_loss,
            "train_accuracy": totals.accuracy,
            "validation_accuracy": validation,
            "spikes_per_neuron": totals.spikes_per_neuron,
            **({"confused": confused} if confused else {}),
            "silent_neurons": rescued,
            "surplus_events": totals.surplus,
            "dropped_events": totals.dropped,
            **self._faults(),
            **self._optimiser.pruning.entry(),
            "seconds": round(time.perf_counter() - started, 3),
        }
        better = self._judge(epoch, update, entry, networks)
        self._save_epoch(better)
        self._on_epoch(entry)

    def _update(self, portion: Portion, update: int) -> Totals:
        """Update the parameters, given this rank's share of a batch; return the batch's totals."""
        loss, share = self._forward(portion)
        batch = share.over(self._ranks)
        check_loss(batch.mean_loss, update, self._largest_loss)
        self._regulariser.set_batch(batch.counts, batch.samples)

        self._optimiser.adam.zero_grad()
        if loss is not None:
            # The mean loss of a rank is weighted by the rank's share of the batch, because
            # gradients are summed over ranks.
            (loss * (share.samples / batch.samples)).backward()
        self._ranks.sum_gradients(self.model.parameters())
        self._optimiser.step(update)
        return batch

    def _forward(self, portion: Portion) -> tuple[torch.Tensor | None, Totals]:
        """Run a share of a batch; return its mean loss (None without samples) and its totals."""
        network, binned, n_samples = self.model.network, portion.binned, portion.label.size
        if not n_samples:
            return None, Totals.zero(network)
        labels = torch.from_numpy(portion.label).to(self.model.device.torch)
        activity = self.model(binned.raster, self._regulariser.push)
        scores = losses.readout_scores(activity, network)
        loss = losses.cross_entropy(scores, labels, self.options.gain)
        totals = Totals(
            loss=loss.item() * n_samples,
            correct=int((scores.argmax(dim=1) == labels).sum()),
            samples=n_samples,
            surplus=binned.surplus,
            dropped=binned.dropped,
            counts={
                name: trains.counts().cpu().numpy() for name, trains in activity.spikes.items()
            },
        )
        return loss, totals

    @contextmanager
    def _model_to_validate(self) -> Iterator[None]:
        """Context in which the model has the parameters to validate, such as running means."""
        with self._optimiser.average.averaged_parameters():
            if self._optimiser.average.values:
                self._optimiser.pruning.reapply()
                self._renew_scales()
            yield

    def _faults(self) -> dict[str, int]:
        """Counts of wraps and clips in all passes of this epoch, over all ranks."""
        own_counts = self.model.take_faults()
        total = self._ranks.sum(list(own_counts.values()))
        return {name: int(count) for name, count in zip(own_counts, total, strict=True)}

    def _renew_scales(self) -> None:
        """Estimate scales from the current weights, so that a resumed run has the same scales."""
        if self.model.rounding is not None:
            network = self.model.to_network()
            self.model.rounding = self.model.rounding.calibrated(network, self._first)

    def _judge(
        self,
        epoch: int,
        update: int,
        entry: dict[str, Any],
        networks: tuple[Network, IntegerNetwork | None],
    ) -> bool:
        """Add a finished epoch to the log, and return True if it is the best so far."""
        log = [*self._state.log, entry]
        judged = scores(log, self.options.judge_epochs)
        better = is_best(log, self.options.judge_epochs)
        if better:
            self.best, self.best_integers = networks
        if self.options.patience is not None:
            is_out_of_patience = out_of_patience(judged, self.options.patience)
            entry["stopped_early"] = is_out_of_patience and epoch < self.options.epochs
        self._state = checkpoint.RunState(epoch, update, max(judged, default=-1.0), log)
        return better

    def _save_epoch(self, with_networks: bool) -> None:
        """Write the checkpoint, the log and, if the epoch is the best so far, its networks."""
        if self._written is None:
            return
        try:
            if with_networks:
                self._written.write_next(self._state.epoch, self.best, self.best_integers)
            self.save()
        except StorageError:
            self._written.drop_next()
            raise
        self._written.keep_next(self._state.epoch)
        self._written.write_log(self.log)

    def save(self) -> None:
        """Write a checkpoint of the run's current state; raises `StorageError`."""
        assert self._folder is not None
        best_hash = self.best.content_hash if self._state.has_best else ""
        state = replace(self._state, network=best_hash)
        checkpoint.save(self._folder.checkpoint_file, self._optimiser, state)

    @property
    def log(self) -> list[dict[str, Any]]:
        """One entry per finished epoch."""
        return self._state.log

    def resume(self) -> None:
        """Restore the run's last checkpoint; raises `FileFormatError`."""
        assert self._folder is not None
        self._state, means = checkpoint.load(self._folder.checkpoint_file, self._optimiser)
        self._optimiser.average.values.update(means)
        self._optimiser.average.trained = self._folder.manifest().start is not None
        self.reset_change = self._folder.reset_change()
        if self._written is not None:
            self._written.keep_next(self._state.epoch)
            if self._state.has_best and self._state.network:
                self._written.check_network(self._state.network)
            self._written.repair_log(self.log)
        # This check also makes all other ranks wait until the first rank has updated the folder.
        self._ranks.check_same("their checkpoints", self._state.update)
        if self._state.has_best:
            self.best, self.best_integers = self._folder.network(), self._folder.integers()
        else:
            self._reset_best()

    def start_from(self, run: RunFolder) -> None:
        """Start from the checkpoint of another run, including its optimiser's moments.

        Without the moments, about an epoch of training would be lost. Synapses and delays that the
        other run pruned stay removed if this run prunes, too. If that run has a running mean,
        training starts from the mean. Delays beyond the options' `max_delay` are clipped. Raises
        `FileFormatError`.
        """
        _, mean = checkpoint.load(run.checkpoint_file, self._optimiser)
        for name, removed in self._optimiser.pruning.removed.items():
            # In the running mean, pruned values approach 0, but do not reach 0.
            if name in mean:
                mean[name].masked_fill_(removed, 0.0)
        copy_into(self.model, mean)
        self.model.clamp_delays()
        self._optimiser.average.restart()
        self._reset_best()
        before, reset = run.network(), self.options.reset
        others = other_resets(before.populations, reset)
        if others and self._validation is not None:
            with gpu_errors_converted():
                right = self._validation.right(run.integers() or before, self.model.device)
            self.reset_change = ResetChange(reset, others, right)

    def _reset_best(self) -> None:
        """Set the best network to the current one, before the first epoch has ended."""
        self._renew_scales()
        self.best, self.best_integers = self.model.to_network(), self.model.to_integers()

    def _remove_overflow(self) -> None:
        """Reduce scales of the best integers until no sample makes a state overflow.

        The samples are those of training and validation. If scales have changed, the integers are
        saved again, and their validation accuracy is logged.
        """
        if self.model.rounding is None or self.best_integers is None:
            return
        rounding = self.model.rounding.calibrated(self.best, self._first)
        rescaled = rounding.without_overflow(self.best, self.best_integers, self._all_samples)
        if rescaled.content_hash == self.best_integers.content_hash:
            return
        self.best_integers, accuracy = rescaled, None
        if self._validation is not None:
            accuracy = float(self._validation.right(rescaled).mean())
        best = best_epoch(self.log, self.options.judge_epochs)["epoch"]
        self.log[best - 1]["settled_accuracy"] = accuracy
        if self._written is not None:
            # The file of the networks is written last. If the run is stopped before that, a resumed
            # run repeats the removal of overflows.
            self.save()
            self._written.write_log(self.log)
            self._written.write_next(self._state.epoch, self.best, rescaled)
            self._written.keep_next(self._state.epoch)

    def _compare_resets(self) -> None:
        """If the reset was changed, validate the best network to know what the change cost."""
        if self.reset_change is None or self._validation is None:
            return
        right = self._validation.right(self.best_integers or self.best, self.model.device)
        self.reset_change = replace(self.reset_change, after=right)
        if self._written is not None:
            self._written.set_reset_change(self.reset_change)

    def _all_samples(self) -> Iterator[Raster]:
        """Training and validation samples binned for the network, a portion at a time.

        Scales depend on the portions, which are the same for events in memory and on disk.
        """
        for events in (self._train, self._validating):
            for part in () if events is None else events.batches(AT_ONCE):
                yield self.model.network.bin(part).raster


def _new_network(options: TrainOptions, train: SpikeEvents) -> Network:
    """A network of random synapses whose hidden neurons spike at the rate `options.init_rate`."""
    network = initial_network(options, train.n_units, train.class_names, train.analogue)
    if options.init_rate is None:
        return network
    return balance_drive(network, first_samples(network, train), options.init_rate)


def _check_splits(train: SpikeEvents, validation: SpikeEvents | None) -> None:
    """Raise `DataError` if training or validation samples are missing."""
    for name, events in (("training", train), ("validation", validation)):
        if events is not None and events.n_samples == 0:
            raise DataError(
                f"there are no {name} samples",
                code="split-empty",
                fix=f"pass data with {name} samples; without a validation split, training accuracy "
                "decides which epoch is the best",
            )


def _check_agreement(
    ranks: Ranks,
    options: TrainOptions,
    train: SpikeEvents,
    validation: SpikeEvents | None,
) -> None:
    """Raise `UsageError` if ranks differ in settings or data: they would wait forever."""
    settings = zlib.crc32(json.dumps(options.as_json()).encode())
    ranks.check_same("their settings", settings)
    n_validation = 0 if validation is None else validation.n_samples
    sizes = train.n_samples, train.n_events, train.n_spikes, n_validation
    ranks.check_same("their data", *sizes)


@dataclass(frozen=True, eq=False)
class Totals:
    """Losses, correct classifications, lost events and spikes, summed over samples.

    Attributes:
        loss: sum of the losses of single samples.
        correct: number of correctly classified samples.
        samples: number of samples.
        surplus, dropped: numbers of spikes lost in binning, see `Binned`.
        counts: number of spikes per neuron, [neurons] int64 per spiking population.
    """

    loss: float
    correct: int
    samples: int
    surplus: int
    dropped: int
    counts: Mapping[str, NDArray[np.int64]]

    @classmethod
    def zero(cls, network: Network) -> Totals:
        """Totals before the first sample: all sums are 0."""
        spiking = [p for p in network.populations if p.kind == LIF]
        return cls(0.0, 0, 0, 0, 0, {p.name: np.zeros(p.size, np.int64) for p in spiking})

    def __add__(self, other: Totals) -> Totals:
        """Sums over the samples of both operands."""
        return self._from_vector(self._vector() + other._vector())

    def over(self, ranks: Ranks) -> Totals:
        """Sums over the samples of all ranks; every rank must call this."""
        return self._from_vector(ranks.sum(self._vector()))

    @property
    def mean_loss(self) -> float:
        """Mean loss of a sample."""
        return self.loss / self.samples

    @property
    def accuracy(self) -> float:
        """Share of correctly classified samples."""
        return self.correct / self.samples

    @property
    def spikes_per_neuron(self) -> dict[str, float]:
        """Per spiking population, mean spikes of a neuron in a sample."""
        return {name: float(count.mean()) / self.samples for name, count in self.counts.items()}

    def _vector(self) -> NDArray[np.float64]:
        """All sums as one float array; whole numbers are exact up to 2⁵³."""
        numbers = (self.loss, self.correct, self.samples, self.surplus, self.dropped)
        return np.concatenate([numbers, *(self.counts[name] for name in sorted(self.counts))])

    def _from_vector(self, vector: NDArray[np.float64]) -> Totals:
        names, whole = sorted(self.counts), vector[1:].astype(np.int64)
        correct, samples, surplus, dropped = whole[:4].tolist()
        edges = 4 + np.cumsum([0, *(self.counts[name].size for name in names)])
        counts = [whole[first:last] for first, last in pairwise(edges)]
        by_name = dict(zip(names, counts, strict=True))
        return Totals(float(vector[0]), correct, samples, surplus, dropped, by_name)

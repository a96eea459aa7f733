"""The training loop: epochs over batches, validation, checkpoints."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nmtool.data import SpikeEvents, check_same_classes
from nmtool.data.binning import Binned
from nmtool.data.events import AT_ONCE
from nmtool.errors import DataError, StorageError
from nmtool.network.balance import balance_drive
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork
from nmtool.network.layers import other_resets
from nmtool.raster import Raster
from nmtool.training.engines.devices import CPU, Device
from nmtool.training.engines.gpu_failures import gpu_errors_converted
from nmtool.training.front import losses
from nmtool.training.front.activity import RateTarget, WholeBatch, rate_targets, rescue_silent
from nmtool.training.front.model import SpikingNetwork
from nmtool.training.loop import checkpoint
from nmtool.training.loop.ahead import ahead
from nmtool.training.loop.augment import Augmentation
from nmtool.training.loop.averaging import Average, copy_into
from nmtool.training.loop.calibration import Calibrator, first_samples, without_overflow
from nmtool.training.loop.initial import initial_network
from nmtool.training.loop.optimise import (
    check_gradients,
    check_loss,
    clip_gradients,
    largest_loss,
    make_optimiser,
)
from nmtool.training.loop.pruning import Pruning
from nmtool.training.loop.reset_change import ResetChange
from nmtool.training.loop.run_folder import RunFolder
from nmtool.training.loop.schedule import rate_factor
from nmtool.training.loop.selection import (
    best_epoch,
    is_best,
    out_of_patience,
    scores,
    stopped_early,
)
from nmtool.training.loop.totals import Totals
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


@dataclass(frozen=True, eq=False)
class _Portion:
    """A rank's share of a batch, augmented and binned.

    Attributes:
        binned: spikes of the share.
        label: [samples] int64, labels of the share.
    """

    binned: Binned
    label: NDArray[np.integer]


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
        self._folder = folder
        self._ranks = ranks
        self._on_batch = on_batch if on_batch and ranks.is_first else lambda report: None
        self._on_epoch = on_epoch if on_epoch and ranks.is_first else lambda entry: None
        self._calibrator = None
        if options.arithmetic == "integer":
            self._calibrator = Calibrator.of(options, first_samples(network, train))
        self.model = model = SpikingNetwork(
            network,
            max_delay=options.max_delay,
            axonal=options.axonal,
            device=device,
            rounding=None if self._calibrator is None else self._calibrator.rounding(network),
        )
        ranks.copy_from_first(model.parameters())
        self._validation = None if validation is None else Validation(validation, network, ranks)
        self._loss = losses.readout_loss(network, options.gain, options.margin_ms)
        self._largest_loss = largest_loss(options, len(train.class_names))
        target = RateTarget(options.rate_strength, options.rate)
        self._regulariser = WholeBatch(rate_targets(model, target))
        self._augment = Augmentation.of(options)
        self._optimiser = make_optimiser(model, options)
        self._batches = -(-train.n_samples // options.batch_size)
        n_updates = self._batches * options.epochs
        self._factor = rate_factor(options.schedule, n_updates, options.warmup)
        self._pruning = Pruning(model, options.sparsity, options.delay_sparsity, n_updates)
        self._average = Average(model, options.average, trained=is_trained)
        self._base_rates = [group["lr"] for group in self._optimiser.param_groups]
        self._state = checkpoint.RunState(0, 0, -1.0, [])
        self.best, self.best_integers = model.to_network(), model.to_integers()
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
        for portion in ahead(self._portion(*draw) for draw in self._shuffled(epoch)):
            batch = self._update(portion, update)
            totals += batch
            update += 1
            n_updates = self._batches * self.options.epochs
            self._on_batch(BatchReport(epoch, update, n_updates, batch.samples, batch.mean_loss))
        rescued = rescue_silent(self.model, totals.counts, self.options.rescue)
        self._pruning.reapply()
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
            **self._pruning.entry(),
            "seconds": round(time.perf_counter() - started, 3),
        }
        better = self._judge(epoch, update, entry, networks)
        self._save_epoch(better)
        self._on_epoch(entry)

    def _shuffled(self, epoch: int) -> Iterator[tuple[NDArray[np.int64], np.random.Generator]]:
        """Batches of sample indices, each with a random generator; the last may be smaller."""
        order = np.random.default_rng([self.options.seed, epoch]).permutation(self._train.n_samples)
        for index in range(self._batches):
            first = index * self.options.batch_size
            rng = np.random.default_rng([self.options.seed, epoch, index])
            yield order[first : first + self.options.batch_size], rng

    def _portion(self, samples: NDArray[np.int64], rng: np.random.Generator) -> _Portion:
        """Read and augment a batch, and bin this rank's share of it."""
        events = self._ranks.take(self._augment(self._train.take(samples).in_memory(), rng))
        return _Portion(self.model.network.bin(events), events.label)

    def _update(self, portion: _Portion, update: int) -> Totals:
        """Update the parameters, given this rank's share of a batch; return the batch's totals."""
        loss, share = self._forward(portion)
        batch = share.over(self._ranks)
        check_loss(batch.mean_loss, update, self._largest_loss)
        self._regulariser.set_batch(batch.counts, batch.samples)

        self._optimiser.zero_grad()
        if loss is not None:
            # The mean loss of a rank is weighted by the rank's share of the batch, because
            # gradients are summed over ranks.
            (loss * (share.samples / batch.samples)).backward()
        self._ranks.sum_gradients(self.model.parameters())
        self._pruning.zero_gradients()
        check_gradients(self.model.parameters(), update)
        clip_gradients(self.model, self.options.clip_norm)

        for group, rate in zip(self._optimiser.param_groups, self._base_rates, strict=True):
            group["lr"] = rate * self._factor(update)
        self._optimiser.step()
        self.model.clamp_delays()
        self._pruning.advance(update + 1)
        self._average.add(update)
        return batch

    def _forward(self, portion: _Portion) -> tuple[torch.Tensor | None, Totals]:
        """Run a share of a batch; return its mean loss (None without samples) and its totals."""
        network, binned, n_samples = self.model.network, portion.binned, portion.label.size
        if not n_samples:
            return None, Totals.zero(network)
        labels = torch.from_numpy(portion.label).to(self.model.device.torch)
        activity = self.model(binned.raster, self._regulariser.push)
        loss = self._loss(activity, labels)
        totals = Totals(
            loss=loss.item() * n_samples,
            correct=int((losses.predictions(activity, network) == labels).sum()),
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
        with self._average.averaged_parameters():
            if self._average.values:
                self._pruning.reapply()
                self._renew_scales()
            yield

    def _faults(self) -> dict[str, int]:
        """Counts of wraps and clips in all passes of this epoch, over all ranks."""
        own_counts = self.model.take_faults()
        total = self._ranks.sum(list(own_counts.values()))
        return {name: int(count) for name, count in zip(own_counts, total, strict=True)}

    def _renew_scales(self) -> None:
        """Estimate scales from the current weights, so that a resumed run has the same scales."""
        if self._calibrator is not None:
            self.model.rounding = self._calibrator.rounding(self.model.to_network())

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
        if self._folder is not None and self._ranks.is_first:
            try:
                if with_networks:
                    self._folder.write_next(self._state.epoch, self.best, self.best_integers)
                self.save()
            except StorageError:
                self._folder.drop_next()
                raise
            self._folder.keep_next(self._state.epoch)
            self._folder.write_log(self._state.log)

    def save(self) -> None:
        """Write a checkpoint of the run's current state; raises `StorageError`."""
        assert self._folder is not None
        best_hash = self.best.content_hash if self._state.has_best else ""
        checkpoint.save(
            self._folder.checkpoint_file,
            self.model,
            self._optimiser,
            replace(self._state, network=best_hash),
            self._pruning.removed,
            self._average.values,
        )

    @property
    def log(self) -> list[dict[str, Any]]:
        """One entry per finished epoch."""
        return self._state.log

    def resume(self) -> None:
        """Restore the run's last checkpoint; raises `FileFormatError`."""
        assert self._folder is not None
        self._state = checkpoint.load(
            self._folder.checkpoint_file,
            self.model,
            self._optimiser,
            self._pruning.removed,
            self._average.values,
        )
        self._average.trained = self._folder.manifest().start is not None
        self.reset_change = self._folder.reset_change()
        if self._ranks.is_first:
            self._folder.keep_next(self._state.epoch)
            if self._state.has_best and self._state.network:
                self._folder.check_network(self._state.network)
            self._folder.repair_log(self.log)
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
        mean: dict[str, torch.Tensor] = {}
        checkpoint.load(
            run.checkpoint_file, self.model, self._optimiser, self._pruning.removed, mean
        )
        for name, removed in self._pruning.removed.items():
            # In the running mean, pruned values approach 0, but do not reach 0.
            if name in mean:
                mean[name].masked_fill_(removed, 0.0)
        copy_into(self.model, mean)
        self.model.clamp_delays()
        self._average.restart()
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

        The samples are those of training and validation.
        """
        if self._calibrator is None or self.best_integers is None:
            return
        rounding = self._calibrator.rounding(self.best)
        rescaled = without_overflow(self.best, self.best_integers, rounding, self._all_samples)
        if rescaled.content_hash != self.best_integers.content_hash:
            self._save_rescaled_integers(rescaled)

    def _save_rescaled_integers(self, rescaled: IntegerNetwork) -> None:
        """Save the best integer network with changed scales, and log its validation accuracy."""
        self.best_integers = rescaled
        accuracy = None
        if self._validation is not None:
            accuracy = float(self._validation.right(rescaled).mean())
        best = best_epoch(self.log, self.options.judge_epochs)["epoch"]
        self.log[best - 1]["settled_accuracy"] = accuracy
        if self._folder is not None and self._ranks.is_first:
            # The file of the networks is written last. If the run is stopped before that, a resumed
            # run repeats the removal of overflows.
            self.save()
            self._folder.write_log(self.log)
            self._folder.write_next(self._state.epoch, self.best, rescaled)
            self._folder.keep_next(self._state.epoch)

    def _compare_resets(self) -> None:
        """If the reset was changed, validate the best network to know what the change cost."""
        if self.reset_change is None or self._validation is None:
            return
        right = self._validation.right(self.best_integers or self.best, self.model.device)
        self.reset_change = replace(self.reset_change, after=right)
        if self._folder is not None and self._ranks.is_first:
            self._folder.set_reset_change(self.reset_change)

    def _all_samples(self) -> Iterator[Raster]:
        """Training and validation samples binned for the network, a portion at a time.

        Scales depend on the portions, which are the same for events in memory and on disk.
        """
        network = self.model.network
        validating = [] if self._validating is None else [self._validating]
        for events in (self._train, *validating):
            for part in events.batches(AT_ONCE):
                yield network.bin(part).raster


def _new_network(options: TrainOptions, train: SpikeEvents) -> Network:
    """A network of random synapses whose hidden neurons spike at the rate `options.init_rate`."""
    network = initial_network(options, train.n_units, train.class_names, train.analogue)
    if options.init_rate is None:
        return network
    return balance_drive(network, first_samples(network, train), options.init_rate)


def _check_splits(train: SpikeEvents, validation: SpikeEvents | None) -> None:
    """Raise `DataError` if training or validation samples are missing."""
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
            fix="pass None as validation samples; training accuracy then decides the best epoch",
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

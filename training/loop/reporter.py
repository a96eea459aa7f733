"""`Reporter`: display of a run, with a progress bar over samples and a line per epoch."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from nmtool.data import Dataset
from nmtool.errors import Finding
from nmtool.evaluation.confusion import interval_text
from nmtool.interrupts import CheckStop
from nmtool.network.readout import FIRST_SPIKE
from nmtool.progress import Advance, Pace, duration
from nmtool.tables import brief
from nmtool.training.loop.remarks import start_line
from nmtool.training.loop.run_folder import RunFolder
from nmtool.training.loop.selection import is_best, stopped_early
from nmtool.training.options import TrainOptions

if TYPE_CHECKING:
    from nmtool.training.loop.trainer import BatchReport, Trainer

_log = logging.getLogger(__name__)

MIN_SPIKES_PER_NEURON = 0.02
"""Spikes per neuron and sample below which a population learns nothing."""

EXPLODED_LOSS_RATIO = 30.0
"""A loss has exploded at this multiple of the best epoch's loss, or of the loss of guessing."""

OnBatch = Callable[["BatchReport"], None]
OnEpoch = Callable[[dict[str, Any]], None]


class Reporter:
    """Reports the progress of a run: counts samples, logs a line per epoch, and stops on request.

    Args:
        options: options of the run, with a number of steps.
        dataset: data of the run.
        folder: folder of the run; None if the run is not saved.
        advance: progress display, called with the number of samples of every batch.
        check_stop: called after every batch and epoch; raises to stop the run.
        on_batch, on_epoch: called with the report of every batch and the entry of every epoch.

    Attributes:
        epochs: entries of the log; in a resumed run, including the earlier epochs.
    """

    def __init__(
        self,
        options: TrainOptions,
        dataset: Dataset,
        folder: RunFolder | None,
        *,
        advance: Advance,
        check_stop: CheckStop,
        on_batch: OnBatch | None = None,
        on_epoch: OnEpoch | None = None,
    ) -> None:
        self._options, self._dataset, self._folder = options, dataset, folder
        self._advance, self._check_stop = advance, check_stop
        self._on_batch = on_batch or (lambda report: None)
        self._on_epoch = on_epoch or (lambda entry: None)
        self._samples, self._n_classes = dataset.train.n_samples, len(dataset.train.class_names)
        self._lowest_loss, self._remarked = math.inf, set[tuple[str, str]]()
        self._pace = Pace()
        self._epoch_done, self._epoch_loss = 0, 0.0
        self.epochs: list[Mapping[str, Any]] = []

    def start(self, trainer: Trainer) -> None:
        """Log the data and the size of a new run."""
        _log.info(start_line(self._dataset, self._options, trainer.model))

    def batch(self, report: BatchReport) -> None:
        """Count a batch, and show the mean loss of the epoch so far beside the progress bar."""
        epochs = self._options.epochs
        if self._pace.total is None:
            expected = (epochs - report.epoch + 1) * self._samples
            self._advance.expect(expected)
            self._pace.expect(expected)
        self._epoch_done += report.samples
        self._epoch_loss += report.loss * report.samples
        loss = self._epoch_loss / self._epoch_done
        self._pace.count(report.samples)
        self._advance(report.samples, f"epoch {report.epoch}/{epochs} loss {brief(loss)}")
        self._on_batch(report)
        self._check_stop()

    def epoch(self, entry: dict[str, Any]) -> None:
        """Log an epoch's results, and the time left at the mean speed so far.

        The log record has the attribute `parts`, see `epoch_parts`, to fit narrow terminals.
        """
        self._epoch_done, self._epoch_loss = 0, 0.0
        left = None if stopped_early([entry]) else self._pace.left
        number = f"epoch {entry['epoch']:3d}/{self._options.epochs}"
        time_s = f"{entry['seconds']:.1f} s"
        remaining = f", {duration(left)} left" if left else ""
        parts = epoch_parts(entry)
        place = next((i for i, (text, _) in enumerate(parts) if text.startswith("valid")), 1) + 1
        parts.insert(place, ("best" if self._is_best(entry) else "    ", 1))
        _log.info(
            f"{number}  {epoch_line(entry)}  {time_s}{remaining}",
            extra={"parts": [(number, 0), *parts, (time_s + remaining, 8)]},
        )
        for remark in self._failures(entry):
            if (remark.code, remark.where) not in self._remarked:
                self._remarked.add((remark.code, remark.where))
                _log.warning(remark.as_line("remark"))
        self._lowest_loss = min(self._lowest_loss, entry["loss"])
        self._on_epoch(entry)
        self._check_stop()

    def _is_best(self, entry: dict[str, Any]) -> bool:
        """True if no earlier epoch is better, including the epochs before a resume."""
        if not self.epochs and entry["epoch"] > 1 and self._folder is not None:
            self.epochs += self._folder.read_log()[: entry["epoch"] - 1]
        self.epochs.append(entry)
        return is_best(self.epochs, self._options.judge_epochs)

    def _failures(self, entry: Mapping[str, Any]) -> Iterator[Finding]:
        """Findings on an epoch in which training fails; each is logged once."""
        options, loss = self._options, entry["loss"]
        for name, rate in entry["spikes_per_neuron"].items():
            if rate < MIN_SPIKES_PER_NEURON:
                yield Finding(
                    "population-silent",
                    name,
                    f"'{name}' hardly spikes ({rate:.2g} spikes per neuron and sample) and learns "
                    "nothing",
                    "try smaller `lr=` and `delay_lr=`, or a larger `init_rate=` or `rescue=`",
                )
            most = options.most_spikes * options.n_steps
            if rate > most / 2:
                yield Finding(
                    "population-saturated",
                    name,
                    f"'{name}' spikes more than half as often as it can ({rate:.0f} of at most "
                    f"{most} spikes per neuron and sample) and cannot distinguish inputs",
                    "try smaller `lr=` and `init_rate=`, or a larger `rate_strength=`",
                )
        usual, than = max(self._lowest_loss, 1.0), "the lowest loss so far"
        if options.readout != FIRST_SPIKE:
            # Of first spikes, losses are in ms, and the loss of a guess is unknown.
            usual, than = math.log(max(self._n_classes, 2)), "the loss of guessing"
        if loss > EXPLODED_LOSS_RATIO * usual:
            yield Finding(
                "loss-exploded",
                "loss",
                f"the loss has exploded to {loss:.3g}; {than} is {usual:.3g}",
                f"try smaller `lr=` and `delay_lr=` (now {options.lr:g} and {options.delay_lr:g}), "
                "or `clip_norm=1`",
            )


def epoch_line(entry: Mapping[str, Any]) -> str:
    """An epoch's entry of the log as one line."""
    return "  ".join(text for text, _ in epoch_parts(entry))


def epoch_parts(entry: Mapping[str, Any], n_validation: int | None = None) -> list[tuple[str, int]]:
    """The parts of an epoch's line, each with a rank: the smaller, the more important.

    If a line is too short for all parts, the parts with the largest ranks are left out.

    Args:
        entry: the epoch's entry of the log.
        n_validation: number of validation samples, for the interval of their accuracy.
    """
    validation = entry["validation_accuracy"]
    parts = [(f"loss {brief(entry['loss'])}", 2), (f"train {entry['train_accuracy']:.1%}", 3)]
    settled = entry.get("settled_accuracy", validation)
    if validation is not None:
        interval = f" ({interval_text(settled, n_validation)})" if n_validation else ""
        parts.append((f"validation {settled:.1%}{interval}", 1))
    if "settled_accuracy" in entry:
        before = "" if validation is None else f" ({validation:.1%} before)"
        parts.append((f"scales changed at the end to prevent overflows{before}", 7))
    rates = ", ".join(brief(rate, 1) for rate in entry["spikes_per_neuron"].values())
    parts.append((f"spikes/neuron {rates or 'none'}", 6))
    if entry["silent_neurons"]:
        parts.append((f"silent {entry['silent_neurons']}", 4))
    shares = [name for name in ("sparsity", "delay_sparsity") if entry.get(name)]
    parts += [(f"{name.replace('_', ' ')} {entry[name]:.0%}", 5) for name in shares]
    faults = {"wraps of u": entry.get("u_wraps"), "clips of v": entry.get("v_clips")}
    parts += [(f"{name} {brief(many, 0)}", 5) for name, many in faults.items() if many]
    return parts

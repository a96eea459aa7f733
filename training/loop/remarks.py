"""Remarks on training: on the data before it, and on what goes wrong while it goes on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nmtool.data import Dataset, SpikeEvents
from nmtool.data.binning import count_dropped
from nmtool.readout import FIRST_SPIKE

if TYPE_CHECKING:
    from nmtool.training.loop.run_folder import RunFolder
    from nmtool.training.options import TrainOptions

SILENT = 0.02
"""Spikes per neuron and sample below which a population learns nothing."""

EXPLODED = 30.0
"""Times the loss of the best epoch, or of guessing, at which a loss has exploded."""

RARE = 1e-3
"""A probability that no shuffled file is likely to meet."""


def remarks(dataset: Dataset, options: TrainOptions) -> Iterator[str]:
    """A line for each thing that may not be as it was meant.

    Args:
        dataset: with the validation split that is used.
        options: of the run.
    """
    yield from _late_events(dataset.train, options)
    yield from _short_delays(options)
    if dataset.tail and dataset.validation is not None:
        yield from _classes_apart(dataset.train.label, dataset.validation.label)


def start_remarks(start: RunFolder, options: TrainOptions) -> Iterator[str]:
    """A line where a run cannot keep what the one that it starts from has learnt.

    Args:
        start: the run to start from.
        options: of the new one.

    Raises:
        FileFormatError: the checkpoint of the start is damaged.
    """
    from nmtool.training.loop.checkpoint import longer_delays

    n_longer, n_delays = longer_delays(start.checkpoint_file, options.max_delay)
    if n_longer:
        yield (
            f"delays are cut to {options.max_delay} steps (max_delay): {n_longer:,} of the "
            f"{n_delays:,} synapses had longer ones"
        )


class Health:
    """Tells an epoch in which learning fails, each kind of failure once.

    Args:
        options: of the run.
        n_classes: classes of the data.
    """

    def __init__(self, options: TrainOptions, n_classes: int) -> None:
        self._options = options
        # Losses on first spikes are in ms, or in ms²: guessing has no loss of its own there.
        self._guessing = None if options.readout == FIRST_SPIKE else math.log(max(n_classes, 2))
        self._lowest = math.inf
        self._said: set[str] = set()

    def remarks(self, entry: Mapping[str, Any]) -> Iterator[str]:
        """A line for each thing that is wrong for the first time.

        Args:
            entry: of an epoch in the log.
        """
        loss, options = entry["loss"], self._options
        for name, rate in entry["spikes_per_neuron"].items():
            if rate < SILENT and self._is_new(f"silent {name}"):
                yield (
                    f"'{name}' hardly spikes ({rate:.2g} spikes per neuron and sample) and learns "
                    "nothing: try smaller --lr and --delay-lr, a larger --init-rate or --rescue"
                )
            if rate > options.n_steps / 2 and self._is_new(f"busy {name}"):
                yield (
                    f"'{name}' spikes in more than every second step ({rate:.0f} spikes per neuron "
                    f"and sample in {options.n_steps} steps) and tells nothing apart: try smaller "
                    "--lr and --init-rate, a larger --rate-strength"
                )
        usual = max(self._lowest, 1.0) if self._guessing is None else self._guessing
        if loss > EXPLODED * usual and self._is_new("loss"):
            than = "that of the best epoch" if self._guessing is None else "that of guessing"
            yield (
                f"the loss has exploded: {loss:.3g}, {than} is {usual:.3g}: try smaller --lr and "
                f"--delay-lr (now {options.lr:g} and {options.delay_lr:g}), or --clip-norm 1"
            )
        self._lowest = min(self._lowest, loss)

    def _is_new(self, what: str) -> bool:
        is_new = what not in self._said
        self._said.add(what)
        return is_new


def _late_events(events: SpikeEvents, options: TrainOptions) -> Iterator[str]:
    late = count_dropped(events, options.dt_ms, options.n_steps)
    if late:
        yield (
            f"{late:,} of the {events.n_events:,} events of an epoch lie after the last step "
            f"(dt × steps = {options.dt_ms * options.n_steps:g} ms) and are dropped; "
            "more --steps keep them"
        )


def _short_delays(options: TrainOptions) -> Iterator[str]:
    """Warn where the bits of delays end a stride or more before the longest delay."""
    if options.arithmetic == "float":
        return
    grid = options.delay_grid
    if options.max_delay - grid.longest >= grid.stride:
        yield (
            f"delays of {grid.bits} bits in strides of {grid.stride} steps end at {grid.longest}, "
            f"longer ones are cut: max_delay is {options.max_delay}; more --delay-bits or another "
            "--delay-stride reach further"
        )


def _classes_apart(train: NDArray[np.integer], validation: NDArray[np.integer]) -> Iterator[str]:
    """Warn where a part of a file lacks classes that it would have, were the file shuffled."""
    last = f"the last {validation.size} training samples, which validate,"
    others = f"the training samples but for the last {validation.size}, which validate,"
    for part, name in ((validation, last), (train, others)):
        n_classes, held = _unlikely(part, np.concatenate([train, validation]))
        if held:
            yield f"{name} hold only {held} of the {n_classes} classes; shuffle the file"
            return


def _unlikely(part: NDArray[np.integer], whole: NDArray[np.integer]) -> tuple[int, int]:
    """Number of classes of the whole, and of the part where chance hardly ever takes so few.

    The probability that a random part has only k of n classes is at most the number of ways to
    choose them times that of all its samples being of those.
    """
    n_classes, held = np.unique(whole).size, np.unique(part)
    share = np.isin(whole, held).mean()
    if share == 1 or not part.size:
        return n_classes, 0
    chance = _log_ways(n_classes, held.size) + part.size * math.log(share)
    return n_classes, held.size if chance < math.log(RARE) else 0


def _log_ways(n: int, k: int) -> float:
    """Logarithm of the number of ways to choose k of n."""
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)

"""Suggestions for the next run, from a run's log and network.

Each finding is a guess with its evidence. Advice trains nothing, and reads no other data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nmtool.errors import Finding
from nmtool.network.float_network import Network
from nmtool.network.graph import LIF
from nmtool.targets import target_named
from nmtool.training.loop.schedule import rate_factor
from nmtool.training.loop.selection import best_epoch, candidates, standard_error
from nmtool.training.options import TrainOptions

MIN_EPOCHS = 5
"""Smallest number of epochs after which advice is given."""

FALLING = 0.05
"""A loss still falls if its mean over a fifth of the epochs is lower by this share than over the
previous fifth."""

LARGE_RATE = 0.5
"""Learning rates are large from this share of their maximum on. At rates near 0, no loss falls, so
that the loss is also judged at the last epoch with large rates."""

RISING = 0.05
"""Share of their maximum by which learning rates may rise on resume without a remark."""

OVERFITTING = 0.1
"""A run overfits if training accuracy exceeds validation accuracy by at least this."""

FITTED = 0.95
"""Training accuracy from which on the training samples count as learnt."""

MAX_AT_LIMIT = 0.05
"""Share of a projection's delays that may lie at the limit; of uniform delays, some 2 % do so."""

MEMORY = 10.0
"""A sample is long if it lasts more than this many times the network's memory, which is its longest
delay plus its longest membrane time constant."""

MAX_SILENT = 0.2
"""Largest share of the hidden neurons that may be silent in the last epoch without a finding."""

BUSY = 0.1
"""A population is busy if its neurons on average spike in at least this share of the steps."""

MIN_CONFUSED = 0.25
"""A class is confused with another class if at least this share of its validation samples is
classified as the other class."""

MIN_MISTAKES = 5
"""Smallest number of such samples for a finding; fewer may be due to chance."""

LAST_EPOCHS = 5
"""Number of epochs at the end of a run whose validation accuracies are compared with that of the
best epoch."""

MIN_SPREAD = 0.02
"""Smallest difference in validation accuracy for which the choice of the best epoch matters."""

MAX_AUGMENTATION = 0.8
"""Largest value of `stretch` and `drop` that is suggested."""


def advice(
    options: TrainOptions,
    log: Sequence[Mapping[str, Any]],
    network: Network,
    n_validation: int | None = None,
) -> Iterator[Finding]:
    """Findings with suggestions for the next run, the most promising first.

    Differences of validation accuracies within two standard errors are noise, and no evidence.

    Args:
        options: the run's settings; `steps` must not be `auto`.
        log: the run's log, an entry per epoch.
        network: the network of the best epoch.
        n_validation: number of validation samples; None if unknown: accuracies then count
            as exact.
    """
    if len(log) < MIN_EPOCHS:
        return
    yield from _fit_findings(options, log, n_validation)
    yield from _chosen_epoch(options, log, n_validation)
    yield from _memory_finding(options, network)
    yield from _delay_findings(options, network)
    yield from _activity_findings(options, log, network)
    yield from _class_finding(network, best_epoch(log, options.judge_epochs), n_validation)


def rates_rise(options: TrainOptions, before: TrainOptions, n_done: int) -> Iterator[Finding]:
    """A finding if learning rates rise again because a run is resumed with more epochs.

    Args:
        options: settings with the new number of epochs.
        before: settings with the previous number of epochs.
        n_done: number of finished epochs.
    """
    now, then = (
        rate_factor(settings.schedule, settings.epochs, settings.warmup)(n_done)
        for settings in (options, before)
    )
    if now > then + RISING:
        yield Finding(
            "learning-rates-rise",
            "epochs",
            f"with {options.epochs} epochs instead of {before.epochs}, learning rates jump from "
            f"{then:.0%} to {now:.0%} of their maximum: accuracy may fall before it rises",
            f"for the result of a run of {options.epochs} epochs, start a new run; to improve "
            "this one, fine-tune it (`start=`) with a small `lr=`",
        )


def _fit_findings(
    options: TrainOptions, log: Sequence[Mapping[str, Any]], n_validation: int | None
) -> Iterator[Finding]:
    """Findings on overfitting, underfitting, and training that ended while the loss still fell."""
    best = best_epoch(log, options.judge_epochs)
    train, validation = best["train_accuracy"], best["validation_accuracy"]
    fifth = max(1, len(log) // 5)
    noise = 0.0 if validation is None else 2 * standard_error(validation, n_validation)
    falls = [
        fall
        for end in _epochs_to_judge(options, len(log))
        if (fall := _fall_of_loss(log, end, fifth))
    ]
    if validation is not None and train - validation > max(OVERFITTING, noise):
        yield Finding(
            "training-overfits",
            "training",
            f"training accuracy is {train:.1%}, but validation accuracy is {validation:.1%}",
            f"try more augmentation, e.g. {_augmentation(options)}; or fewer neurons "
            "(`hidden=`), or more samples",
        )
    elif train < FITTED and not falls:
        yield Finding(
            "training-underfits",
            "training",
            f"the loss no longer falls, at a training accuracy of {train:.1%}",
            f"try other learning rates, e.g. `lr={options.lr / 3:.2g}` and "
            f"`delay_lr={options.delay_lr / 3:.2g}`, or let a search choose them "
            "(`search=30min`); or try more neurons (`hidden=`)",
        )
    is_late = best["epoch"] > len(log) - fifth
    if validation is not None:
        is_late |= validation - log[-1]["validation_accuracy"] <= noise
    if falls and train < FITTED and is_late:
        yield Finding(
            "still-learning",
            "epochs",
            f"the loss was still falling, {falls[0]}, at a training accuracy of {train:.1%}",
            f"try a new run with `epochs={2 * options.epochs}`",
        )


def _epochs_to_judge(options: TrainOptions, n_epochs: int) -> tuple[int, int]:
    """The last epoch, and the last epoch with large learning rates.

    Before each of the two, the loss should have stopped falling.
    """
    factor = rate_factor(options.schedule, options.epochs, options.warmup)
    large = [epoch for epoch in range(1, n_epochs + 1) if factor(epoch - 1) >= LARGE_RATE]
    return n_epochs, max(large, default=n_epochs)


def _fall_of_loss(log: Sequence[Mapping[str, Any]], end: int, fifth: int) -> str:
    """Describe the fall of the loss in the 2·`fifth` epochs up to `end`; '' if it hardly fell."""
    losses = [entry["loss"] for entry in log[end - 2 * fifth : end]]
    before, last = float(np.mean(losses[:-fifth])), float(np.mean(losses[-fifth:]))
    if not last < (1 - FALLING) * before:
        return ""
    return f"from {before:.3g} to {last:.3g} over the {2 * fifth} epochs up to epoch {end}"


def _augmentation(options: TrainOptions) -> str:
    """Suggested settings: augmentation that the run did not use, or stronger augmentation."""
    first = {"stretch": 0.2, "onset_ms": 10 * options.dt_ms, "drop": 0.2}
    try_next = {name: value for name, value in first.items() if not getattr(options, name)}
    if not try_next:
        doubled = {name: 2 * getattr(options, name) for name in first}
        try_next = {
            name: value
            for name, value in doubled.items()
            if name == "onset_ms" or value <= MAX_AUGMENTATION
        }
    words = [f"`{name}={value:g}`" for name, value in try_next.items()]
    return " or ".join(words)


def _chosen_epoch(
    options: TrainOptions, log: Sequence[Mapping[str, Any]], n_validation: int | None
) -> Iterator[Finding]:
    """A finding if chance decided which epoch is the best."""
    best = best_epoch(log, options.judge_epochs)
    accuracy = best["validation_accuracy"]
    if options.judge_epochs > 1 or accuracy is None or n_validation is None:
        return
    others = [entry["validation_accuracy"] for entry in candidates(log)[-LAST_EPOCHS:]]
    spread, noise = accuracy - min(others), 2 * standard_error(accuracy, n_validation)
    if MIN_SPREAD <= spread <= noise:
        yield Finding(
            "best-epoch-by-chance",
            "judge_epochs",
            f"the choice of epoch {best['epoch']} as the best is mostly chance: validation "
            f"accuracies of the last {len(others)} epochs are at most {100 * spread:.1f} points "
            f"lower, and two standard errors on {n_validation:,} samples are {100 * noise:.1f} "
            "points",
            "try `judge_epochs=5`, more validation samples (`validation=`), or cross-validation "
            "(`folds=5`)",
        )


def _memory_finding(options: TrainOptions, network: Network) -> Iterator[Finding]:
    """A finding if samples last much longer than delays and time constants of the network."""
    length = options.n_steps * options.dt_ms
    constants = [float(np.max(population.tau_mem_ms)) for population in network.populations]
    longest = max(constants, default=0.0)
    reach = options.longest_delay * options.dt_ms
    if length > MEMORY * (longest + reach):
        yield Finding(
            "memory-short",
            "tau_mem_ms",
            f"samples last {length:,.0f} ms, but delays reach at most {reach:g} ms, and the "
            f"longest membrane time constant is {longest:g} ms",
            "if the order of early and late events matters, try a longer `dt_ms=`, with which "
            f"delays last longer, or `tau_out_ms={length / MEMORY:.2g}`",
        )


def _delay_findings(options: TrainOptions, network: Network) -> Iterator[Finding]:
    """Findings on projections with many delays at the limit."""
    limit = options.longest_delay
    for projection in network.projections if options.train_delays and limit else ():
        share = float(np.mean(np.asarray(projection.delay) >= limit))
        if share > MAX_AT_LIMIT:
            most = target_named(options.target).max_delay
            yield Finding(
                "delays-at-limit",
                f"{projection.source} → {projection.target}",
                f"{share:.0%} of the delays from '{projection.source}' to '{projection.target}' "
                f"are at the limit of {limit} steps",
                f"try `max_delay={min(2 * options.max_delay, most)}`"
                if options.max_delay < most
                else f"try a longer step: `dt_ms={1.5 * options.dt_ms:g}`",
            )


def _activity_findings(
    options: TrainOptions, log: Sequence[Mapping[str, Any]], network: Network
) -> Iterator[Finding]:
    """Findings on silent neurons, and on populations that spike very often."""
    entry = log[-1]
    neurons = sum(population.size for population in network.populations if population.kind == LIF)
    if entry["silent_neurons"] > MAX_SILENT * neurons:
        yield Finding(
            "neurons-silent",
            "rescue",
            f"{entry['silent_neurons']} of {neurons} neurons did not spike in the last epoch",
            f"try `rescue={5 * (options.rescue or 0.002):g}`, or a smaller `lr=`",
        )
    for name, rate in entry["spikes_per_neuron"].items():
        if rate > BUSY * options.n_steps:
            yield Finding(
                "neurons-busy",
                name,
                f"neurons of '{name}' spike in {rate / options.n_steps:.0%} of the steps",
                f"try `rate_strength={10 * (options.rate_strength or 1e-4):g}`",
            )


def _class_finding(
    network: Network, entry: Mapping[str, Any], n_validation: int | None
) -> Iterator[Finding]:
    """A finding on the class that is most often mistaken for one other class."""
    confused, names = entry.get("confused"), network.class_names
    if not confused:
        return
    share = float(confused["share"])
    n_mistakes = None if n_validation is None else share * n_validation / len(names)
    if share >= MIN_CONFUSED and (n_mistakes is None or n_mistakes >= MIN_MISTAKES):
        label, answer = names[int(confused["label"])], names[int(confused["answer"])]
        yield Finding(
            "classes-confused",
            label,
            f"{share:.0%} of the validation samples of class '{label}' are classified as "
            f"'{answer}'",
            "look at samples of both: the difference may be lost within a step (`dt_ms=`) or a "
            "channel (`group=`), or labels may be wrong",
        )

"""What to try next: what a run's log and network say about its settings.

Each finding is a guess with its evidence, from the run alone; nothing is trained or read for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nmtool.errors import Finding
from nmtool.network.float_network import Network
from nmtool.network.graph import LIF
from nmtool.targets import target_named
from nmtool.training.loop.selection import best_epoch
from nmtool.training.options import TrainOptions

MIN_EPOCHS = 5
"""Shorter runs say nothing about how learning goes on."""

FALLING = 0.05
"""Share by which the loss of the last fifth of the epochs is below that of the fifth before."""

OVERFITTING = 0.1
"""Accuracy on training samples beyond that on validation samples."""

FITTED = 0.95
"""Accuracy on training samples from which on they are learnt."""

MAX_AT_LIMIT = 0.05
"""Share of a projection's delays that may lie at the limit; of uniform ones, some 2 % do."""

MEMORY = 10.0
"""Times that a network's memory fits into a sample, at most; its memory is the longest delay
and the longest membrane time constant."""

MAX_SILENT = 0.2
"""Share of the hidden neurons that may be silent for an epoch."""

BUSY = 0.1
"""Share of the steps at which a neuron spikes, the mean of a population."""

MIN_CONFUSED = 0.25
"""Share of a class's validation samples that are taken for one other class."""


def advice(
    options: TrainOptions,
    log: Sequence[Mapping[str, Any]],
    network: Network,
) -> Iterator[Finding]:
    """A finding for each thing that another run may do better, the likeliest to help first.

    Args:
        options: of the run, with a number of steps.
        log: an entry per epoch.
        network: of the best epoch.
    """
    if len(log) < MIN_EPOCHS:
        return
    yield from _learning(options, log)
    yield from _memory(options, network)
    yield from _delays(options, network)
    yield from _activity(options, log, network)
    yield from _classes(network, best_epoch(log, options.judge_epochs))


def rates_rise(options: TrainOptions, before: TrainOptions, n_done: int) -> Iterator[Finding]:
    """A finding where a run that goes on with more epochs has its learning rates rise again.

    Args:
        options: with the new number of epochs.
        before: with the number that the run had.
        n_done: epochs that have ended.
    """
    from nmtool.training.loop.optimise import rate_factor

    now, then = (
        rate_factor(settings.schedule, settings.epochs, settings.warmup)(n_done)
        for settings in (options, before)
    )
    if now > then + FALLING:
        yield Finding(
            "learning-rates-rise",
            "epochs",
            f"with {options.epochs} epochs in place of {before.epochs}, learning rates go on at "
            f"{now:.0%} of their largest, after {then:.0%}: accuracy may fall before it rises",
            f"to end as a run of {options.epochs} epochs would, train a new one; to polish this "
            "one, train a new run from it (`start=`) with a small `lr=`",
        )


def _learning(options: TrainOptions, log: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    best = best_epoch(log, options.judge_epochs)
    train, validation = best["train_accuracy"], best["validation_accuracy"]
    fifth = max(1, len(log) // 5)
    losses = [entry["loss"] for entry in log]
    before, last = float(np.mean(losses[-2 * fifth : -fifth])), float(np.mean(losses[-fifth:]))
    is_falling = last < (1 - FALLING) * before
    if validation is not None and train - validation > OVERFITTING:
        yield Finding(
            "training-overfits",
            "training",
            f"{train:.1%} of the training samples are right, and {validation:.1%} of those that "
            "validate",
            f"try more augmentation, e.g. `stretch=0.2`, `onset_ms={10 * options.dt_ms:g}` or "
            "`drop=0.2`; fewer neurons (`hidden=`); more samples",
        )
    elif train < FITTED and not is_falling:
        yield Finding(
            "training-underfits",
            "training",
            f"the loss falls no more, with {train:.1%} of the training samples right",
            f"try other learning rates, e.g. `lr={options.lr / 3:.2g}` and "
            f"`delay_lr={options.delay_lr / 3:.2g}`, or let a search choose (`search=30min`); more "
            "neurons (`hidden=`)",
        )
    if is_falling and train < FITTED and best["epoch"] > len(log) - fifth:
        yield Finding(
            "still-learning",
            "epochs",
            f"the loss still fell, from {before:.3g} to {last:.3g} over the last {2 * fifth} "
            "epochs, and one of these is the best",
            f"try a new run with `epochs={2 * options.epochs}`",
        )


def _memory(options: TrainOptions, network: Network) -> Iterator[Finding]:
    length = options.n_steps * options.dt_ms
    constants = [float(np.max(population.tau_mem_ms)) for population in network.populations]
    longest = max(constants, default=0.0)
    reach = options.longest_delay * options.dt_ms
    if length > MEMORY * (longest + reach):
        yield Finding(
            "memory-short",
            "tau_mem_ms",
            f"samples last {length:,.0f} ms; delays reach {reach:g} ms, and the longest membrane "
            f"time constant is {longest:g} ms",
            "where the order of early and late events matters, try a longer `dt_ms=`, by which "
            f"delays reach further, or `tau_out_ms={length / MEMORY:.2g}`",
        )


def _delays(options: TrainOptions, network: Network) -> Iterator[Finding]:
    limit = options.longest_delay
    for projection in network.projections if options.train_delays and limit else ():
        share = float(np.mean(np.asarray(projection.delay) >= limit))
        if share > MAX_AT_LIMIT:
            most = target_named(options.target).max_delay
            yield Finding(
                "delays-at-limit",
                f"{projection.source} → {projection.target}",
                f"{share:.0%} of the delays from '{projection.source}' to '{projection.target}' "
                f"are the longest that there are, {limit} steps",
                f"try `max_delay={min(2 * limit, most)}`"
                if limit < most
                else f"try a longer step: `dt_ms={1.5 * options.dt_ms:g}`",
            )


def _activity(
    options: TrainOptions, log: Sequence[Mapping[str, Any]], network: Network
) -> Iterator[Finding]:
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


def _classes(network: Network, entry: Mapping[str, Any]) -> Iterator[Finding]:
    confused = entry.get("confused")
    if confused and confused["share"] >= MIN_CONFUSED:
        names = network.class_names
        label, answer = names[int(confused["label"])], names[int(confused["answer"])]
        yield Finding(
            "classes-confused",
            label,
            f"{confused['share']:.0%} of the validation samples of '{label}' are taken for "
            f"'{answer}'",
            "look at samples of both: what tells them apart may lie within a step (`dt_ms=`) or "
            "a channel (`group=`), or labels may be wrong",
        )

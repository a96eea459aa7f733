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
from nmtool.training.loop.selection import best_epoch, candidates, standard_error
from nmtool.training.options import TrainOptions

MIN_EPOCHS = 5
"""Smallest number of epochs after which advice is given."""

FITTED = 0.95
"""Training accuracy from which on the training samples count as learnt."""

LARGE_RATE = 0.5
"""Learning rates are large from this share of their maximum on. At rates near 0, no loss falls, so
that the loss is also judged at the last epoch with large rates."""

Log = Sequence[Mapping[str, Any]]


def advice(
    options: TrainOptions,
    log: Log,
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
    best = best_epoch(log, options.judge_epochs)
    validation = best["validation_accuracy"]
    noise = 0.0 if validation is None else 2 * standard_error(validation, n_validation)
    yield from _fit_findings(options, log, best, noise)
    if validation is not None and n_validation is not None and options.judge_epochs == 1:
        last = [entry["validation_accuracy"] for entry in candidates(log)[-5:]]
        spread = validation - min(last)
        # Below two points, it does not matter which epoch is chosen.
        if 0.02 <= spread <= noise:
            yield Finding(
                "best-epoch-by-chance",
                "judge_epochs",
                f"the choice of epoch {best['epoch']} as the best is mostly chance: validation "
                f"accuracies of the last {len(last)} epochs are at most {100 * spread:.1f} points "
                f"lower, and two standard errors on {n_validation:,} samples are "
                f"{100 * noise:.1f} points",
                "try `judge_epochs=5`, more validation samples (`validation=`), or "
                "cross-validation (`folds=5`)",
            )
    yield from _time_findings(options, network)
    yield from _activity_findings(options, log[-1], network)
    yield from _class_finding(network, best, n_validation)


def rates_rise(options: TrainOptions, before: TrainOptions, n_done: int) -> Iterator[Finding]:
    """A finding if learning rates rise again because a run is resumed with more epochs.

    Args:
        options: settings with the new number of epochs.
        before: settings with the previous number of epochs.
        n_done: number of finished epochs.
    """
    now, then = (s.rate_factor(s.epochs)(n_done) for s in (options, before))
    if now > then + 0.05:
        yield Finding(
            "learning-rates-rise",
            "epochs",
            f"with {options.epochs} epochs instead of {before.epochs}, learning rates jump from "
            f"{then:.0%} to {now:.0%} of their maximum: accuracy may fall before it rises",
            f"for the result of a run of {options.epochs} epochs, start a new run; to improve "
            "this one, fine-tune it (`start=`) with a small `lr=`",
        )


def _fit_findings(
    options: TrainOptions, log: Log, best: Mapping[str, Any], noise: float
) -> Iterator[Finding]:
    """Findings on overfitting, underfitting, and training that ended while the loss still fell."""
    train, validation = best["train_accuracy"], best["validation_accuracy"]
    fall = _fall_of_loss(options, log)
    if validation is not None and train - validation > max(0.1, noise):
        yield Finding(
            "training-overfits",
            "training",
            f"training accuracy is {train:.1%}, but validation accuracy is {validation:.1%}",
            f"try more augmentation, e.g. {_augmentation(options)}; or fewer neurons "
            "(`hidden=`), or more samples",
        )
    elif train < FITTED and not fall:
        yield Finding(
            "training-underfits",
            "training",
            f"the loss no longer falls, at a training accuracy of {train:.1%}",
            f"try other learning rates, e.g. `lr={options.lr / 3:.2g}` and "
            f"`delay_lr={options.delay_lr / 3:.2g}`, or let a search choose them "
            "(`search=30min`); or try more neurons (`hidden=`)",
        )
    is_late = best["epoch"] > len(log) - max(1, len(log) // 5)
    if validation is not None:
        is_late |= validation - log[-1]["validation_accuracy"] <= noise
    if fall and train < FITTED and is_late:
        yield Finding(
            "still-learning",
            "epochs",
            f"the loss was still falling, {fall}, at a training accuracy of {train:.1%}",
            f"try a new run with `epochs={2 * options.epochs}`",
        )


def _fall_of_loss(options: TrainOptions, log: Log) -> str:
    """Describe the fall of the loss at the end, or before the last epoch with large rates.

    The loss falls if its mean over a fifth of the epochs is lower by 5 % than over the previous
    fifth. '' if it hardly fell.
    """
    fifth, factor = max(1, len(log) // 5), options.rate_factor(options.epochs)
    large = [epoch for epoch in range(1, len(log) + 1) if factor(epoch - 1) >= LARGE_RATE]
    for end in (len(log), max(large, default=len(log))):
        losses = [entry["loss"] for entry in log[end - 2 * fifth : end]]
        before, last = float(np.mean(losses[:-fifth])), float(np.mean(losses[-fifth:]))
        if last < 0.95 * before:
            return f"from {before:.3g} to {last:.3g} over the {2 * fifth} epochs up to epoch {end}"
    return ""


def _augmentation(options: TrainOptions) -> str:
    """Suggested settings: augmentation that the run did not use, or stronger augmentation."""
    first = {"stretch": 0.2, "onset_ms": 10 * options.dt_ms, "drop": 0.2}
    try_next = {name: value for name, value in first.items() if not getattr(options, name)}
    if not try_next:
        doubled = {name: 2 * getattr(options, name) for name in first}
        try_next = {
            name: value for name, value in doubled.items() if name == "onset_ms" or value <= 0.8
        }
    return " or ".join(f"`{name}={value:g}`" for name, value in try_next.items())


def _time_findings(options: TrainOptions, network: Network) -> Iterator[Finding]:
    """Findings on samples longer than delays and time constants, and on delays at the limit."""
    length, limit = options.n_steps * options.dt_ms, options.longest_delay
    constants = [float(np.max(population.tau_mem_ms)) for population in network.populations]
    longest, reach = max(constants, default=0.0), limit * options.dt_ms
    if length > 10 * (longest + reach):
        yield Finding(
            "memory-short",
            "tau_mem_ms",
            f"samples last {length:,.0f} ms, but delays reach at most {reach:g} ms, and the "
            f"longest membrane time constant is {longest:g} ms",
            "if the order of early and late events matters, try a longer `dt_ms=`, with which "
            f"delays last longer, or `tau_out_ms={length / 10:.2g}`",
        )
    for projection in network.projections if options.train_delays and limit else ():
        share = float(np.mean(np.asarray(projection.delay) >= limit))
        # Of uniform delays, some 2 % are at the limit.
        if share > 0.05:
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
    options: TrainOptions, entry: Mapping[str, Any], network: Network
) -> Iterator[Finding]:
    """Findings on silent neurons, and on populations that spike very often."""
    neurons = sum(population.size for population in network.populations if population.kind == LIF)
    if entry["silent_neurons"] > 0.2 * neurons:
        yield Finding(
            "neurons-silent",
            "rescue",
            f"{entry['silent_neurons']} of {neurons} neurons did not spike in the last epoch",
            f"try `rescue={5 * (options.rescue or 0.002):g}`, or a smaller `lr=`",
        )
    for name, rate in entry["spikes_per_neuron"].items():
        if rate > 0.1 * options.n_steps:
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
    # Fewer than five mistakes may be due to chance.
    if share >= 0.25 and (n_validation is None or share * n_validation / len(names) >= 5):
        label, answer = names[int(confused["label"])], names[int(confused["answer"])]
        yield Finding(
            "classes-confused",
            label,
            f"{share:.0%} of the validation samples of class '{label}' are classified as "
            f"'{answer}'",
            "look at samples of both: the difference may be lost within a step (`dt_ms=`) or a "
            "channel (`group=`), or labels may be wrong",
        )

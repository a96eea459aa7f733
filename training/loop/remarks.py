"""Remarks before training: on data, time grid, splits, delays and settings without effect.

A remark is a `Finding` and does not stop training. Data with nothing to learn from raise an error.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nmtool.data import Dataset, SpikeEvents
from nmtool.data.binning import count_dropped
from nmtool.data.catalogue import is_name
from nmtool.data.grid import (
    END_PERCENTILE,
    TIME_UNIT_FIX,
    last_spike_ms,
    lost_share,
    most_in_bin,
    propose_grid,
    usual_end_ms,
)
from nmtool.data.remarks import channel_findings, class_findings, labels_of, time_findings
from nmtool.data.samples import mostly_dropped
from nmtool.dynamics import HOP_LATENCY
from nmtool.errors import DataError, Finding
from nmtool.network.graph import MAX_SPIKES, count_inputs
from nmtool.tables import counted
from nmtool.targets import target_named
from nmtool.training.loop.run_data import has_same_split, is_data_of
from nmtool.training.options import Beginning, TrainOptions

if TYPE_CHECKING:
    from nmtool.training.front.model import SpikingNetwork
    from nmtool.training.loop.run_folder import RunFolder

BEGINNINGS = tuple(option.name for option in fields(Beginning))
"""Settings that only affect new networks."""

INTEGER_SETTINGS = ("weight_bits", "delay_bits", "delay_stride")
"""Settings that only affect training in integers."""

MIN_STEPS_COVERED = 5
"""There is a remark if samples end within fewer steps."""

_MIN_CHANCE = math.log(1e-3)
"""Logarithm of the probability below which the order of a file's samples is no coincidence."""


def check_events_in_time(dataset: Dataset, options: TrainOptions) -> None:
    """Raise `DataError` if less than half of the training events are before the last step."""
    events = dataset.train
    if events.n_samples and not events.n_events:
        raise DataError(
            f"none of the {events.n_samples:,} training samples has an event",
            code="events-missing",
            fix="inspect the data: nmtool data",
        )
    if mostly_dropped(events, options.dt_ms, options.n_steps):
        late = count_dropped(events, options.dt_ms, options.n_steps)
        median_if_ms = np.median(last_spike_ms(events)) / 1000.0
        covered = options.dt_ms * options.n_steps
        why = "little is left to learn from"
        if MIN_STEPS_COVERED * options.dt_ms <= median_if_ms <= 2 * covered:
            why += (
                f"; if the file's times are in ms, the median sample ends at {median_if_ms:,.4g} ms"
            )
        raise DataError(
            f"{late:,} of the {events.n_events:,} events of the training samples lie after the "
            f"last step (dt × steps = {covered:g} ms)",
            code="events-mostly-dropped",
            why=why,
            fix="`steps=auto` covers them"
            + ("" if is_name(dataset.name) else f"; {TIME_UNIT_FIX}"),
        )


def remarks(dataset: Dataset, options: TrainOptions, *, is_new: bool = True) -> Iterator[Finding]:
    """Findings on data and settings that may be unintended.

    Args:
        dataset: the data, with the validation split in use.
        options: options of the run, with a number of steps.
        is_new: True for a new network; False for fine-tuning, which `start_remarks` checks, too.
    """
    yield from time_findings(dataset.train)
    yield from _time_step_findings(dataset.train, options)
    yield from channel_findings(dataset.train, options.group)
    yield from _delay_findings(options)
    for finding in _settings_without_effect(options, dataset):
        if is_new or finding.where not in BEGINNINGS:
            yield finding
    if is_new:
        yield from _delays_beyond_sample(options)
    yield from class_findings(dataset)
    rule = dataset.validation_rule
    if rule is not None and rule.is_last and dataset.validation is not None:
        yield from _missing_classes(dataset.train.label, dataset.validation.label)


def _settings_without_effect(options: TrainOptions, dataset: Dataset) -> Iterator[Finding]:
    """Changed settings that have no effect, because of other settings or because of the data."""
    usual = TrainOptions()
    has_own_split = dataset.validation is not None and dataset.validation_rule is None
    in_floats = "this run trains in floats"
    quantise = "`arithmetic=integer` trains with it; nmtool quantise has a setting of its own"
    for is_unused, names, why, fix in (
        (options.arithmetic == "float", INTEGER_SETTINGS, in_floats, quantise),
        (
            not options.recurrent,
            ("init_recurrent", "init_delay_recurrent"),
            "there are no recurrent synapses",
            "leave it out, or `recurrent=True`",
        ),
        (
            not options.train_delays,
            ("delay_lr",),
            "delays are not learnt",
            "leave it out, or `train_delays=True`",
        ),
        (
            len(options.hidden_layers) < 2,
            ("init_hidden", "init_delay_hidden"),
            "there are no synapses between hidden layers",
            "leave it out, or use two layers: `hidden=128,64`",
        ),
        (
            options.rate_strength == 0,
            ("rate",),
            "rate_strength is 0",
            "leave it out, or choose a `rate_strength=` above 0",
        ),
        (
            has_own_split,
            ("validation", "validation_by"),
            "the data have a validation split of their own",
            "leave it out",
        ),
        (
            not has_own_split and str(options.validation) == "0",
            ("validation_by",),
            "there is no validation split",
            "leave it out, or choose a number of validation samples: `validation=`",
        ),
    ):
        for name in names:
            if is_unused and getattr(options, name) != getattr(usual, name):
                what = f"{name} has no effect: {why}"
                yield Finding("setting-without-effect", name, what, fix)


def start_line(dataset: Dataset, options: TrainOptions, model: SpikingNetwork) -> str:
    """Samples, time grid and network size of a run, as one line.

    Args:
        dataset: the data, with the validation split in use.
        options: options of the run, with a number of steps.
        model: the network to train.
    """
    parts = [f"trains on {counted(dataset.train.n_samples, 'sample')}"]
    validation, rule = dataset.validation, dataset.validation_rule
    if validation is None:
        parts.append("validates on none")
    else:
        manner = "" if rule is None else f" ({rule.manner})"
        parts.append(f"validates on {validation.n_samples:,}{manner}")
    if "test" not in dataset.splits:
        parts.append("tests on none")
    else:
        labels = labels_of(dataset, "test")
        parts.append("tests on " + (f"{labels.size:,}" if labels is not None else "its test split"))
    units = dataset.train.n_units
    n_inputs = count_inputs(units, options.group)
    grouped = f" of {units:,} channels" if options.group > 1 else ""
    most = options.most_of_input
    counts = f" with up to {most} spikes per step" if most > 1 else ""
    n_parameters = sum(parameter.numel() for parameter in model.parameters())
    return (
        f"{', '.join(parts)}; {counted(options.n_steps, 'step')} of {options.dt_ms:g} ms; "
        f"{counted(n_inputs, 'input')}{grouped}{counts}; {counted(n_parameters, 'parameter')}"
    )


def start_remarks(start: RunFolder, options: TrainOptions, dataset: Dataset) -> Iterator[Finding]:
    """Findings on a run with these settings and data that starts from another one.

    They concern clipped delays, another reset without validation samples, validation samples that
    the other run may have been trained on, and settings that only affect new networks.

    Raises:
        FileFormatError: the checkpoint of the other run is damaged.
    """
    from nmtool.training.loop.checkpoint import longer_delays

    before = start.finetune_options({})
    for name in BEGINNINGS:
        if getattr(options, name) != getattr(before, name):
            what = f"{name} has no effect: fine-tuning keeps the network of {start.path}"
            yield Finding(
                "setting-without-effect", name, what, "leave it out, or train a new network"
            )
    validates = dataset.validation is not None
    if validates and is_data_of(start, dataset) and not has_same_split(start, dataset):
        yield Finding(
            "validation-was-learnt",
            "validation",
            f"the run in {start.path} may have been trained on some validation samples, since its "
            "validation split differs: validation accuracies may be too high",
            "keep the validation settings of that run, and its column of groups",
        )
    if options.reset != before.reset and not validates:
        yield Finding(
            "reset-cost-unknown",
            "validation",
            f"without validation samples, the cost of the reset {options.reset} instead of "
            f"{before.reset} stays unknown",
            "choose a number of validation samples: `validation=`",
        )
    n_longer, n_delays = longer_delays(start.checkpoint_file, options.max_delay)
    if n_longer:
        target = target_named(options.target)
        is_full = options.arithmetic == "integer" and options.max_delay >= target.max_delay
        yield Finding(
            "delays-cut",
            "start",
            f"{n_longer:,} of {n_delays:,} delays are longer than {options.max_delay} steps "
            "(max_delay) and are clipped",
            f"{target.name} allows no longer delays; to keep them, use relays: "
            f"nmtool quantise {start.path} --relays"
            if is_full
            else "a larger `max_delay=` keeps them",
        )


def _time_step_findings(events: SpikeEvents, options: TrainOptions) -> Iterator[Finding]:
    """Findings on time steps that are too few, too long or too many, or lose spikes."""
    late = count_dropped(events, options.dt_ms, options.n_steps)
    if late:
        yield Finding(
            "events-dropped",
            "steps",
            f"{late:,} of the {events.n_events:,} events of an epoch are after the last step (dt "
            f"× steps = {options.dt_ms * options.n_steps:g} ms) and are dropped",
            "more steps (`steps=`) keep them",
        )
    for name in ("tau_mem_ms", "tau_syn_ms", "tau_out_ms"):
        constant = getattr(options, name)
        if constant is not None and options.dt_ms > constant:
            yield Finding(
                "dt-above-time-constant",
                "dt",
                f"a step of {options.dt_ms:g} ms is longer than {name} = {constant:g}",
                f"if the time constant was given in s, use `{name}={1000 * constant:g}`"
                if constant < 0.5 and options.dt_ms <= 1000 * constant
                else f"states decay within a step; use `dt_ms={constant / 5:g}` or shorter, or a "
                "longer time constant",
            )
    last = last_spike_ms(events)
    if not last.size:
        return
    reach = usual_end_ms(last)
    if reach < MIN_STEPS_COVERED * options.dt_ms:
        yield Finding(
            "events-in-few-steps",
            "dt",
            f"{END_PERCENTILE:g} % of the samples end within {reach:.4g} ms, less than "
            f"{MIN_STEPS_COVERED} steps of {options.dt_ms:g} ms",
            "a shorter `dt_ms=` separates the events; times of SpikeEvents are in ms, not in "
            "seconds",
        )
    if options.n_steps > 5000:
        yield Finding(
            "steps-many",
            "steps",
            f"{options.n_steps:,} steps of {options.dt_ms:g} ms take long to train, and "
            f"{END_PERCENTILE:g} % of the samples end within {reach / 1000:,.4g} s",
            f"if they end earlier in reality, {TIME_UNIT_FIX}; else choose a longer `dt_ms=`",
        )
    room = options.longest_delay * options.dt_ms + options.tau_mem_ms
    if options.dt_ms * options.n_steps > 3 * (reach + room):
        yield Finding(
            "steps-beyond-data",
            "steps",
            f"{options.n_steps:,} steps of {options.dt_ms:g} ms last "
            f"{options.dt_ms * options.n_steps:g} ms, and {END_PERCENTILE:g} % of the samples end "
            f"within {reach:.4g} ms",
            "`steps=auto` ends soon after the samples and trains faster",
        )
    yield from _lost_spikes(events, options)


def _lost_spikes(events: SpikeEvents, options: TrainOptions) -> Iterator[Finding]:
    """Findings on spikes that exceed what an input carries in a step."""
    grid, most = (options.dt_ms, options.n_steps, options.group), options.most_of_input
    lost = lost_share(events, *grid, most)
    if events.has_counts and lost:
        needed = most_in_bin(events, *grid)
        yield Finding(
            "counts-lost",
            "input_counts",
            f"{lost:.2%} of the spikes are lost, since an input carries at most {most} per step "
            "(most_spikes of the network's channels)",
            f"`input_counts={needed}` keeps them"
            if needed < MAX_SPIKES
            else f"`input_counts={MAX_SPIKES}`, a shorter `dt_ms=` or a smaller `group=` keeps "
            "more of them; larger counts have to be scaled in the data",
        )
    elif lost > 0.3:
        better = propose_grid(events, options.group) if options.group == 1 else None
        others = "another event, and count once" if most == 1 else f"{most} others, and are lost"
        yield Finding(
            "events-merged",
            "dt",
            f"{lost:.0%} of the events share a step and a channel with {others}",
            f"`dt_ms={better.dt_ms:g}` merges {better.merged:.0%} of them"
            if better is not None and better.dt_ms < options.dt_ms
            else "a shorter `dt_ms=` or a smaller `group=` keeps them apart; a larger "
            "`input_counts=` counts them",
        )


def _delay_findings(options: TrainOptions) -> Iterator[Finding]:
    """Warn if trained delays may exceed the target's limit or, in integers, the grid of delays."""
    if options.arithmetic == "float":
        most = target_named(options.target).max_delay
        if options.max_delay > most:
            yield Finding(
                "delays-beyond-target",
                "max_delay",
                f"delays of up to {options.max_delay} steps are trained, but {options.target} "
                + (f"allows at most {most} steps" if most else "has no delays"),
                f"use `max_delay={most}` for this target",
            )
        return
    grid = options.delay_grid
    if options.max_delay - grid.longest >= grid.stride:
        yield Finding(
            "delay-grid-short",
            "delays",
            f"max_delay is {options.max_delay}, but delays of {grid.bits} bits in strides of "
            f"{grid.stride} steps are clipped to {grid.longest} steps",
            "use more `delay_bits=` or a larger `delay_stride=`",
        )


def _delays_beyond_sample(options: TrainOptions) -> Iterator[Finding]:
    """Warn if many initial input delays are so long that no spike arrives within a sample."""
    longest = options.longest_initial("input")
    too_late = longest + 1 - max(0, options.n_steps - HOP_LATENCY)
    if too_late > 0.1 * (longest + 1):
        yield Finding(
            "delays-beyond-sample",
            "init_delay_input",
            f"initial input delays are uniform in 0 … {longest} steps, but samples have only "
            f"{options.n_steps} steps: no spike arrives in time at "
            f"{too_late / (longest + 1):.0%} of the synapses",
            f"use `init_delay_input={options.n_steps // 2}`, or a shorter `dt_ms=` with more "
            "`steps=`",
        )


def _missing_classes(
    train: NDArray[np.integer], validation: NDArray[np.integer]
) -> Iterator[Finding]:
    """Warn if validation or training samples lack classes, as in a file that is sorted by class.

    The probability that a random part has only k of n classes is at most the number of ways to
    choose k classes, times the probability that all samples of the part have these classes.
    """
    whole = np.concatenate([train, validation])
    n_classes = np.unique(whole).size
    for part, name in (
        (validation, f"the validation split, the last {validation.size} samples of the file"),
        (train, f"the training samples, all but the last {validation.size} of the file"),
    ):
        classes = np.unique(part)
        ways, share = math.comb(n_classes, classes.size), np.isin(whole, classes).mean()
        if part.size and share < 1 and math.log(ways) + part.size * math.log(share) < _MIN_CHANCE:
            yield Finding(
                "split-unshuffled",
                "validation",
                f"only {classes.size} of the {n_classes} classes occur in {name}",
                f"draw the split per class, `validation={validation.size}`, or shuffle the file",
            )
            return

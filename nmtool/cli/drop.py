"""What quantisation costs, on samples that training has not learnt from, as far as is known."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np

from nmtool.cli import console
from nmtool.cli.evaluate import record
from nmtool.cli.loading import bin_for, read_split
from nmtool.data import Dataset, SpikeEvents
from nmtool.errors import NetworkError
from nmtool.integer_network import IntegerNetwork
from nmtool.network import Network

LAST = 300
"""Training samples that are compared on, from the end, where nothing says what was held out."""


def measure_drop(
    network: Network, integers: IntegerNetwork, dataset: Dataset, held_out: int | None
) -> dict[str, Any] | None:
    """Accuracy of both, and how often they agree; None where the float one cannot run here.

    Args:
        network: float.
        integers: made of it.
        dataset: with training samples.
        held_out: how many of them, the last ones, the network did not learn from, if that is
            known.

    Returns:
        `compared_on` str, `samples` int; `float_accuracy`, `integer_accuracy` and `agreement`
        float, 0 … 1.
    """
    if importlib.util.find_spec("torch") is None:
        console.say("accuracies are not compared: the float network runs on torch (nmtool[train])")
        return None
    events, which = _compared_on(dataset, held_out)
    samples = bin_for(network, events)
    try:
        before = record(network, samples)
    except NetworkError as error:
        reason = f"{error.what}, since {error.why}" if error.why else error.what
        console.say(f"accuracies are not compared: the float network does not run here: {reason}")
        return None
    after = record(integers, samples)
    return {
        "compared_on": which,
        "samples": samples.raster.n_samples,
        "float_accuracy": before.accuracy(samples.label),
        "integer_accuracy": after.accuracy(samples.label),
        "agreement": float((before.predictions == after.predictions).mean()),
    }


def _compared_on(dataset: Dataset, held_out: int | None) -> tuple[SpikeEvents, str]:
    """The samples, and which they are."""
    if "validation" in dataset.splits:
        events = read_split(dataset, "validation")
        return events, f"{events.n_samples} samples of the validation split"
    events = read_split(dataset, "train")
    if held_out is not None and held_out < events.n_samples:
        return _last(events, held_out), f"{held_out} samples held out of training"
    events = _last(events, LAST)
    return events, f"the last {events.n_samples} training samples"


def _last(events: SpikeEvents, count: int) -> SpikeEvents:
    return events.take(np.arange(max(0, events.n_samples - count), events.n_samples))

"""What quantisation costs, on samples that neither training nor the test has seen."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np

from nmtool.cli import console
from nmtool.cli.evaluate import record
from nmtool.cli.loading import bin_for, read_split
from nmtool.data import Dataset, SpikeEvents
from nmtool.integer_network import IntegerNetwork
from nmtool.network import Network

HELD_OUT = 300
"""Training samples that `nmtool train` validates on, by default, from the end."""


def measure_drop(
    network: Network, integers: IntegerNetwork, dataset: Dataset
) -> dict[str, Any] | None:
    """Accuracy of both, and how often they agree; None without torch, which runs the float one.

    Returns:
        `samples` int; `float_accuracy`, `integer_accuracy` and `agreement` float, 0 … 1.
    """
    if importlib.util.find_spec("torch") is None:
        console.say("accuracies are not compared: the float network runs on torch (nmtool[train])")
        return None
    samples = bin_for(network, _held_out(dataset))
    before, after = record(network, samples), record(integers, samples)
    return {
        "samples": samples.raster.n_samples,
        "float_accuracy": before.accuracy(samples.label),
        "integer_accuracy": after.accuracy(samples.label),
        "agreement": float((before.predictions == after.predictions).mean()),
    }


def _held_out(dataset: Dataset) -> SpikeEvents:
    if "validation" in dataset.splits:
        return read_split(dataset, "validation")
    events = read_split(dataset, "train")
    return events.take(np.arange(max(0, events.n_samples - HELD_OUT), events.n_samples))

"""What quantisation costs, on samples that training has not learnt from, as far as is known."""

from __future__ import annotations

import importlib.util
from typing import Any

from nmtool.cli import console
from nmtool.cli.evaluate import record
from nmtool.cli.loading import bin_for, read_split
from nmtool.data import Dataset
from nmtool.errors import NetworkError
from nmtool.integer_network import IntegerNetwork
from nmtool.network import Network

LAST = 300
"""Training samples that are compared on, from the end, where nothing says what was held out."""


def keep_apart(dataset: Dataset, held_out: int | None) -> tuple[Dataset, str]:
    """The data with a validation split to compare on, which calibration never sees.

    Without one of its own these are the last training samples: those held out, or at most half.

    Args:
        dataset: with training samples.
        held_out: how many of them, the last ones, the network did not learn from, if that is
            known.

    Returns:
        The data, and what to call that split.
    """
    if "validation" in dataset.splits:
        return dataset, "samples of the validation split"
    events = read_split(dataset, "train")
    known = held_out is not None and held_out < events.n_samples
    count = held_out if known else min(LAST, events.n_samples // 2)
    name = "samples held out of training" if known else "training samples, the last ones"
    return Dataset(
        dataset.name, ("train",), {"train": events}.__getitem__, tail=count or None
    ), name


def measure_drop(
    network: Network, integers: IntegerNetwork, dataset: Dataset, compared_on: str
) -> dict[str, Any] | None:
    """Accuracy of both, and how often they agree; None where the float one cannot run here.

    Args:
        network: float.
        integers: made of it.
        dataset, compared_on: from `keep_apart`.

    Returns:
        `compared_on` str, `samples` int; `float_accuracy`, `integer_accuracy` and `agreement`
        float, 0 … 1; `u_wraps` and `v_clips` int, overflows of the integers.
    """
    if "validation" not in dataset.splits:
        console.say("accuracies are not compared: a single sample calibrates, and none is left")
        return None
    if importlib.util.find_spec("torch") is None:
        console.say("accuracies are not compared: the float network runs on torch (nmtool[train])")
        return None
    samples = bin_for(network, read_split(dataset, "validation"))
    try:
        before = record(network, samples)
    except NetworkError as error:
        reason = f"{error.what}, since {error.why}" if error.why else error.what
        console.say(f"accuracies are not compared: the float network does not run here: {reason}")
        return None
    after = record(integers, samples)
    return {
        "compared_on": f"{samples.raster.n_samples} {compared_on}",
        "samples": samples.raster.n_samples,
        "float_accuracy": before.accuracy(samples.label),
        "integer_accuracy": after.accuracy(samples.label),
        "agreement": float((before.predictions == after.predictions).mean()),
        "u_wraps": after.counts["u_wraps"],
        "v_clips": after.counts["v_clips"],
    }

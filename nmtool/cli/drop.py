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


def measure_drop(
    network: Network, integers: IntegerNetwork, dataset: Dataset, compared_on: str
) -> dict[str, Any] | None:
    """Accuracy of both, and how often they agree; None where the float one cannot run here.

    Args:
        network: float.
        integers: made of it.
        dataset, compared_on: from `nmtool.cli.held_out.keep_apart`.

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

"""The recommended way to integers: a grid of delays, ranges of weights, calibration, rounding."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from nmtool.errors import UsageError
from nmtool.network import Network
from nmtool.progress import Progress, silent
from nmtool.quantisation.calibration import calibrate, settle
from nmtool.quantisation.conversion import DATA, SCALES, STATIC, round_network
from nmtool.quantisation.delays import DelayGrid
from nmtool.quantisation.report import Quantisation
from nmtool.quantisation.weights import search_ranges, weight_ranges
from nmtool.raster import Raster
from nmtool.targets import LOIHI2, Target

LARGEST, ERROR, SEARCH = RANGES = ("largest", "error", "search")
"""Ranges of integer weights: up to the largest, or with the least error of weights or answers."""


def quantise_network(
    network: Network,
    spikes: Raster | None = None,
    *,
    weight_bits: int = 8,
    delay_bits: int = 6,
    ranges: str = ERROR,
    scale: str = STATIC,
    target: Target = LOIHI2,
    float_scores: Callable[[Raster], NDArray[np.float64]] | None = None,
    progress: Progress = silent,
) -> Quantisation:
    """Round a network with the head-room that samples show, and the ranges that suit it.

    Args:
        network: what training learnt.
        spikes: input of samples that stand for what the network will hear; without them,
            membranes of outputs get room for every possible input.
        weight_bits, delay_bits: of every projection, those that the target has.
        ranges: one of `RANGES`; `search` needs samples and `float_scores`.
        scale: `static` or `data`, see `round_network`; `data` needs samples.
        target: what its integers are for.
        float_scores: from input to [samples, classes] float64, the float network's scores.
        progress: is shown what is being done.

    Raises:
        UsageError: bits that the target does not have, unknown ranges or scale, or no samples
            where they need them.
    """
    check_choices(ranges, scale, has_data=spikes is not None)
    delays = DelayGrid.spanning(delay_bits, network.max_delay, target=target)
    to_integers = partial(round_network, weight_bits=weight_bits, delays=delays, target=target)
    reach = None if ranges == LARGEST else weight_ranges(network, weight_bits, target)
    if spikes is None:
        return to_integers(network, ranges=reach)
    with progress(f"calibrating on {spikes.n_samples} training samples"):
        seen = calibrate(network, spikes, to_integers=partial(to_integers, ranges=reach))
    if reach is not None and ranges == SEARCH:
        assert float_scores is not None
        scores = float_scores(spikes)
        with progress("searching ranges") as advance:
            reach = search_ranges(
                reach,
                lambda tried: to_integers(network, ranges=tried, calibration=seen).network,
                spikes,
                scores,
                on_try=lambda least: advance(spikes.n_samples, f"least error {least:.4f}"),
            )
        seen = settle(network, spikes, seen, to_integers=partial(to_integers, ranges=reach))
    return to_integers(network, ranges=reach, calibration=seen, scale=scale)


def check_choices(ranges: str, scale: str, *, has_data: bool) -> None:
    """Raise `UsageError` for unknown ranges or scale, and where they need data that are missing."""
    for name, value, known in (("ranges", ranges, RANGES), ("scale", scale, SCALES)):
        if value not in known:
            raise UsageError(
                f"unknown {name} '{value}'",
                code="quantise-option-unknown",
                fix=f"use one of {', '.join(known)}",
            )
    for name, value, needs in (("scale", scale, DATA), ("ranges", ranges, SEARCH)):
        if value == needs and not has_data:
            raise UsageError(
                f"{name} '{value}' needs calibration data",
                code="calibration-data-missing",
                fix="name them: --data DATA, or calibrate_on=data.train",
            )

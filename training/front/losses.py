"""Losses on output membranes and on first spikes; each is the mean over the batch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from nmtool.graph import LIF
from nmtool.network import Network
from nmtool.readout import FIRST_SPIKE, Readout, time_weights
from nmtool.recording import Recording
from nmtool.training.engines.spike_trains import SpikeTrains
from nmtool.training.front.model import Activity
from nmtool.training.options import TrainOptions

Loss = Callable[[Activity, Tensor], Tensor]
"""From a batch's activity and its labels [samples] int64 to a scalar."""


def membrane_scores(membrane: Tensor, readout: Readout) -> Tensor:
    """[samples, classes] scores, the differentiable twin of `nmtool.readout.membrane_scores`.

    Args:
        membrane: [samples, T, classes] float.
        readout: by one of `nmtool.readout.MEMBRANE_RULES`.
    """
    if readout.rule == "max":
        return membrane.amax(dim=1)
    weights = torch.from_numpy(time_weights(readout, membrane.shape[1])).to(membrane)
    return weights @ membrane


def first_spike_ms(spikes: SpikeTrains, dt_ms: float) -> Tensor:
    """[samples, neurons] float: time of the first spike in ms; T·dt for silence."""
    return spikes.first_ms(silence_ms=spikes.n_steps * dt_ms)


def cross_entropy(scores: Tensor, labels: Tensor, gain: float) -> Tensor:
    """Cross-entropy of softmax(gain·scores)."""
    return functional.cross_entropy(gain * scores, labels)


def margin(first_ms: Tensor, labels: Tensor, margin_ms: float) -> Tensor:
    """½ Σ_{i≠c} max(0, Δ − (t_i − t_c))², the mean over samples, in ms².

    Classes that lag behind the right one by the margin Δ or more are left alone.
    """
    lag = first_ms - first_ms.gather(1, labels[:, None])
    wrong = torch.ones_like(lag).scatter(1, labels[:, None], 0.0)
    missing = (margin_ms - lag).clamp(min=0.0)
    return 0.5 * (wrong * missing**2).sum() / len(labels)


def readout_loss(network: Network, gain: float, margin_ms: float | None = None) -> Loss:
    """The loss that belongs to a network's readout.

    Args:
        network: its readout decides between membranes and first spikes.
        gain: scores are multiplied by it before the softmax; first spikes score −t in ms.
        margin_ms: for first spikes, the squared margin loss instead of cross-entropy.
    """
    readout = network.readout
    name = readout.population

    def on_first_spikes(activity: Activity, labels: Tensor) -> Tensor:
        first_ms = first_spike_ms(activity.spikes[name], network.dt_ms)
        if margin_ms is not None:
            return margin(first_ms, labels, margin_ms)
        return cross_entropy(-first_ms, labels, gain)

    def on_membranes(activity: Activity, labels: Tensor) -> Tensor:
        return cross_entropy(membrane_scores(activity.membrane[name], readout), labels, gain)

    return on_first_spikes if readout.rule == FIRST_SPIKE else on_membranes


def predictions(activity: Activity, network: Network) -> Tensor:
    """[samples] int64: classes by the network's readout."""
    name = network.readout.population
    if network.readout.rule == FIRST_SPIKE:
        return first_spike_ms(activity.spikes[name], network.dt_ms).argmin(dim=1)
    return membrane_scores(activity.membrane[name], network.readout).argmax(dim=1)


def recorded_loss(
    options: TrainOptions, network: Network, recording: Recording, label: NDArray[np.integer]
) -> float:
    """The loss of a recording, by the settings that the network was trained with.

    Args:
        options: the settings.
        network: the float network that was recorded.
        recording: of it.
        label: [samples] int64, of what was recorded.
    """
    scores, labels = torch.from_numpy(recording.scores), torch.from_numpy(label)
    if network.readout.kind == LIF:
        first_ms = -scores * network.dt_ms
        if options.margin_ms is not None:
            return margin(first_ms, labels, options.margin_ms).item()
        scores = -first_ms
    return cross_entropy(scores, labels, options.gain).item()

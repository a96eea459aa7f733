"""Losses on output membranes and on first spikes; each is the mean over the batch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from nmtool.arguments import NUMBER
from nmtool.errors import UsageError, check_type
from nmtool.network.float_network import Network
from nmtool.network.graph import LIF
from nmtool.network.readout import FIRST_SPIKE, Readout, time_weights
from nmtool.raster import Raster
from nmtool.training.engines.spike_trains import SpikeTrains
from nmtool.training.front.model import Activity
from nmtool.training.options import TrainOptions

Loss = Callable[[Activity, Tensor], Tensor]
"""From a batch's activity and its targets to a scalar.

Targets are labels, [samples] int64, or class probabilities, [samples, classes] float.
"""


def membrane_scores(membrane: Tensor, readout: Readout) -> Tensor:
    """[samples, classes] scores, the differentiable twin of those in `nmtool.network.readout`.

    Args:
        membrane: [samples, T, classes] float.
        readout: by one of `nmtool.network.readout.MEMBRANE_RULES`.
    """
    if readout.rule == "max":
        return membrane.amax(dim=1)
    weights = torch.from_numpy(time_weights(readout, membrane.shape[1])).to(membrane)
    return weights @ membrane


def first_spike_ms(spikes: SpikeTrains, dt_ms: float) -> Tensor:
    """Time of every neuron's first spike in ms, differentiable; T·dt for silence.

    It is what read-outs by first spikes are trained on, and serves hidden populations as well: a
    penalty on late spikes is `first_spike_ms(activity.spikes["hidden"], dt_ms).mean()`.

    >>> from nmtool import Network, SpikingNetwork
    >>> model = SpikingNetwork(Network.layers([20, 10, 3]))
    >>> activity = model(Raster.from_dense(np.ones((4, 100, 20))))
    >>> first_spike_ms(activity.spikes["hidden"], dt_ms=1.0).shape
    torch.Size([4, 10])

    Args:
        spikes: of a population, from a forward pass.
        dt_ms: length of a step in ms.

    Returns:
        [samples, neurons] float. A neuron that is silent has no gradient.
    """
    check_type(spikes, SpikeTrains, "spikes", 'pass activity.spikes["hidden"]')
    return spikes.first_ms(silence_ms=spikes.n_steps * dt_ms)


def cross_entropy(scores: Tensor, targets: Tensor, gain: float) -> Tensor:
    """Cross-entropy of softmax(gain·scores) with labels or class probabilities.

    It is linear in the probabilities: those of labels (1 and 0) and those of a teacher, mixed in
    some share, have the losses of both in that share.
    """
    if targets.is_floating_point():
        targets = targets.to(scores)
    return functional.cross_entropy(gain * scores, targets)


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

    It is called with a batch's activity and its labels, [samples] int64, or with class
    probabilities in their place, [samples, classes] float.

    >>> from nmtool import Network, SpikingNetwork
    >>> network = Network.layers([20, 10, 3])
    >>> activity = SpikingNetwork(network)(Raster.from_dense(np.ones((4, 100, 20))))
    >>> loss = readout_loss(network, gain=200.0)(activity, torch.tensor([0, 1, 2, 2]))
    >>> loss.backward()

    Args:
        network: its readout decides between membranes and first spikes.
        gain: scores are multiplied by it before the softmax; first spikes score −t in ms.
        margin_ms: for first spikes, the squared margin loss instead of cross-entropy; it takes
            labels alone.

    Raises:
        UsageError: the gain is not above 0; when it is called, targets that fit no batch.
    """
    check_type(network, Network, "the network of a loss", "pass the nmtool.Network that is trained")
    for what, value in (("gain", gain), ("margin_ms", 1.0 if margin_ms is None else margin_ms)):
        NUMBER.check(what, value)
        if not 0 < value < np.inf:
            raise UsageError(
                f"{what} is {value}", code="argument-range", fix="choose a number above 0"
            )
    n_classes = len(network.class_names)
    readout = network.readout
    name = readout.population

    def on_first_spikes(activity: Activity, targets: Tensor) -> Tensor:
        first_ms = first_spike_ms(activity.spikes[name], network.dt_ms)
        targets = _checked_targets(targets, len(first_ms), n_classes)
        if margin_ms is None:
            return cross_entropy(-first_ms, targets, gain)
        if targets.is_floating_point():
            raise UsageError(
                "a margin loss takes labels, not class probabilities",
                code="teacher-with-margin",
                why="it asks which class spikes first, not with which probability",
                fix="pass labels, [samples] int64, or leave out margin_ms, for cross-entropy",
            )
        return margin(first_ms, targets, margin_ms)

    def on_membranes(activity: Activity, targets: Tensor) -> Tensor:
        scores = membrane_scores(activity.membrane[name], readout)
        return cross_entropy(scores, _checked_targets(targets, len(scores), n_classes), gain)

    return on_first_spikes if readout.rule == FIRST_SPIKE else on_membranes


def _checked_targets(targets: object, n_samples: int, n_classes: int) -> Tensor:
    """Labels [samples] int64 or probabilities [samples, classes] float; arrays become tensors."""
    found = torch.as_tensor(targets)
    if found.is_floating_point() and found.shape == (n_samples, n_classes):
        return found
    is_whole = not (found.is_floating_point() or found.is_complex() or found.dtype == torch.bool)
    if is_whole and found.shape == (n_samples,):
        found = found.to(torch.int64)
        # On a GPU a look at the values would make the host wait for every batch.
        if found.is_cuda or bool(((found >= 0) & (found < n_classes)).all()):
            return found
    raise UsageError(
        f"targets of shape {tuple(found.shape)} and type {found.dtype} fit no batch of "
        f"{n_samples} samples and {n_classes} classes",
        code="loss-targets",
        fix="pass labels from 0, [samples] integers, or probabilities, [samples, classes] floats",
    )


def spike_distance(spikes: SpikeTrains, target: Raster, tau_ms: float, dt_ms: float) -> Tensor:
    """Distance of van Rossum (2001) between spike trains and wanted ones, the mean over samples.

    D² = 1/τ ∫ (f − g)² dt, where f and g are the trains convolved with exp(−t/τ): a spike that is
    missing, or one too many, costs ½. It is differentiable by the times of spikes, in hidden
    populations and in the output. Their number changes in jumps, which no gradient sees; a
    `RateTarget` keeps neurons busy meanwhile.

    >>> from nmtool import Network, SpikingNetwork
    >>> import numpy as np
    >>> drawn = np.random.default_rng(0).random((4, 100, 20)) < 0.05
    >>> model = SpikingNetwork(Network.layers([20, 10, 3]))
    >>> hidden = model(Raster.from_dense(drawn)).spikes["hidden"]
    >>> wanted = Raster.silent(4, 100, 10)
    >>> loss = spike_distance(hidden, wanted, tau_ms=10.0, dt_ms=1.0)
    >>> loss.backward()
    >>> bool(model.synapses[0].weight.grad.any())
    True

    Args:
        spikes: of a population, from a forward pass.
        target: [samples, steps, neurons] the spikes that it should have.
        tau_ms: τ in ms: spikes that are further apart hardly know of each other.
        dt_ms: length of a step in ms.

    Raises:
        UsageError: the trains differ in samples, steps or neurons.
    """
    check_type(spikes, SpikeTrains, "spikes", 'pass activity.spikes["hidden"]')
    check_type(target, Raster, "the wanted spikes", "pass a Raster, as Raster.from_dense(spikes)")
    mine = (spikes.n_samples, spikes.n_steps, spikes.n_neurons)
    wanted = (target.n_samples, target.n_steps, target.n_neurons)
    if mine != wanted:
        raise UsageError(
            f"spikes of {mine} samples, steps and neurons cannot be compared with {wanted}",
            code="spike-trains-differ",
            fix="give a target for the same samples, steps and neurons",
        )
    other = SpikeTrains.from_raster(target, spikes.step.device)
    one, its_cells = _times_by_cell(spikes, dt_ms)
    two, other_cells = _times_by_cell(other, dt_ms)
    n_cells = spikes.n_samples * spikes.n_neurons

    def overlap(a: Tensor, a_cells: Tensor, b: Tensor, b_cells: Tensor) -> Tensor:
        """Σ exp(−|t − t'|/τ) over all pairs of spikes of one neuron in one sample."""
        count = torch.bincount(b_cells, minlength=n_cells)
        start = torch.cumsum(count, 0) - count
        partners = count[a_cells]
        first = torch.repeat_interleave(torch.arange(len(a), device=a.device), partners)
        done = torch.cumsum(partners, 0) - partners
        second = torch.arange(len(first), device=a.device) - done[first] + start[a_cells[first]]
        return torch.exp(-(a[first] - b[second]).abs() / tau_ms).sum()

    own = overlap(one, its_cells, one, its_cells)
    its = overlap(two, other_cells, two, other_cells)
    both = overlap(one, its_cells, two, other_cells)
    return (0.5 * (own + its) - both) / max(spikes.n_samples, 1)


def _times_by_cell(spikes: SpikeTrains, dt_ms: float) -> tuple[Tensor, Tensor]:
    """Times in ms, differentiable, and sample and neuron as one number, in ascending order."""
    cells = spikes.sample_index() * spikes.n_neurons + spikes.neuron
    time = spikes.step.to(torch.float32) * dt_ms if spikes.time_ms is None else spikes.time_ms
    order = torch.argsort(cells, stable=True)
    return time[order], cells[order]


def predictions(activity: Activity, network: Network) -> Tensor:
    """[samples] int64: classes by the network's readout.

    >>> from nmtool import Network, SpikingNetwork
    >>> network = Network.layers([20, 10, 3])
    >>> activity = SpikingNetwork(network)(Raster.from_dense(np.ones((4, 100, 20))))
    >>> predictions(activity, network).shape
    torch.Size([4])

    Args:
        activity: of a forward pass.
        network: its readout decides.
    """
    name = network.readout.population
    if network.readout.rule == FIRST_SPIKE:
        return first_spike_ms(activity.spikes[name], network.dt_ms).argmin(dim=1)
    return membrane_scores(activity.membrane[name], network.readout).argmax(dim=1)


def recorded_loss(
    options: TrainOptions,
    network: Network,
    answered: NDArray[np.floating],
    label: NDArray[np.integer],
) -> float:
    """The loss of scores that were recorded, by the settings that the network was trained with.

    It is that of the labels alone: a teacher knows training samples, and these may be others.

    Args:
        options: the settings.
        network: the float network that was recorded.
        answered: [samples, classes] float64, its scores.
        label: [samples] int64, of what was recorded.
    """
    scores, labels = torch.from_numpy(answered), torch.from_numpy(label)
    if network.readout.kind == LIF:
        first_ms = -scores * network.dt_ms
        if options.margin_ms is not None:
            return margin(first_ms, labels, options.margin_ms).item()
        scores = -first_ms
    return cross_entropy(scores, labels, options.gain).item()

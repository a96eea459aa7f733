"""Losses on output membranes, first spikes and spike trains; each is a mean over the batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from nmtool.arguments import NUMBER
from nmtool.errors import UsageError, check_type
from nmtool.network.float_network import Network
from nmtool.network.readout import FIRST_SPIKE, MAX, Readout, time_weights
from nmtool.raster import Raster
from nmtool.training.engines.spike_trains import SpikeTrains
from nmtool.training.front.model import Activity
from nmtool.values import plain_array

_TRAINED = "pass the nmtool.Network that is trained, such as `model.network`"

Loss = Callable[[Activity, Tensor], Tensor]
"""A loss: a function of a batch's activity and labels, [samples] int64, that returns a scalar."""


def membrane_scores(membrane: Tensor, readout: Readout) -> Tensor:
    """Differentiable scores, [samples, classes], equal to those of `nmtool.network.readout`.

    Args:
        membrane: [samples, T, classes] float.
        readout: a readout whose kind is `li`.

    Raises:
        ValueError: the rule needs spikes instead of membranes.
    """
    if readout.rule == MAX:
        return membrane.amax(dim=1)
    weights = torch.from_numpy(time_weights(readout, membrane.shape[1])).to(membrane)
    return weights @ membrane


def first_spike_ms(spikes: SpikeTrains, dt_ms: float) -> Tensor:
    """Time of every neuron's first spike in ms, differentiable; T·dt for silent neurons.

    The time is used to train first-spike readouts. It also applies to hidden populations, e.g. as a
    penalty on late spikes: `first_spike_ms(activity.spikes["hidden"], dt_ms).mean()`.

    >>> from nmtool import Network, SpikingNetwork
    >>> model = SpikingNetwork(Network.layers([20, 10, 3]))
    >>> activity = model(Raster.from_dense(np.ones((4, 100, 20))))
    >>> first_spike_ms(activity.spikes["hidden"], dt_ms=1.0).shape
    torch.Size([4, 10])

    Args:
        spikes: spikes of a population, from a forward pass.
        dt_ms: length of a step in ms.

    Returns:
        [samples, neurons] float. Silent neurons have no gradient.
    """
    check_type(spikes, SpikeTrains, "spikes", 'pass activity.spikes["hidden"]')
    return spikes.first_ms(silence_ms=spikes.n_steps * dt_ms)


def cross_entropy(scores: Tensor, labels: Tensor, gain: float) -> Tensor:
    """Cross-entropy of softmax(gain·scores) with labels, mean over samples."""
    return functional.cross_entropy(gain * scores, labels)


def margin(first_ms: Tensor, labels: Tensor, margin_ms: float) -> Tensor:
    """Squared margin loss on first spikes: ½ Σ_{i≠c} max(0, Δ − (t_i − t_c))², mean over samples.

    The loss is in ms². A class that spikes later than the true class by the margin Δ or more adds
    nothing to it.
    """
    lag = first_ms - first_ms.gather(1, labels[:, None])
    is_wrong_class = torch.ones_like(lag).scatter(1, labels[:, None], 0.0)
    shortfall = (margin_ms - lag).clamp(min=0.0)
    return 0.5 * (is_wrong_class * shortfall**2).sum() / len(labels)


def readout_loss(network: Network, gain: float, margin_ms: float | None = None) -> Loss:
    """Make the classification loss for a network's readout.

    The loss is called with a batch's activity and labels, [samples] int64.

    >>> from nmtool import Network, SpikingNetwork
    >>> network = Network.layers([20, 10, 3])
    >>> activity = SpikingNetwork(network)(Raster.from_dense(np.ones((4, 100, 20))))
    >>> loss = readout_loss(network, gain=200.0)(activity, torch.tensor([0, 1, 2, 2]))
    >>> loss.backward()

    Args:
        network: a network with a readout of membranes or of first spikes.
        gain: factor on the scores before the softmax; the score of a first spike is −t in ms.
        margin_ms: for first-spike readouts, the margin Δ of a squared margin loss in ms, instead of
            cross-entropy.

    Raises:
        UsageError: `gain` or `margin_ms` is not positive; or the loss is called with labels that
            do not match the batch.
    """
    check_type(network, Network, "the network of a loss", _TRAINED)
    for argument, value in (("gain", gain), ("margin_ms", 1.0 if margin_ms is None else margin_ms)):
        NUMBER.check(argument, value)
        if not 0 < value < np.inf:
            raise UsageError(
                f"{argument} must be positive and finite, not {value}",
                code="argument-range",
                fix="choose a number above 0",
            )
    n_classes = len(network.class_names)

    def loss(activity: Activity, labels: Tensor) -> Tensor:
        scores = _scores(activity, network)
        labels = _labels_as_tensor(labels, len(scores), n_classes)
        if margin_ms is None or network.readout.rule != FIRST_SPIKE:
            return cross_entropy(scores, labels, gain)
        return margin(-scores, labels, margin_ms)

    return loss


def _scores(activity: Activity, network: Network) -> Tensor:
    """Scores by the network's readout, [samples, classes]; a first spike at t ms scores −t."""
    readout = network.readout
    if readout.rule == FIRST_SPIKE:
        return -first_spike_ms(activity.spikes[readout.population], network.dt_ms)
    return membrane_scores(activity.membrane[readout.population], readout)


def _labels_as_tensor(labels: object, n_samples: int, n_classes: int) -> Tensor:
    """Check that labels match a batch, and convert them to a tensor, [samples] int64."""
    labels = plain_array(labels) if isinstance(labels, np.ndarray) else labels
    tensor = torch.as_tensor(labels)
    is_whole = not (tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool)
    if is_whole and tensor.shape == (n_samples,):
        tensor = tensor.to(torch.int64)
        # Labels on a GPU are not checked, because the host would have to wait for the GPU in every
        # batch.
        wrong = [] if tensor.is_cuda else tensor[(tensor < 0) | (tensor >= n_classes)].tolist()
        if not wrong:
            return tensor
        raise UsageError(
            f"the label {wrong[0]} is not one of the {n_classes} classes, 0 … {n_classes - 1}",
            code="loss-targets",
            fix="number the classes from 0: pass labels - 1"
            if set(wrong) == {n_classes} and int(tensor.min()) == 1
            else "pass labels, [samples] integers from 0",
        )
    raise UsageError(
        f"labels of shape {tuple(tensor.shape)} and dtype {tensor.dtype} do not match a batch of "
        f"{n_samples} samples and {n_classes} classes",
        code="loss-targets",
        fix="pass labels, [samples] integers from 0",
    )


def spike_distance(spikes: SpikeTrains, target: Raster, tau_ms: float, dt_ms: float) -> Tensor:
    """Van Rossum (2001) distance between spike trains and target trains, mean over samples.

    D² = 1/τ ∫ (f − g)² dt, where f and g are the trains convolved with exp(−t/τ): a missing or
    extra spike costs ½. The distance is differentiable with respect to spike times, in hidden and
    output populations. The number of spikes has no gradient; a `RateTarget` can regularise it.

    >>> from nmtool import Network, SpikingNetwork
    >>> import numpy as np
    >>> drawn = np.random.default_rng(0).random((4, 100, 20)) < 0.05
    >>> model = SpikingNetwork(Network.layers([20, 10, 3]))
    >>> hidden = model(Raster.from_dense(drawn)).spikes["hidden"]
    >>> target = Raster.silent(4, 100, 10)
    >>> loss = spike_distance(hidden, target, tau_ms=10.0, dt_ms=1.0)
    >>> loss.backward()
    >>> bool(model.synapses[0].weight.grad.any())
    True

    Args:
        spikes: spikes of a population, from a forward pass.
        target: [samples, steps, neurons], the target spikes.
        tau_ms: τ in ms, the time scale of the comparison.
        dt_ms: length of a step in ms.

    Raises:
        UsageError: spikes and target differ in their number of samples, steps or neurons.
    """
    check_type(spikes, SpikeTrains, "spikes", 'pass activity.spikes["hidden"]')
    check_type(target, Raster, "the target spikes", "pass a Raster, as Raster.from_dense(spikes)")
    shape = (spikes.n_samples, spikes.n_steps, spikes.n_neurons)
    target_shape = (target.n_samples, target.n_steps, target.n_neurons)
    if shape != target_shape:
        raise UsageError(
            f"spikes have the shape {shape} (samples, steps, neurons), but their target has "
            f"{target_shape}",
            code="spike-trains-differ",
            fix="pass a target with the same samples, steps and neurons",
        )
    target_trains = SpikeTrains.from_raster(target, spikes.step.device)
    emitted, wanted = _times_by_cell(spikes, dt_ms), _times_by_cell(target_trains, dt_ms)
    n_cells = spikes.n_samples * spikes.n_neurons

    def overlap(a_bins: _Bins, b_bins: _Bins) -> Tensor:
        """Σ exp(−|t − t'|/τ) over all pairs of spikes of one neuron in one sample."""
        (a, a_cells, a_count), (b, b_cells, b_count) = a_bins, b_bins
        bins = torch.bincount(b_cells, minlength=n_cells)
        start = torch.cumsum(bins, 0) - bins
        partners = bins[a_cells]
        first = torch.repeat_interleave(torch.arange(len(a), device=a.device), partners)
        n_earlier_pairs = torch.cumsum(partners, 0) - partners
        second = (
            torch.arange(len(first), device=a.device)
            - n_earlier_pairs[first]
            + start[a_cells[first]]
        )
        pairs = torch.exp(-(a[first] - b[second]).abs() / tau_ms)
        for count, of_pair in ((a_count, first), (b_count, second)):
            if count is not None:
                pairs = pairs * count[of_pair]
        return pairs.sum()

    own_overlaps = overlap(emitted, emitted) + overlap(wanted, wanted)
    return (0.5 * own_overlaps - overlap(emitted, wanted)) / max(spikes.n_samples, 1)


class _Bins(NamedTuple):
    """Filled bins, [filled]: time in ms (differentiable), index of sample and neuron, and spikes.

    They are sorted by this index. `spikes` is None if each has one.
    """

    time_ms: Tensor
    cell: Tensor
    spikes: Tensor | None


def _times_by_cell(spikes: SpikeTrains, dt_ms: float) -> _Bins:
    """The filled bins of spike trains, sorted by sample and neuron."""
    cells = spikes.sample_index() * spikes.n_neurons + spikes.neuron
    time = spikes.step.to(torch.float32) * dt_ms if spikes.time_ms is None else spikes.time_ms
    order = torch.argsort(cells, stable=True)
    count = None if spikes.count is None else spikes.count[order]
    return _Bins(time[order], cells[order], count)


def predictions(activity: Activity, network: Network) -> Tensor:
    """Predicted classes by the network's readout, [samples] int64.

    >>> from nmtool import Network, SpikingNetwork
    >>> network = Network.layers([20, 10, 3])
    >>> activity = SpikingNetwork(network)(Raster.from_dense(np.ones((4, 100, 20))))
    >>> predictions(activity, network).shape
    torch.Size([4])

    Args:
        activity: result of a forward pass.
        network: the network with the readout.

    Raises:
        UsageError: `network` is not a float network.
    """
    check_type(network, Network, "the network of predictions", _TRAINED)
    return _scores(activity, network).argmax(dim=1)

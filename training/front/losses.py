"""Losses on membranes, first spikes and spike trains, and the regulariser of firing rates.

Each loss is a mean over the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from nmtool.arguments import NUMBER, check_fields
from nmtool.errors import UsageError, check_type
from nmtool.network.float_network import Network
from nmtool.network.graph import LIF
from nmtool.network.readout import FIRST_SPIKE, MAX, Readout, time_weights
from nmtool.raster import Raster
from nmtool.training.engines.spike_trains import SpikeTrains
from nmtool.training.front.layers import Push
from nmtool.training.front.model import Activity, SpikingNetwork
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


def readout_loss(network: Network, gain: float) -> Loss:
    """Make the classification loss for a network's readout: cross-entropy of its scores.

    The loss is called with a batch's activity and labels, [samples] int64.

    >>> from nmtool import Network, SpikingNetwork
    >>> network = Network.layers([20, 10, 3])
    >>> activity = SpikingNetwork(network)(Raster.from_dense(np.ones((4, 100, 20))))
    >>> loss = readout_loss(network, gain=200.0)(activity, torch.tensor([0, 1, 2, 2]))
    >>> loss.backward()

    Args:
        network: a network with a readout of membranes or of first spikes.
        gain: factor on the scores before the softmax; the score of a first spike is −t in ms.

    Raises:
        UsageError: `gain` is not positive; or the loss is called with labels that do not match the
            batch.
    """
    check_type(network, Network, "the network of a loss", _TRAINED)
    NUMBER.check("gain", gain)
    if not 0 < gain < np.inf:
        raise UsageError(
            f"gain must be positive and finite, not {gain}",
            code="argument-range",
            fix="choose a number above 0",
        )
    n_classes = len(network.class_names)

    def loss(activity: Activity, labels: Tensor) -> Tensor:
        scores = readout_scores(activity, network)
        labels = _labels_as_tensor(labels, len(scores), n_classes)
        return cross_entropy(scores, labels, gain)

    return loss


def readout_scores(activity: Activity, network: Network) -> Tensor:
    """Scores by the network's readout, [samples, classes]; a first spike at t ms scores −t."""
    readout = network.readout
    if readout.rule == FIRST_SPIKE:
        return -first_spike_ms(activity.spikes[readout.population], network.dt_ms)
    return membrane_scores(activity.membrane[readout.population], readout)


def _labels_as_tensor(labels: object, n_samples: int, n_classes: int) -> Tensor:
    """Check that labels match a batch, and convert them to a tensor, [samples] int64."""
    tensor = torch.as_tensor(plain_array(labels) if isinstance(labels, np.ndarray) else labels)
    what = (
        f"labels of shape {tuple(tensor.shape)} and dtype {tensor.dtype} do not match a batch of "
        f"{n_samples} samples and {n_classes} classes"
    )
    fix = "pass labels, [samples] integers from 0"
    is_whole = not (tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool)
    if is_whole and tensor.shape == (n_samples,):
        tensor = tensor.to(torch.int64)
        # Labels on a GPU are not checked, because the host would have to wait for the GPU in every
        # batch.
        wrong = [] if tensor.is_cuda else tensor[(tensor < 0) | (tensor >= n_classes)].tolist()
        if not wrong:
            return tensor
        what = f"the label {wrong[0]} is not one of the {n_classes} classes, 0 … {n_classes - 1}"
        if set(wrong) == {n_classes} and int(tensor.min()) == 1:
            fix = "number the classes from 0: pass labels - 1"
    raise UsageError(what, code="loss-targets", fix=fix)


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
            code="loss-targets",
            fix="pass a target with the same samples, steps and neurons",
        )
    # A spike of the target counts −1, so that all pairs of spikes of one neuron in one sample give
    # the square at once.
    wanted = SpikeTrains.from_raster(target, spikes.step.device)
    times, cells, signs = [], [], []
    for trains, unit in ((spikes, 1), (wanted, -1)):
        time_ms = (
            trains.step.to(torch.float32) * dt_ms if trains.time_ms is None else trains.time_ms
        )
        count = torch.ones_like(trains.step) if trains.count is None else trains.count
        times.append(time_ms)
        cells.append(trains.sample_index() * trains.n_neurons + trains.neuron)
        signs.append(unit * count.to(time_ms.dtype))
    order = torch.argsort(torch.cat(cells), stable=True)
    time_ms, cell, sign = (torch.cat(parts)[order] for parts in (times, cells, signs))
    in_cell = torch.bincount(cell, minlength=spikes.n_samples * spikes.n_neurons)
    start = torch.cumsum(in_cell, 0) - in_cell
    partners = in_cell[cell]
    first = torch.repeat_interleave(torch.arange(len(cell), device=cell.device), partners)
    earlier_pairs = torch.cumsum(partners, 0) - partners
    place = torch.arange(len(first), device=cell.device) - earlier_pairs[first]
    second = start[cell[first]] + place
    pairs = (
        sign[first] * sign[second] * torch.exp(-(time_ms[first] - time_ms[second]).abs() / tau_ms)
    )
    return 0.5 * pairs.sum() / max(spikes.n_samples, 1)


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
    return readout_scores(activity, network).argmax(dim=1)


@dataclass(frozen=True)
class RateTarget:
    """Firing-rate regulariser: pulls hidden neurons towards a target rate (Nowotny et al. 2022).

    At every spike of a neuron, μ_v += (k/B)·(n̄ − ν), where n̄ is the neuron's mean number of spikes
    per sample over a batch of B samples: neurons above the target are driven to spike less. Spike
    counts have no gradient of their own; this term acts on the membrane at the spikes instead:

    >>> from nmtool import Network, Raster, SpikingNetwork
    >>> model = SpikingNetwork(Network.layers([20, 10, 3]))
    >>> spikes = Raster.from_dense(np.random.default_rng(0).random((4, 100, 20)) < 0.05)
    >>> activity = model(spikes, push={"hidden": RateTarget(strength=0.01, spikes_per_sample=1.0)})
    >>> (0 * activity.membrane["output"]).sum().backward()
    >>> bool(model.synapses[0].weight.grad.any())
    True

    Attributes:
        strength: k, strength of the regularisation.
        spikes_per_sample: ν, target rate.

    Raises:
        UsageError: an attribute is negative or not a number.
    """

    strength: float
    spikes_per_sample: float

    def __post_init__(self) -> None:
        check_fields(self, strength=NUMBER, spikes_per_sample=NUMBER)
        for name in ("strength", "spikes_per_sample"):
            if not 0 <= getattr(self, name) < np.inf:
                raise UsageError(
                    f"{name} of RateTarget must not be negative, but is {getattr(self, name)}",
                    code="argument-range",
                    fix="choose 0 or more",
                )

    def __call__(self, counts: Tensor, n_samples: int) -> Tensor:
        """Push on μ_v, [neurons] float64, from the spike counts of the batch, [neurons] int64."""
        excess = counts.to(torch.float64) / n_samples - self.spikes_per_sample
        return self.strength / n_samples * excess


def rate_targets(model: SpikingNetwork, target: RateTarget) -> dict[str, Push]:
    """Make a firing-rate regulariser for every hidden population, by name."""
    if not target.strength:
        return {}
    output = model.network.readout.population
    hidden = [p.name for p in model.network.populations if p.kind == LIF and p.name != output]
    return dict.fromkeys(hidden, target)


class WholeBatch:
    """Firing-rate regularisers of a rank, which use spike counts of the batch over all ranks.

    Args:
        push: the regulariser of each population, by name.

    Attributes:
        push: regularisers for the forward pass of a share; `set_batch` must be called between
            forward and backward pass.
    """

    def __init__(self, push: Mapping[str, Push]) -> None:
        self._whole = push
        self.push: dict[str, Push] = {name: partial(self._of_batch, name) for name in push}
        self._counts: Mapping[str, NDArray[np.int64]] = {}
        self._samples = 0

    def set_batch(self, counts: Mapping[str, NDArray[np.int64]], n_samples: int) -> None:
        """Set spike counts by population, [neurons] int64, and number of samples of the batch."""
        self._counts, self._samples = counts, n_samples

    def _of_batch(self, name: str, counts: Tensor, n_samples: int) -> Tensor:
        batch_counts = torch.from_numpy(self._counts[name]).to(counts.device)
        return self._whole[name](batch_counts, self._samples)

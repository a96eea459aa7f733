"""Firing-rate regularisation, and the rescue of silent neurons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nmtool.arguments import NUMBER, check_fields
from nmtool.errors import UsageError
from nmtool.network.graph import LIF
from nmtool.training.front.functions import Push
from nmtool.training.front.model import SpikingNetwork


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
        self.push: dict[str, Push] = {name: self._for_batch(name, push[name]) for name in push}
        self._counts: Mapping[str, NDArray[np.int64]] = {}
        self._samples = 0

    def set_batch(self, counts: Mapping[str, NDArray[np.int64]], n_samples: int) -> None:
        """Set spike counts by population, [neurons] int64, and number of samples of the batch."""
        self._counts, self._samples = counts, n_samples

    def _for_batch(self, name: str, push: Push) -> Push:
        """Wrap a population's regulariser so that it uses the counts of the whole batch."""

        def of_batch(counts: Tensor, n_samples: int) -> Tensor:
            batch_counts = torch.from_numpy(self._counts[name]).to(counts.device)
            return push(batch_counts, self._samples)

        return of_batch


def rescue_silent(
    model: SpikingNetwork, counts: Mapping[str, NDArray[np.int64]], amount: float
) -> int:
    """Raise all input weights of neurons that did not spike in an epoch.

    Args:
        model: the network in training.
        counts: spikes in the epoch, per spiking population [neurons] int64.
        amount: amount added to every weight of a synapse onto a silent neuron.

    Returns:
        Number of silent neurons.
    """
    silent = {name: count == 0 for name, count in counts.items()}
    with torch.no_grad():
        for projection in model.synapses:
            if projection.target in silent:
                columns = torch.from_numpy(silent[projection.target]).to(projection.weight.device)
                projection.weight[:, columns] += amount
    return int(sum(mask.sum() for mask in silent.values()))

"""Pruning during training: the weakest synapses are removed, and the shortest delays set to 0.

After the share x of the updates, the share s(x) of each projection is removed. The schedule is the
cubic one of Zhu & Gupta (2017), between 20 % and 80 % of the updates:

    s(x) = s·(1 − (1 − p)³)        p = (x − 0.2)/(0.8 − 0.2), clipped to 0 … 1

From then on, a removed synapse has exactly weight 0, and a removed delay exactly 0 steps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nmtool.training.front.model import SpikingNetwork

_TOLERANCE = 1e-6
"""Tolerance for rounding down (share × synapses), far above the rounding error of floats."""


def progress(done: int, n_updates: int) -> float:
    """Share of the pruning that the schedule requires after `done` updates of the run, 0 … 1."""
    # The position is computed from whole numbers, so that the schedule ends exactly at 1.
    position = (5 * done - n_updates) / (3 * n_updates)
    return 1 - (1 - min(1.0, max(0.0, position))) ** 3


@dataclass(frozen=True, eq=False)
class _PrunedParameter:
    """A parameter, its final share of removed values, and the mask of removed values."""

    parameter: nn.Parameter
    share: float
    removed: Tensor

    def n_to_remove(self, progress: float) -> int:
        """Number of values still to remove; 0 or less if enough are removed."""
        required = count_in_share(self.share * progress, self.removed.numel())
        return required - int(self.removed.sum())

    def remove(self, progress: float) -> None:
        """Remove the values with the smallest magnitudes, as many as the schedule requires."""
        n_to_remove = self.n_to_remove(progress)
        if n_to_remove > 0:
            magnitude = self.parameter.detach().abs().masked_fill(self.removed, math.inf)
            self.removed.view(-1)[_smallest(magnitude.reshape(-1), n_to_remove)] = True


class Pruning:
    """Removes synapses and delays of a model during training; with shares of 0 it does nothing.

    Args:
        model: the network that is trained.
        sparsity: final share of each projection's synapses that are removed.
        delay_sparsity: final share of each projection's synapses whose delay is set to 0; removed
            synapses count like all others.
        n_updates: updates of the whole run.

    Attributes:
        removed: masks of everything removed so far, [pre, post] bool by parameter name; loading a
            checkpoint overwrites them.
    """

    def __init__(
        self, model: SpikingNetwork, sparsity: float, delay_sparsity: float, n_updates: int
    ) -> None:
        self._n_updates = n_updates
        shares = {"weight": sparsity, "delay": delay_sparsity}
        self._pruned = {
            name: _PrunedParameter(parameter, share, torch.zeros_like(parameter, dtype=torch.bool))
            for name, parameter in model.named_parameters()
            if (share := shares[name.rpartition(".")[2]])
        }
        self.removed = {name: pruned.removed for name, pruned in self._pruned.items()}

    def advance(self, done: int) -> None:
        """Prune as scheduled after `done` updates, and set removed values to 0 again."""
        for pruned in self._pruned.values():
            pruned.remove(progress(done, self._n_updates))
        self.reapply()

    def reapply(self) -> None:
        """Set removed weights and delays to 0 again, after other code has changed parameters."""
        with torch.no_grad():
            for pruned in self._pruned.values():
                pruned.parameter.masked_fill_(pruned.removed, 0.0)

    def zero_gradients(self) -> None:
        """Set gradients of removed weights and delays to 0, so that they do not add to the norm."""
        for pruned in self._pruned.values():
            if pruned.parameter.grad is not None:
                pruned.parameter.grad.masked_fill_(pruned.removed, 0.0)

    def entry(self) -> dict[str, bool | float]:
        """Fields for an epoch's entry in the log; empty without pruning.

        `sparsity` and `delay_sparsity` are shares of the whole network. `pruned` is True once
        pruning is complete.
        """
        if not self._pruned:
            return {}
        shares = {
            "sparsity": self._share_removed("weight"),
            "delay_sparsity": self._share_removed("delay"),
        }
        ended = all(pruned.n_to_remove(1.0) <= 0 for pruned in self._pruned.values())
        return {**shares, "pruned": ended}

    def _share_removed(self, kind: str) -> float:
        """Share of weights or delays that are removed, 0 … 1; `kind` is `weight` or `delay`."""
        masks = [mask for name, mask in self.removed.items() if name.endswith(f".{kind}")]
        total = sum(mask.numel() for mask in masks)
        return sum(int(mask.sum()) for mask in masks) / total if total else 0.0


def count_in_share(share: float, n_synapses: int) -> int:
    """Number of synapses in a share of `n_synapses`, rounded down."""
    return math.floor(share * n_synapses + _TOLERANCE)


def _smallest(values: Tensor, count: int) -> Tensor:
    """Indices of the `count` smallest values, [count] int64; of equal values, the first ones."""
    candidates = torch.nonzero(values <= values.kthvalue(count).values).reshape(-1)
    order = torch.sort(values[candidates], stable=True).indices
    return candidates[order[:count]]

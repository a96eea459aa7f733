"""The mean of a network over its last updates, which is less noisy than any one of them.

    θ̄ ← m·θ̄ + (1 − m)·θ        m = min(decay, (n + 1)/(n + 10)) at update n

an exponential moving average of weights and delays (Polyak & Juditsky 1992), shorter at first, so
that it soon forgets a random start. From a trained network m = decay at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

from nmtool.training.front.model import SpikingNetwork


class Average:
    """The running mean of a model's parameters; without a decay there is none.

    Args:
        model: the network that is trained.
        decay: share of the mean that stays at an update, at most.
        trained: True where the model starts as a trained network, which is worth remembering.

    Attributes:
        trained: as above; what a run starts from is known again when it is resumed.
        values: by name of the parameters [pre, post] float, on their device; empty without a mean.
    """

    def __init__(
        self, model: SpikingNetwork, decay: float | None, *, trained: bool = False
    ) -> None:
        self._model, self._decay, self.trained = model, decay or 0.0, trained
        self.values: dict[str, Tensor] = {} if decay is None else _copies(model)

    def add(self, update: int) -> None:
        """Take in the parameters after an update, counted from 0."""
        stays = self._decay
        if not self.trained:
            stays = min(stays, (update + 1) / (update + 10))
        with torch.no_grad():
            for name, parameter in self._model.named_parameters():
                if name in self.values:
                    self.values[name].lerp_(parameter, 1 - stays)

    @contextmanager
    def averaged_parameters(self) -> Iterator[None]:
        """Inside, the model's parameters are the mean; afterwards they are what they were."""
        last = _copies(self._model) if self.values else {}
        copy_into(self._model, self.values)
        try:
            yield
        finally:
            copy_into(self._model, last)

    def restart(self) -> None:
        """Let the mean be the parameters as they are, where one is kept."""
        if self.values:
            self.values = _copies(self._model)


def copy_into(model: SpikingNetwork, values: Mapping[str, Tensor]) -> None:
    """Write values into the parameters of those names, in place."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name in values:
                parameter.copy_(values[name])


def _copies(model: SpikingNetwork) -> dict[str, Tensor]:
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}

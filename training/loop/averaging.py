"""The mean of a network over its last updates, which is less noisy than any one of them.

    θ̄ ← m·θ̄ + (1 − m)·θ        m = min(share, (n + 1)/(n + 10)) at update n

an exponential moving average of weights and delays (Polyak & Juditsky 1992), shorter at first, so
that it soon forgets a random start. From a trained network m = share at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

from nmtool.training.front.model import SpikingNetwork


class Average:
    """The running mean of a model's parameters; without a share there is none.

    Args:
        model: the network that is trained.
        share: of the mean that stays at an update, at most.
        trained: whether the model starts as a trained network, which is worth remembering.

    Attributes:
        trained: as above; what a run starts from is known again when it is resumed.
        values: by name of the parameters [pre, post] float, on their device; empty without a mean.
    """

    def __init__(
        self, model: SpikingNetwork, share: float | None, *, trained: bool = False
    ) -> None:
        self._model, self._share, self.trained = model, share or 0.0, trained
        self.values: dict[str, Tensor] = {} if share is None else _copies(model)

    def add(self, update: int) -> None:
        """Take in the parameters after an update, counted from 0."""
        stays = self._share
        if not self.trained:
            stays = min(stays, (update + 1) / (update + 10))
        with torch.no_grad():
            for name, parameter in self._model.named_parameters():
                if name in self.values:
                    self.values[name].lerp_(parameter, 1 - stays)

    @contextmanager
    def used(self) -> Iterator[None]:
        """Inside, the model's parameters are the mean; afterwards they are what they were."""
        last = _copies(self._model) if self.values else {}
        put(self._model, self.values)
        try:
            yield
        finally:
            put(self._model, last)

    def start_from(self, values: Mapping[str, Tensor]) -> None:
        """Go on from another run's mean where it kept one; parameters and mean become that.

        Delays stay within the model's longest one, which may be less than that of the other run.
        """
        put(self._model, values)
        self._model.clamp_delays()
        if self.values:
            self.values = _copies(self._model)


def put(model: SpikingNetwork, values: Mapping[str, Tensor]) -> None:
    """Write values into the parameters of those names, in place."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name in values:
                parameter.copy_(values[name])


def _copies(model: SpikingNetwork) -> dict[str, Tensor]:
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}

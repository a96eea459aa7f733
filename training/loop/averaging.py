"""The running mean of a network over its last updates, less noisy than the network itself.

    θ̄ ← m·θ̄ + (1 − m)·θ        m = min(decay, (n + 1)/(n + 10)) at update n

is an exponential moving average of weights and delays (Polyak & Juditsky 1992). The first means are
over fewer updates, so that the random initial values soon lose their weight. In fine-tuning,
m = decay from the first update on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

from nmtool.training.front.model import SpikingNetwork


class Average:
    """The running mean of a model's parameters; without a decay there is no mean.

    Args:
        model: the network that is trained.
        decay: largest share of the mean that an update keeps; None: no mean.
        trained: True if training starts from a trained network, so that m = decay from the first
            update on.

    Attributes:
        trained: the argument; a resumed run sets it from the manifest.
        values: the means by parameter name, [pre, post] float, on the device of the parameters;
            empty without a mean.
    """

    def __init__(
        self, model: SpikingNetwork, decay: float | None, *, trained: bool = False
    ) -> None:
        self._model, self._decay, self.trained = model, decay or 0.0, trained
        self.values: dict[str, Tensor] = {} if decay is None else _copied_parameters(model)

    def add(self, update: int) -> None:
        """Include the current parameters in the mean, after update number `update` (from 0)."""
        decay = self._decay
        if not self.trained:
            decay = min(decay, (update + 1) / (update + 10))
        with torch.no_grad():
            for name, parameter in self._model.named_parameters():
                if name in self.values:
                    self.values[name].lerp_(parameter, 1 - decay)

    @contextmanager
    def averaged_parameters(self) -> Iterator[None]:
        """Replace the model's parameters by the mean inside the block."""
        last = _copied_parameters(self._model) if self.values else {}
        copy_into(self._model, self.values)
        try:
            yield
        finally:
            copy_into(self._model, last)

    def restart(self) -> None:
        """Set the mean, if there is one, to the current parameters."""
        if self.values:
            self.values = _copied_parameters(self._model)


def copy_into(model: SpikingNetwork, values: Mapping[str, Tensor]) -> None:
    """Write values into the parameters with these names, in place."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name in values:
                parameter.copy_(values[name])


def _copied_parameters(model: SpikingNetwork) -> dict[str, Tensor]:
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}

"""A training step whose network is differentiated by torch: all engines so far."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nmtool.raster import Raster

LEARNING_RATE = 0.0
"""Adam does all its work, and the weights stay: every step has the same spikes."""


class TorchStep:
    """One engine's training step on one batch, in the three parts that are timed.

    An engine's class says how a batch is kept (`load`) and how it becomes a loss (`run`).

    Args:
        parameters: what is trained, by Adam.

    Attributes:
        loss: of the last forward pass, a scalar.
    """

    def __init__(self, parameters: Iterable[nn.Parameter]) -> None:
        self.optimiser = torch.optim.Adam(parameters, lr=LEARNING_RATE)
        self.loss = torch.zeros(())
        self._hidden_spikes = torch.zeros(())

    def load(self, spikes: Raster, labels: NDArray[np.int64]) -> None:
        """Bring a batch into the engine's form; not timed, as if a data loader did it.

        Args:
            spikes: input.
            labels: [samples] int64 classes.
        """
        raise NotImplementedError

    def run(self) -> tuple[Tensor, Tensor]:
        """Two scalars: the batch's loss, and its hidden spikes per sample."""
        raise NotImplementedError

    def forward(self) -> None:
        """Network and loss."""
        self.loss, self._hidden_spikes = self.run()

    def backward(self) -> None:
        """Gradients of all weights, and of delays where the engine has them."""
        self.optimiser.zero_grad()
        self.loss.backward()

    def update(self) -> None:
        """Update the parameters by their gradients."""
        self.optimiser.step()

    def wait(self) -> None:
        """Wait until the device is done; a CPU always is."""

    @property
    def device_mb(self) -> float | None:
        """Largest memory of a device of its own so far, in MB; a CPU has none."""
        return None

    @property
    def hidden_spikes(self) -> float:
        """All hidden spikes of the last forward pass, the mean per sample."""
        return float(self._hidden_spikes)

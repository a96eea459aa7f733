"""`TorchStep`, the base class of all engines: a training step of a network, written in torch."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nmtool.raster import Raster

LEARNING_RATE = 0.0
"""At a learning rate of 0, Adam does all its work, but weights and spikes do not change."""


class TorchStep:
    """A training step on one batch, in the three parts that are timed.

    A subclass for an engine stores a batch in the engine's form (`load`) and computes its loss
    (`run`).

    Args:
        parameters: parameters to train by Adam.

    Attributes:
        loss: loss of the last forward pass, a scalar.
    """

    def __init__(self, parameters: Iterable[nn.Parameter]) -> None:
        self.optimiser = torch.optim.Adam(parameters, lr=LEARNING_RATE)
        self.loss = torch.zeros(())
        self._hidden_spikes = torch.zeros(())

    def load(self, spikes: Raster, labels: NDArray[np.int64]) -> None:
        """Store a batch in the engine's form; not timed, since it is the work of a data loader.

        Args:
            spikes: input raster.
            labels: [samples] int64 classes.
        """
        raise NotImplementedError

    def run(self) -> tuple[Tensor, Tensor]:
        """Compute the loss of the batch and the hidden spikes per sample, both scalars."""
        raise NotImplementedError

    def forward(self) -> None:
        """Run the network and compute the loss."""
        self.loss, self._hidden_spikes = self.run()

    def backward(self) -> None:
        """Compute the gradients of all weights, and of delays if the engine has them."""
        self.optimiser.zero_grad()
        self.loss.backward()

    def update(self) -> None:
        """Update the parameters by their gradients."""
        self.optimiser.step()

    def wait(self) -> None:
        """Wait until the device has finished; on a CPU, return at once."""

    @property
    def device_mb(self) -> float | None:
        """Largest memory on a GPU so far, in MB; None on a CPU."""
        return None

    @property
    def hidden_spikes(self) -> float:
        """Mean number of hidden spikes per sample in the last forward pass."""
        return float(self._hidden_spikes)

"""Delay gradients against measured changes: `python -m benchmarks.delay_gradients RUN DATA`.

Gradients do not account for two facts: delays are whole steps, and spikes may appear or vanish when
a delay changes. So this program measures the loss. 5 % of a projection's delays change by one step,
once up and once down; half the difference of the two losses is compared with the change that the
gradient predicts. Delays change in random directions, or each in the direction of its gradient's
sign.

    predicted    correlation of predicted and measured changes, over random directions
    repeated     correlation of the measured changes on two halves of the samples, an upper limit
                 for any prediction
    ratio        measured change divided by predicted change, along the gradient's signs: 1 if the
                 gradient is the slope of the loss, above 1 if appearing spikes add to the change
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nmtool.arguments import count
from nmtool.cli.console import print_tables
from nmtool.data import SpikeEvents, load_dataset
from nmtool.loading import load
from nmtool.network.float_network import Network
from nmtool.raster import Raster
from nmtool.tables import Table, Tabular
from nmtool.training.front.losses import readout_loss
from nmtool.training.front.model import SpikingNetwork

SHARE = 0.05
"""Share of a projection's delays that are changed together."""

AT_ONCE = 200
"""Number of samples in memory at once."""


@dataclass(frozen=True)
class DelayChanges:
    """Changes of the loss when 5 % of a projection's delays change by one step.

    Attributes:
        projection: `source → target`.
        measured, predicted: [directions] float64, changes for random directions.
        halves: [2, directions] float64, changes measured on even and on odd batches of samples.
        along, along_predicted: measured and predicted change along the gradient's signs, as means
            over draws of delays.
    """

    projection: str
    measured: NDArray[np.float64]
    predicted: NDArray[np.float64]
    halves: NDArray[np.float64]
    along: float
    along_predicted: float


@dataclass(frozen=True, repr=False)
class Report(Tabular):
    """Measured and predicted changes of the loss, for every projection."""

    projections: list[DelayChanges]

    def tables(self) -> list[Table]:
        """A table with a row per projection."""
        rows = [
            (
                changes.projection,
                f"{np.corrcoef(changes.measured, changes.predicted)[0, 1]:.3f}",
                f"{np.corrcoef(*changes.halves)[0, 1]:.3f}",
                f"{changes.along / changes.along_predicted:.3g}",
                f"{changes.measured.std():.2g}",
                f"{changes.predicted.std():.2g}",
            )
            for changes in self.projections
        ]
        header = ("", "predicted", "repeated", "ratio", "spread measured", "spread predicted")
        return [Table("gradients of delays", header, rows)]


def measure(
    network: Network, events: SpikeEvents, directions: int, *, gain: float = 200.0
) -> Report:
    """Compare gradients of delays with measured changes of the loss.

    Args:
        network: network whose delays are changed.
        events: samples over which the loss is averaged; at least 2·`AT_ONCE` for `halves`.
        directions: number of random directions per projection, and number of draws along the
            gradient.
        gain: gain of the loss, see `TrainOptions.gain`.
    """
    raster = network.bin(events).raster
    longest = max(int(p.delay.max(initial=0)) for p in network.projections)
    model = SpikingNetwork(network, max_delay=longest + 1)
    loss_of, label = readout_loss(network, gain), torch.from_numpy(events.label)
    portions = [
        (raster[first : first + AT_ONCE], label[first : first + AT_ONCE])
        for first in range(0, events.n_samples, AT_ONCE)
    ]

    def loss(spikes: Raster, labels: Tensor) -> Tensor:
        """Loss of the network on a batch, from its input spikes and labels."""
        return loss_of(model(spikes), labels) * (len(labels) / events.n_samples)

    def measured() -> NDArray[np.float64]:
        """Contribution of each portion of the samples to the loss, [portions] float64."""
        with torch.no_grad():
            return np.array([loss(*portion).item() for portion in portions])

    for portion in portions:
        loss(*portion).backward()
    rng = np.random.default_rng(0)
    projections = []
    for synapses in model.synapses:
        before, gradient = synapses.delay.detach().clone(), synapses.delay.grad
        assert gradient is not None
        slope = gradient.double().numpy()
        movable = (before > 0).numpy()
        changes, predicted = [], []
        for number in range(2 * directions):
            sign = np.sign(slope) if number % 2 else rng.choice([-1.0, 1.0], slope.shape)
            move = sign * movable * (rng.random(slope.shape) < SHARE)
            losses = []
            with torch.no_grad():
                for direction in (1, -1):
                    synapses.delay.copy_(before + direction * torch.from_numpy(move).to(before))
                    losses.append(measured())
                synapses.delay.copy_(before)
            changes.append((losses[0] - losses[1]) / 2)
            predicted.append((slope * move).sum())
        random_changes, gradient_changes = np.array(changes)[::2], np.array(changes)[1::2]
        projections.append(
            DelayChanges(
                f"{synapses.source} → {synapses.target}",
                random_changes.sum(axis=1),
                np.array(predicted)[::2],
                np.stack([random_changes[:, ::2].sum(axis=1), random_changes[:, 1::2].sum(axis=1)]),
                float(gradient_changes.sum(axis=1).mean()),
                float(np.mean(predicted[1::2])),
            )
        )
    return Report(projections)


def main(argv: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.delay_gradients", description=__doc__.split("\n")[0]
    )
    parser.add_argument("network", type=Path, help="a run's folder, or a file of a float network")
    parser.add_argument("data", help="data set; the loss is measured on its training samples")
    parser.add_argument(
        "--samples", type=count, default=2400, help="largest number of samples (default 2400)"
    )
    parser.add_argument(
        "--directions",
        type=count,
        default=30,
        help="number of random directions, and number of draws along the gradient (default 30)",
    )
    arguments = parser.parse_args(argv)
    network = load(arguments.network)
    if not isinstance(network, Network):
        parser.error("the network has integers, and no gradients; name a run, or its network.npz")
    train = load_dataset(arguments.data).train[: arguments.samples]
    print_tables(measure(network, train, arguments.directions))
    return 0


if __name__ == "__main__":
    sys.exit(main())

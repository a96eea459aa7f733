"""What gradients by delays foretell of the loss: `python -m benchmarks.delay_gradients RUN DATA`.

Delays are whole steps, and spikes come and go where they change; a gradient sees neither. So the
loss is measured: a twentieth of a projection's synapses is moved by one step and back by one, and
half the difference is compared with what the gradient foretells. Directions are random, or those of
the gradient's own signs.

    foretold     correlation with the measured changes, over random directions
    repeated     correlation between the changes on two halves of the samples: no gradient can
                 foretell more than repeats
    along        measured by foretold change, over directions along the gradient: 1 if it is the
                 slope of the loss, above 1 if spikes that come and go add to it
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

from nmtool.cli.arguments import count
from nmtool.cli.console import print_tables
from nmtool.data import SpikeEvents, load_dataset
from nmtool.network import Network
from nmtool.raster import Raster
from nmtool.tables import Table, Tabular
from nmtool.training.front.losses import readout_loss
from nmtool.training.front.model import SpikingNetwork
from nmtool.verbs.loading import load

SHARE = 0.05
"""Of a projection's synapses that are moved at once."""

AT_ONCE = 200
"""Samples in memory together."""


@dataclass(frozen=True)
class Foretelling:
    """Measured and foretold changes of the loss, by one step more of some delays.

    Attributes:
        projection: `source → target`.
        measured, foretold: [directions] float64, of random directions.
        halves: [2, directions] float64, measured on even and on odd batches of samples.
        along, along_foretold: the mean over directions of the gradient's signs.
    """

    projection: str
    measured: NDArray[np.float64]
    foretold: NDArray[np.float64]
    halves: NDArray[np.float64]
    along: float
    along_foretold: float


@dataclass(frozen=True, repr=False)
class Report(Tabular):
    """One `Foretelling` per projection."""

    projections: list[Foretelling]

    def tables(self) -> list[Table]:
        """A row per projection."""
        rows = [
            (
                one.projection,
                f"{np.corrcoef(one.measured, one.foretold)[0, 1]:.3f}",
                f"{np.corrcoef(*one.halves)[0, 1]:.3f}",
                f"{one.along / one.along_foretold:.3g}",
                f"{one.measured.std():.2g}",
                f"{one.foretold.std():.2g}",
            )
            for one in self.projections
        ]
        head = ("", "foretold", "repeated", "along", "spread", "spread foretold")
        return [Table("gradients by delays", head, rows)]


def measure(
    network: Network, events: SpikeEvents, directions: int, *, gain: float = 200.0, seed: int = 0
) -> Report:
    """Compare gradients by delays with measured changes of the loss.

    Args:
        network: whose delays are moved.
        events: samples that the loss is the mean of; not fewer than 2·`AT_ONCE` for halves.
        directions: of either kind, per projection.
        gain: of the loss, see `TrainOptions.gain`.
        seed: decides the directions.
    """
    raster = network.bin(events).raster
    longest = max(int(p.delay.max(initial=0)) for p in network.projections)
    model = SpikingNetwork(network, max_delay=longest + 1)
    loss_of, label = readout_loss(network, gain), torch.from_numpy(events.label)
    parts = [
        (raster[first : first + AT_ONCE], label[first : first + AT_ONCE])
        for first in range(0, events.n_samples, AT_ONCE)
    ]

    def loss(spikes: Raster, labels: Tensor) -> Tensor:
        return loss_of(model(spikes), labels) * (len(labels) / events.n_samples)

    def measured() -> NDArray[np.float64]:
        """[parts] float64: each one's part of the loss."""
        with torch.no_grad():
            return np.array([loss(*part).item() for part in parts])

    for part in parts:
        loss(*part).backward()
    rng = np.random.default_rng(seed)
    found = []
    for synapses in model.synapses:
        before, gradient = synapses.delay.detach().clone(), synapses.delay.grad
        assert gradient is not None
        slope = gradient.double().numpy()
        movable = (before > 0).numpy()
        changes, foretold = [], []
        for number in range(2 * directions):
            sign = np.sign(slope) if number % 2 else rng.choice([-1.0, 1.0], slope.shape)
            move = sign * movable * (rng.random(slope.shape) < SHARE)
            ends = []
            with torch.no_grad():
                for way in (1, -1):
                    synapses.delay.copy_(before + way * torch.from_numpy(move).to(before))
                    ends.append(measured())
                synapses.delay.copy_(before)
            changes.append((ends[0] - ends[1]) / 2)
            foretold.append((slope * move).sum())
        random, along = np.array(changes)[::2], np.array(changes)[1::2]
        found.append(
            Foretelling(
                f"{synapses.source} → {synapses.target}",
                random.sum(axis=1),
                np.array(foretold)[::2],
                np.stack([random[:, ::2].sum(axis=1), random[:, 1::2].sum(axis=1)]),
                float(along.sum(axis=1).mean()),
                float(np.mean(foretold[1::2])),
            )
        )
    return Report(found)


def main(argv: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.delay_gradients", description=__doc__.split("\n")[0]
    )
    parser.add_argument("network", type=Path, help="a run's folder, or a file of a float network")
    parser.add_argument("data", help="whose training samples the loss is measured on")
    parser.add_argument("--samples", type=count, default=2400, help="default 2400")
    parser.add_argument("--directions", type=count, default=30, help="of each kind (default 30)")
    arguments = parser.parse_args(argv)
    network = load(arguments.network)
    if not isinstance(network, Network):
        parser.error("the network is made of integers; name a run, or its network.npz")
    train = load_dataset(arguments.data).train[: arguments.samples]
    print_tables(measure(network, train, arguments.directions))
    return 0


if __name__ == "__main__":
    sys.exit(main())

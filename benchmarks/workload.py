"""The measured workload: a network, random input spikes and labels, all decided by a seed."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.network.float_network import Network
from nmtool.network.graph import INPUT
from nmtool.raster import Raster
from nmtool.training.loop.initial import initial_network
from nmtool.training.options import TrainOptions

SPIKE_DRAWS, LABEL_DRAWS = 1, 2
"""Random streams of the seed; stream 0 draws the weights."""


@dataclass(frozen=True)
class Workload:
    """A network and its input; one training step takes one batch.

    Attributes:
        hidden: hidden neurons.
        n_steps: steps of 1 ms.
        input_spikes: spikes of each sample, exactly.
        max_delay: delays are uniform in 0 … this many steps, on every projection.
        batch: samples.
        recurrent: true for synapses between hidden neurons.
        channels, classes: input channels and output neurons.
        hidden_rate: spikes per hidden neuron and sample that weights are scaled to.
        seed: decides weights, delays, spikes and labels.
    """

    hidden: int = 256
    n_steps: int = 1000
    input_spikes: int = 8000
    max_delay: int = 61
    batch: int = 32
    recurrent: bool = True
    channels: int = 700
    classes: int = 20
    hidden_rate: float = 14.0
    seed: int = 0

    def options(self) -> TrainOptions:
        """The settings of such a run; all others are the defaults."""
        return TrainOptions(
            hidden=self.hidden,
            steps=self.n_steps,
            recurrent=self.recurrent,
            max_delay=self.max_delay,
            init_delay_input=self.max_delay,
            init_delay_recurrent=self.max_delay,
            init_delay_output=self.max_delay,
            batch_size=self.batch,
            rate=self.hidden_rate,
            seed=self.seed,
        )

    def network(self, drive: float = 1.0) -> Network:
        """The network a run starts from, input weights multiplied by `drive`."""
        names = [str(index) for index in range(self.classes)]
        network = initial_network(self.options(), self.channels, names)
        return network.with_projections(
            [
                replace(projection, weight=projection.weight * drive)
                if projection.source == INPUT
                else projection
                for projection in network.projections
            ]
        )

    def spikes(self) -> Raster:
        """The batch's input: each sample's spikes are drawn from all bins, none twice."""
        rng = np.random.default_rng([self.seed, SPIKE_DRAWS])
        bins = self.n_steps * self.channels
        drawn = [
            rng.choice(bins, self.input_spikes, replace=False, shuffle=False)
            for _ in range(self.batch)
        ]
        step, channel = np.divmod(np.concatenate(drawn), self.channels)
        sample = np.repeat(np.arange(self.batch), self.input_spikes)
        return Raster.from_events(sample, step, channel, (self.batch, self.n_steps, self.channels))

    def labels(self) -> NDArray[np.int64]:
        """[batch] int64 random classes."""
        rng = np.random.default_rng([self.seed, LABEL_DRAWS])
        return rng.integers(0, self.classes, self.batch)

    def events_per_sample(self, hidden_spikes: float) -> float:
        """Spikes times the synapses each of them goes through.

        Args:
            hidden_spikes: of all hidden neurons together, per sample.
        """
        fan_out = self.classes + (self.hidden if self.recurrent else 0)
        return self.input_spikes * self.hidden + hidden_spikes * fan_out

    def as_json(self) -> dict[str, Any]:
        """The arguments that make this workload."""
        return asdict(self)

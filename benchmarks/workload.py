"""The workload: a network, random input spikes and labels, all determined by a seed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nmtool.network.float_network import Network
from nmtool.network.graph import INPUT
from nmtool.raster import Raster
from nmtool.training.loop.initial import initial_network
from nmtool.training.options import TrainOptions

SPIKE_DRAWS, LABEL_DRAWS = 1, 2
"""Numbers of the random streams that draw spikes and labels; stream 0 draws weights and delays."""


@dataclass(frozen=True)
class Workload:
    """A network and a batch of input, for one training step.

    Attributes:
        hidden: number of hidden neurons.
        n_steps: number of steps of 1 ms.
        input_spikes: exact number of input spikes per sample.
        max_delay: largest delay in steps; delays of all projections are uniform in 0 … `max_delay`.
        batch: number of samples.
        recurrent: True if there are synapses between hidden neurons.
        channels, classes: numbers of input channels and of output neurons.
        hidden_rate: number of spikes per hidden neuron and sample to which input weights are
            scaled, and target of the firing-rate regulariser.
        seed: seed of weights, delays, spikes and labels.
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
        """Training options of this workload; options that it does not set have their defaults."""
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
        """Make the initial network, with input weights multiplied by `drive`."""
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
        """Draw the input spikes of the batch; a sample's bins are drawn without replacement."""
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
        """Draw a random class for each sample, [batch] int64."""
        rng = np.random.default_rng([self.seed, LABEL_DRAWS])
        return rng.integers(0, self.classes, self.batch)

    def events_per_sample(self, hidden_spikes: float) -> float:
        """Mean number of synaptic events per sample.

        Args:
            hidden_spikes: spikes per sample, summed over all hidden neurons.
        """
        fan_out = self.classes + (self.hidden if self.recurrent else 0)
        return self.input_spikes * self.hidden + hidden_spikes * fan_out

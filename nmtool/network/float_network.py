"""`Network`: a float network, in the paper's units."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from nmtool.arguments import NAMES, SPIKES, checked, optional
from nmtool.arithmetic import LOIHI2, MAX_FLOAT_DELAY
from nmtool.errors import UsageError
from nmtool.network import graph, layers
from nmtool.network.any_network import AnyNetwork
from nmtool.network.float_parts import Population, Projection
from nmtool.network.graph import TO_ZERO, InputChannels
from nmtool.network.readout import Readout
from nmtool.network.relays import with_relays
from nmtool.progress import Progress, silent
from nmtool.raster import Raster
from nmtool.storage import Archive

if TYPE_CHECKING:
    from nmtool.data.events import SpikeEvents

INITIAL_RATE = 3.0
"""Target rate of a new network's neurons, spikes per neuron and sample."""

_SAMPLES_FOR_RATE = 16


@dataclass(frozen=True, eq=False, repr=False)
class Network(AnyNetwork):
    """A float network: any graph of populations, with or without hidden populations.

    >>> from nmtool import InputChannels, Readout
    >>> output = Population("output", 2, "li", tau_mem_ms=20.0, tau_syn_ms=10.0)
    >>> synapses = Projection("input", "output", weight=[[0.5, -0.2]], delay=[[0, 7]])
    >>> readout = Readout("output", "mean")
    >>> network = Network(InputChannels(1), [output], [synapses], readout, dt_ms=1.0, n_steps=100)
    >>> network, network.max_delay
    (<Network: 1 channel, output 2 li, 100 steps of 1 ms>, 7)

    Attributes:
        channels: the input channels.
        populations: populations in the order in which they are reported.
        projections: the synapses; two populations may have several projections between them.
        readout: the output population, and the rule that turns its activity into scores.
        dt_ms: length of a time step in ms.
        n_steps: number of steps of a sample.
        class_names: names of the classes, one per output neuron.
    """

    part_types = (Population, Projection)
    file_kind = "nmtool network"

    populations: Sequence[Population]
    projections: Sequence[Projection]

    @classmethod
    @checked(class_names=NAMES, example_input=optional(SPIKES))
    def layers(
        cls,
        sizes: Sequence[int | str],
        *,
        recurrent: bool = True,
        delays: int = 0,
        readout: str = "weighted",
        window: int | None = None,
        reset: str = TO_ZERO,
        most_spikes: int = 1,
        dt_ms: float = 1.0,
        n_steps: int = 100,
        tau_mem_ms: float = 20.0,
        tau_syn_ms: float = 10.0,
        class_names: Sequence[str] = (),
        example_input: Raster | SpikeEvents | None = None,
        spikes_per_channel: float = 2.0,
        rate: float | None = INITIAL_RATE,
        seed: int = 0,
        progress: Progress = silent,
    ) -> Network:
        """Make a layered network with random weights, scaled so that its neurons spike.

        It is initialised as in `nmtool.train`: weights are normal, delays uniform from 0, and
        feed-forward weights are scaled layer by layer until neurons spike.

        >>> Network.layers([50, 64, 32, 4], delays=20)
        <Network: 50 channels, hidden1 64 lif, hidden2 32 lif, output 4 li, 100 steps of 1 ms>

        Args:
            sizes: input channels, neurons of each hidden layer, classes. A hidden layer may have
                several populations with their own time constants: "64@5+64@20" has two, with
                tau_mem of 5 and 20 ms; "64@5/2" also sets tau_syn, to 2 ms.
            recurrent: populations of a hidden layer also project to each other and themselves.
            delays: longest delay of any synapse, in steps.
            readout, window: the rule of the output, see `Readout`.
            reset: what a spike does to the membrane: "zero" sets it to 0, "subtract" subtracts the
                threshold, and "late" subtracts it in the next step, see `Population`.
            most_spikes: largest number of spikes of a neuron in a step; more than 1 only with the
                reset "subtract".
            dt_ms: length of a time step in ms.
            n_steps: number of steps of a sample.
            tau_mem_ms, tau_syn_ms: time constants in ms, where `sizes` gives no others.
            class_names: names of the classes; by default their numbers.
            example_input: typical input, for scaling the weights; of `SpikeEvents`, the first 16
                samples are used.
            spikes_per_channel: without `example_input`, mean spikes per channel and sample of
                random input.
            rate: target rate of spiking populations, in spikes per neuron and sample; None: do
                not scale the weights.
            seed: seed of everything random.
            progress: shows the number of simulations for scaling.

        Raises:
            UsageError: an argument has the wrong type or is out of range.
            NetworkError: a size or constant is invalid for a network.
        """
        from nmtool.network.balance import balance_drive

        n_channels, hidden, n_classes = layers.parse_sizes(sizes)
        for name, value, most in (("delays", delays, MAX_FLOAT_DELAY), ("seed", seed, math.inf)):
            if not 0 <= value <= most:
                raise UsageError(
                    f"{name} cannot be {value}",
                    code="setting-range",
                    fix=f"pass a whole number, 0 {f'… {most}' if most < math.inf else 'or more'}",
                )
        output_readout = Readout(layers.OUTPUT, readout, window)
        output = Population(
            output_readout.population, n_classes, output_readout.kind, tau_mem_ms, tau_syn_ms
        )
        chain = [*layers.hidden_layers(hidden, tau_mem_ms, tau_syn_ms), [output]]
        draws = {
            kind: layers.Draw(weight, delays) for kind, weight in layers.INITIAL_WEIGHTS.items()
        }
        rng = np.random.default_rng([seed, 0])
        network = cls(
            InputChannels(n_channels),
            layers.with_reset(
                [population for layer in chain for population in layer], reset, most_spikes
            ),
            layers.random_projections(n_channels, chain, draws, rng, recurrent=recurrent),
            output_readout,
            dt_ms,
            n_steps,
            class_names,
        )
        if rate is None:
            return network
        if example_input is None:
            chance = min(1.0, spikes_per_channel / n_steps)
            example_input = Raster.from_dense(
                rng.random((_SAMPLES_FOR_RATE, n_steps, n_channels)) < chance
            )
        elif not isinstance(example_input, Raster):
            example_input = network.bin(example_input[:_SAMPLES_FOR_RATE]).raster
        return balance_drive(network, example_input, rate, progress)

    def population(self, name: str) -> Population:
        """The population with this name."""
        return graph.by_name(self.populations, name)

    def with_relays(self, longest: int = LOIHI2.max_delay) -> Network:
        """Realise delays longer than `longest` with relay populations; arrival times do not change.

        Relay populations, placed first, repeat spikes one to one, `longest` + 1 steps later. Their
        sources are the input channels and neurons that have synapses with longer delays. These
        synapses then start at the relays. Spikes and membranes of the original populations do not
        change.

        >>> network = Network.layers([50, 64, 4], delays=100)
        >>> network.with_relays()
        <Network: 50 channels, input_relay1 50 lif, hidden_relay1 64 lif, hidden 64 lif, \
output 4 li, 100 steps of 1 ms>
        >>> network.with_relays().max_delay
        61

        Args:
            longest: longest delay of the result, in steps; by default the limit of Loihi 2.

        Raises:
            UsageError: `longest` is negative.
        """
        return with_relays(self, longest)

    def with_projections(self, projections: Sequence[Projection]) -> Network:
        """A copy of the network with other projections."""
        return replace(self, projections=projections)

    @classmethod
    def _unpack(cls, archive: Archive) -> Network:
        return cls(**cls._fields_in(archive))

"""`Network`: a float network, in the paper's units."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmtool.arguments import ARRAY, NAMES, NUMBERS, SPIKES, WORD, check_fields, checked, optional
from nmtool.arithmetic import LOIHI2, MAX_FLOAT_DELAY
from nmtool.errors import NetworkError, UsageError
from nmtool.network import graph
from nmtool.network.any_network import AnyNetwork, AnyPopulation, AnyProjection
from nmtool.network.graph import LIF, InputChannels
from nmtool.network.readout import Readout
from nmtool.progress import Progress, silent
from nmtool.raster import Raster
from nmtool.storage import Archive
from nmtool.values import plain_array, read_only

if TYPE_CHECKING:
    from nmtool.data.events import SpikeEvents

INITIAL_RATE = 3.0
"""Target rate of a new network's neurons, spikes per neuron and sample."""

_SAMPLES_FOR_RATE = 16


@dataclass(frozen=True, eq=False, repr=False)
class Population(AnyPopulation):
    """Neurons of one kind, with their constants.

    >>> Population("hidden", 2, "lif", tau_mem_ms=[5.0, 20.0], tau_syn_ms=10.0)
    <Population 'hidden': 2 lif>

    Attributes:
        name: name of the population, unique in the network.
        size: number of neurons.
        kind: `lif` neurons spike and reset, `li` neurons only integrate.
        tau_mem_ms, tau_syn_ms: [size] float64, time constants in ms, 0 and ∞ allowed.
        threshold: [size] float64, θ; unused by `li`.
        bias: [size] float64, constant input current in the units of V.

    A scalar applies to all neurons.
    """

    in_arrays = described = ("tau_mem_ms", "tau_syn_ms", "threshold", "bias")

    kind: str = LIF
    tau_mem_ms: ArrayLike = 20.0
    tau_syn_ms: ArrayLike = 5.0
    threshold: ArrayLike = 1.0
    bias: ArrayLike = 0.0

    def __post_init__(self) -> None:
        graph.check_population(self.name, self.kind, self.size)
        check_fields(self, tau_mem_ms=NUMBERS, tau_syn_ms=NUMBERS, threshold=NUMBERS, bias=NUMBERS)
        for key in self.in_arrays:
            object.__setattr__(self, key, read_only(self._per_neuron(key, np.float64)))
        for key in ("tau_mem_ms", "tau_syn_ms"):
            if not (self.values(key) >= 0).all():
                raise NetworkError(
                    f"population '{self.name}': {key} must not be negative or NaN",
                    code="time-constant-range",
                    fix="give a positive number of ms, or 0 for a state without memory",
                )
        if not (np.isfinite(self.values("threshold")) & (self.values("threshold") > 0)).all():
            raise NetworkError(
                f"population '{self.name}': thresholds must be positive and finite",
                code="threshold-range",
                fix="give positive numbers, in units of the membrane",
            )
        if not np.isfinite(self.values("bias")).all():
            raise NetworkError(
                f"population '{self.name}': the bias must be finite",
                code="bias-not-finite",
                fix="replace NaN and infinity by numbers",
            )

    def values(self, key: str) -> NDArray[np.float64]:
        """[size] float64: a constant of each neuron, by its name, such as `tau_mem_ms`."""
        return getattr(self, key)


@dataclass(frozen=True, eq=False, repr=False)
class Projection(AnyProjection):
    """Synapses from one population (or the input) to another.

    >>> Projection("input", "hidden", weight=[[0.5, -0.2]], delay=[[0, 7]])
    <Projection input → hidden: 1 × 2 synapses, delays 0 … 7>

    Attributes:
        source, target: population names; source may be `input`.
        weight: [pre, post] float64, in the paper's units.
        delay: [pre, post] int32, in steps; a spike of step n arrives at n + 1 + delay.
    """

    weight: NDArray[np.float64]
    delay: NDArray[np.int32]

    def __post_init__(self) -> None:
        check_fields(self, source=WORD, target=WORD, weight=ARRAY, delay=ARRAY)
        weight, delay = read_only(self.weight, np.float64), plain_array(self.delay)
        self._check_shapes(weight, delay)
        if not np.isfinite(weight).all():
            raise NetworkError(
                f"{self._label}: a weight is not finite",
                code="weights-not-finite",
                fix="replace NaN and infinity by numbers",
            )
        in_range = ((delay >= 0) & (delay <= MAX_FLOAT_DELAY)).all()
        if not np.array_equal(delay, np.trunc(delay)) or not in_range:
            raise NetworkError(
                f"{self._label}: delays must be whole steps from 0 to {MAX_FLOAT_DELAY}",
                code="delays-not-steps",
                fix="round delays to steps: milliseconds divided by dt_ms",
            )
        object.__setattr__(self, "weight", weight)
        object.__setattr__(self, "delay", read_only(delay, np.int32))

    @staticmethod
    def _weight_in(archive: Archive, name: str) -> NDArray:
        weight = archive.array(name)
        # If smaller types were allowed, a small file could become a huge array of float64.
        if weight.dtype.itemsize < 4:
            raise ValueError(f"'{name}' is {weight.dtype}, not float64")
        return weight


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
        from nmtool.data.events import SpikeEvents
        from nmtool.network import layers
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
            [population for layer in chain for population in layer],
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
        elif isinstance(example_input, SpikeEvents):
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
        from nmtool.network.relays import with_relays

        return with_relays(self, longest)

    def with_projections(self, projections: Sequence[Projection]) -> Network:
        """A copy of the network with other projections."""
        return replace(self, projections=projections)

    @classmethod
    def _unpack(cls, archive: Archive) -> Network:
        return cls(**cls._fields_in(archive))

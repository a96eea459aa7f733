"""Random integer networks and input rasters, made from a seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from nmtool.arithmetic import LOIHI2, Arithmetic, Limits
from nmtool.hardware_sim.simulator import simulate
from nmtool.known_answers import KnownAnswers
from nmtool.network.any_network import AnyNetwork
from nmtool.network.graph import INPUT, LI, LIF, MOST_SPIKES, RESET, RESET_BY, InputChannels
from nmtool.network.integer_network import (
    EXCITATORY,
    INHIBITORY,
    MIXED,
    IntegerNetwork,
    IntegerPopulation,
    IntegerProjection,
)
from nmtool.network.properties import Property
from nmtool.network.readout import FIRST_SPIKE, Readout
from nmtool.raster import Raster

SIGNS = (MIXED, EXCITATORY, INHIBITORY)


@dataclass
class Maker:
    """Draws parts of networks from one random generator.

    Attributes:
        random: the generator.
        max_delay: longest delay in steps.
        exponents: weight exponents that are drawn.
        limits: an arithmetic, or the narrower ranges of a target.
    """

    random: np.random.Generator
    max_delay: int = LOIHI2.max_delay
    exponents: tuple[int, ...] = (0, -6, -1, 1, 7)
    limits: Limits = LOIHI2

    @property
    def runs_in(self) -> Arithmetic:
        """The arithmetic of the drawn parts."""
        return self.limits.runs_in

    def population(self, name: str, size: int, kind: str) -> IntegerPopulation:
        """A population with decays of their whole range and thresholds that are often reached."""
        pick, arithmetic, ranges = self.random.choice, self.runs_in, self.limits
        choices = (arithmetic.least_threshold, 50, 400, 3000, ranges.max_threshold)
        thresholds = [vth for vth in choices if vth <= ranges.max_threshold]
        vth = int(pick(thresholds)) if kind == LIF else arithmetic.silent_threshold
        limit, most_shifted = ranges.bias_limit, ranges.max_bias_exponent
        biases = [0, 0, 0, -limit, max(-5, -limit), min(7, limit - 1), limit - 1] if limit else [0]
        return IntegerPopulation(
            name,
            size,
            kind,
            du=self._decay(400, ranges.max_du),
            dv=self._decay(200, ranges.max_dv),
            vth=vth,
            scale=1.0,
            bias_exponent=int(pick([0, min(3, most_shifted), most_shifted])) if limit else 0,
            bias_mantissa=pick(biases, size),
            arithmetic=arithmetic.name,
        )

    def _decay(self, usual: int, largest: int) -> int:
        """No decay, a usual one, any, or the largest."""
        drawn = int(self.random.integers(largest + 1))
        return int(self.random.choice([0, min(usual, largest), drawn, largest]))

    def projection(self, source: str, target: str, shape: tuple[int, int]) -> IntegerProjection:
        """A projection with any signs, bits and exponent, and any delays."""
        bits = self.limits.weight_bits[self.random.integers(len(self.limits.weight_bits))]
        exponents = self.limits.weight_exponents(bits)
        return IntegerProjection(
            source,
            target,
            self.weight(shape, str(self.random.choice(SIGNS)), bits).astype(np.int16),
            self.random.integers(0, self.max_delay + 1, shape).astype(np.uint8),
            bits,
            min(max(exponents[0], int(self.random.choice(self.exponents))), exponents[-1]),
            self.runs_in.name,
        )

    def weight(self, shape: tuple[int, int], signs: str, bits: int) -> NDArray[np.int64]:
        """[pre, post]: weights on the grid that signs and bits allow, including zeros."""
        step = self.runs_in.weight_step(bits, signs == MIXED)
        top = (self.runs_in.weight_limit - 1) // step
        low, high = {MIXED: (-top, top), EXCITATORY: (0, top), INHIBITORY: (-top, 0)}[signs]
        weight = self.random.integers(low, high + 1, shape) * step
        if signs == MIXED and weight.size > 1:
            weight.flat[:2] = step, -step
        elif signs == MIXED:
            weight = abs(weight) // (2 * step) * 2 * step
        return weight


def random_network(
    seed: int,
    n_hidden: int,
    spiking_output: bool,
    runs_in: Arithmetic = LOIHI2,
    *,
    channels: int = 5,
) -> IntegerNetwork:
    """A network with a chain of `n_hidden` recurrent populations and skip projections."""
    maker = Maker(np.random.default_rng(seed), runs_in.max_delay, limits=runs_in)
    names = [f"h{index}" for index in range(n_hidden)]
    sizes = {
        INPUT: channels,
        **{name: int(maker.random.integers(1, 9)) for name in names},
        "out": 4,
    }
    edges = [*zip([INPUT, *names], [*names, "out"], strict=True)]
    edges += [(name, name) for name in names]
    edges += [(INPUT, "out"), (names[-1], names[0])] if n_hidden > 1 else [(INPUT, "out")]
    kinds = {**dict.fromkeys(names, LIF), "out": LIF if spiking_output else LI}
    return IntegerNetwork(
        InputChannels(sizes[INPUT]),
        [maker.population(name, sizes[name], kind) for name, kind in kinds.items()],
        [maker.projection(pre, post, (sizes[pre], sizes[post])) for pre, post in edges],
        Readout("out", FIRST_SPIKE if spiking_output else "mean"),
        dt_ms=1.0,
        n_steps=70,
        arithmetic=runs_in.name,
    )


def with_resets(network: IntegerNetwork, seed: int, most_spikes: int = 1) -> IntegerNetwork:
    """The network with random resets and, if `most_spikes` is above 1, counts up to this limit."""
    counts = (MOST_SPIKES.up_to(most_spikes),) if most_spikes > 1 else ()
    return with_properties(network, seed, (RESET, RESET_BY, *counts))


def with_properties(
    network: IntegerNetwork, seed: int, properties: Sequence[Property]
) -> IntegerNetwork:
    """The network with random values of declared properties, also at the ends of their ranges.

    Args:
        network: a network.
        seed: seed of the random numbers.
        properties: the properties, with the values that they may have.
    """
    random = np.random.default_rng(seed)
    populations = [_with_drawn(random, p, properties) for p in network.populations]
    channels = _with_drawn(random, network.channels, properties)
    return replace(network, populations=populations, channels=channels)


_Part = TypeVar("_Part", IntegerPopulation, InputChannels)


def _with_drawn(random: np.random.Generator, part: _Part, properties: Sequence[Property]) -> _Part:
    """The part with a random value of each of its properties that is among `properties`."""
    drawn: dict[str, Any] = {}
    by_name = {limits.name: limits for limits in properties}
    for name, declared in part.declared().items():
        limits = by_name.get(name)
        values = limits and (limits.values or part.values_of(declared))
        if limits is None or values is None:
            continue
        # A word is drawn in any case, so that draws for other parts do not depend on its use.
        value = declared.default if isinstance(values, range) else _word(random, limits, properties)
        if declared.needs is not None:
            other, needed = declared.needs
            if drawn.get(other, getattr(part, other)) not in needed:
                drawn[name] = declared.default
                continue
        if isinstance(values, range):
            usual = getattr(part, part.stand_ins[name]) if name in part.stand_ins else 2
            value = _whole(random, values, usual)
        drawn[name] = value
    return replace(part, **drawn)


def _word(random: np.random.Generator, limits: Property, properties: Sequence[Property]) -> Any:
    """One of the words of a property; more often one that another property needs."""
    needs = [
        other.needs[1] for other in properties if other.needs and other.needs[0] == limits.name
    ]
    needed = [words[0] for words in needs if len(words) == 1]
    words = [*(limits.values or ()), *needed, *needed]
    return words[int(random.choice(len(words)))]


def _whole(random: np.random.Generator, values: range, usual: int) -> int:
    """A whole number: one of both ends of its range, a usual one, or any up to 1000 above that."""
    low, high = values[0], values[-1]
    drawn = int(random.integers(low, min(usual + 1000, high) + 1))
    return int(random.choice([low, min(max(usual, low), high), drawn, high]))


def random_raster(
    seed: int, n_samples: int, n_steps: int, n_neurons: int, most_spikes: int = 1
) -> Raster:
    """Samples from silent to dense, with up to `most_spikes` spikes per bin."""
    random = np.random.default_rng(seed)
    rate = random.choice([0.0, 0.02, 0.2, 1.0], (n_samples, 1, 1))
    spikes = random.random((n_samples, n_steps, n_neurons)) < rate
    if most_spikes == 1:
        return Raster.from_dense(spikes)
    return Raster.from_dense(spikes * random.integers(1, most_spikes + 1, spikes.shape))


def random_input(network: AnyNetwork, seed: int, n_samples: int, n_steps: int) -> Raster:
    """Random samples for a network, with as many spikes per bin as its channels carry."""
    channels = network.channels
    return random_raster(seed, n_samples, n_steps, channels.size, channels.most_spikes)


def answers_to(network: IntegerNetwork, spikes: Raster) -> KnownAnswers:
    """Simulate a network on an input, and make known answers from the recording.

    The input can be shorter than the input that `known_answers` generates.
    """
    recording = simulate(network, spikes, deep=True)
    return KnownAnswers(network.content_hash, spikes, recording, network.decay_factors())

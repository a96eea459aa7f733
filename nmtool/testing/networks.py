"""Random integer networks and input rasters, made from a seed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nmtool.arithmetic import LOIHI2, Arithmetic
from nmtool.hardware_sim.simulator import simulate
from nmtool.known_answers import KnownAnswers
from nmtool.network.any_network import AnyNetwork
from nmtool.network.graph import INPUT, LI, LIF, RESETS, SUBTRACT, TO_ZERO, InputChannels
from nmtool.network.integer_network import (
    EXCITATORY,
    INHIBITORY,
    MIXED,
    IntegerNetwork,
    IntegerPopulation,
    IntegerProjection,
)
from nmtool.network.readout import FIRST_SPIKE, Readout
from nmtool.raster import Raster

SIGNS = (MIXED, EXCITATORY, INHIBITORY)


@dataclass
class Maker:
    """Draws parts of networks from one random generator."""

    random: np.random.Generator
    max_delay: int = LOIHI2.max_delay
    exponents: tuple[int, ...] = (0, -6, -1, 1, 7)
    runs_in: Arithmetic = LOIHI2

    def population(self, name: str, size: int, kind: str) -> IntegerPopulation:
        """A population with decays of their whole range and thresholds that are often reached."""
        pick, arithmetic = self.random.choice, self.runs_in
        choices = (arithmetic.least_threshold, 50, 400, 3000, arithmetic.max_threshold)
        thresholds = [vth for vth in choices if vth <= arithmetic.max_threshold]
        vth = int(pick(thresholds)) if kind == LIF else arithmetic.silent_threshold
        limit, most_shifted = arithmetic.bias_limit, arithmetic.max_bias_exponent
        biases = [0, 0, 0, -limit, max(-5, -limit), min(7, limit - 1), limit - 1] if limit else [0]
        return IntegerPopulation(
            name,
            size,
            kind,
            du=self._decay(400, arithmetic.max_du),
            dv=self._decay(200, arithmetic.max_dv),
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
        arithmetic = self.runs_in
        bits = arithmetic.weight_bits[self.random.integers(len(arithmetic.weight_bits))]
        exponents = arithmetic.weight_exponents(bits)
        return IntegerProjection(
            source,
            target,
            self.weight(shape, str(self.random.choice(SIGNS)), bits).astype(np.int16),
            self.random.integers(0, self.max_delay + 1, shape).astype(np.uint8),
            bits,
            min(max(exponents[0], int(self.random.choice(self.exponents))), exponents[-1]),
            arithmetic.name,
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
    maker = Maker(np.random.default_rng(seed), runs_in.max_delay, runs_in=runs_in)
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
    """The network with a random reset of each spiking population, constants at their limits, too.

    Args:
        network: a network.
        seed: seed of the random numbers.
        most_spikes: limit of the spikes of neurons and input channels in a step; some have less.
    """
    random = np.random.default_rng(seed)

    # Only with this reset, neurons can spike more than once.
    resets = RESETS if most_spikes == 1 else (*RESETS, SUBTRACT, SUBTRACT)

    def drawn() -> int:
        return int(random.choice([1, 2, int(random.integers(1, most_spikes + 1)), most_spikes]))

    def changed(population: IntegerPopulation) -> IntegerPopulation:
        reset = str(random.choice(resets))
        if population.kind != LIF or reset == TO_ZERO:
            return population
        vth = population.vth
        most = population.runs_in.reset_constants(vth)[-1]
        usual = int(random.integers(1, min(vth + 1000, most) + 1))
        reset_by = int(random.choice([1, max(vth, 1), usual, most]))
        spikes = drawn() if most_spikes > 1 and reset == SUBTRACT else 1
        return replace(population, reset=reset, reset_by=reset_by, most_spikes=spikes)

    populations = [changed(p) for p in network.populations]
    if most_spikes == 1:
        return replace(network, populations=populations)
    channels = replace(network.channels, most_spikes=drawn())
    return replace(network, populations=populations, channels=channels)


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

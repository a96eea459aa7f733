"""Simulate float and integer networks in real numbers, step by step, without torch.

    u[n] = (1 − lose_u)·u[n−1] + Σ jumps that arrive at n
    v[n] = (1 − lose_v)·v[n−1] + u[n] + drive
    spike iff v[n] > threshold, then v[n] ← 0;   a spike of step n arrives at n + 1 + delay

All numbers are float64. NIR files contain the same numbers, and simulating them must give the same
result. Where torch is not installed, this module evaluates float networks.

Integer networks keep their own units: a jump is an integer weight, and float32 adds integers
exactly. Each threshold is moved by a third of the smallest unit of the chip's v: up if v must be
above the threshold for a spike, down if it may be equal. No integer lies between the old and the
new threshold, so exact sums spike as before. Decays and weights are binary fractions, whose sums
are never thirds. So v never equals the threshold, and no spike depends on how a simulator rounds.
The chip differs in two ways: it rounds decayed states, and its number ranges are limited.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nmtool import dynamics
from nmtool.batches import in_batches, samples_at_once
from nmtool.dynamics import HOP_LATENCY
from nmtool.network.graph import INPUT, LIF, MOST_SPIKES, RESET, RESET_BY
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.network.properties import Property, check_expressed
from nmtool.network.readout import Readout
from nmtool.raster import Raster
from nmtool.recording import Recording, check_input

if TYPE_CHECKING:
    from nmtool.network.float_network import Network
    from nmtool.network.float_parts import Population, Projection

Array = NDArray[np.float64]
Spikes = NDArray[np.uint8]


def simulate_floats(
    network: Network | IntegerNetwork,
    spikes: Raster,
    *,
    deep: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> Recording:
    """Run a network on every sample, starting from rest.

    Args:
        network: float or integer network; both run in real numbers.
        spikes: input raster, one neuron per channel of the network.
        deep: also record u of every population, and v of spiking populations.
        on_progress: called with the number of samples finished since the last call.

    Raises:
        DataError: the channels of the raster differ from those of the network.
    """
    from nmtool.hardware_sim.plan import lay_out
    from nmtool.hardware_sim.simulator import run_together

    check_input(network, spikes)
    values = 3 * spikes.n_steps * sum(p.size for p in network.populations)
    steps = step_network(network)
    run = partial(run_together, steps, lay_out(steps), deep=deep)
    return in_batches(run, spikes, samples_at_once(values), on_progress)


def reaches_rate(network: Network, names: Sequence[str], spikes: Raster, rate: float) -> bool:
    """True if the named populations reach a mean firing rate on an input.

    Only these populations and all populations that lead to them are simulated, and only until the
    rate is reached.

    Args:
        network: the network.
        names: names of spiking populations.
        spikes: input raster.
        rate: spikes per neuron and sample.
    """
    from nmtool.hardware_sim.plan import in_order_of_sums, lay_out
    from nmtool.hardware_sim.simulator import kernels_of

    steps = _up_to(step_network(network), names)
    counts = np.concatenate([np.full(p.size, p.name in names) for p in steps.populations])
    bins = int(counts.sum()) * spikes.n_samples
    # `enough` becomes the smallest number of spikes whose mean reaches the rate. The loops correct
    # the rounded product, which may be off by one.
    enough = math.ceil(rate * bins)
    while enough > 0 and (enough - 1) / bins >= rate:
        enough -= 1
    while bins and enough / bins < rate:
        enough += 1
    inputs = spikes.step_offset(), *in_order_of_sums(spikes)
    total = kernels_of(steps).spikes_up_to(lay_out(steps), *inputs, counts, enough)
    return bool(total >= enough)


def with_states(network: Network, record: Callable[..., Recording]) -> Callable[..., Recording]:
    """A function that simulates a float network and also records u and v of every population.

    u and v are computed in float64 from the input and the recorded spikes, with a reset at every
    recorded spike. So they agree with these spikes, even if the spikes come from another precision.

    Args:
        network: the network.
        record: function that simulates a raster, with the argument `on_progress`.

    Returns:
        A function that also records `current` (u of each step) and `potential` (v of spiking
        populations, after a reset), both [samples, steps, neurons] float64 in membrane units.
    """
    steps = step_network(network)
    values = 3 * network.n_steps * sum(p.size for p in network.populations)

    def record_all(
        spikes: Raster, *, on_progress: Callable[[int], None] | None = None
    ) -> Recording:
        """Simulate a raster in batches, and record u and v."""

        def run_batch(batch: Raster) -> Recording:
            """Simulate a batch, and add u and v to its recording."""
            return _states(steps, batch, record(batch))

        return in_batches(run_batch, spikes, samples_at_once(values), on_progress)

    return record_all


@dataclass(frozen=True, eq=False)
class StepPopulation:
    """Constants of a population's step, all arrays [size] float64.

    Attributes:
        name, size, kind: as in the network.
        lose_u, lose_v: share of u and v that a step loses, 0 … 1.
        drive: constant that each step adds to v.
        threshold: threshold in the units of v.
        drop: what a spike subtracts from v, negative if in the next step; 0: v becomes 0. A number
            applies to all neurons.
        most_spikes: largest number of spikes of a neuron in a step.
    """

    name: str
    size: int
    kind: str
    lose_u: Array
    lose_v: Array
    drive: Array
    threshold: Array
    drop: Array | float = 0.0
    most_spikes: int = 1


@dataclass(frozen=True, eq=False)
class StepProjection:
    """Synapses of a projection: jumps of u, and delays.

    Attributes:
        source, target: as in the network.
        jump: [pre, post] float64, added to u by a spike.
        delay: [pre, post] int64, in steps, without the one step of every hop.
    """

    source: str
    target: str
    jump: Array
    delay: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class StepNetwork:
    """A network as float64 numbers: all constants, jumps and delays that determine its spikes.

    Attributes:
        channels: number of input channels.
        populations, projections, readout: as in the network.
        properties: as in the network.
    """

    channels: int
    populations: Sequence[StepPopulation]
    projections: Sequence[StepProjection]
    readout: Readout
    properties: Mapping[str, Property]


def step_network(network: Network | IntegerNetwork) -> StepNetwork:
    """Convert a float or integer network to the numbers that its steps need.

    Raises:
        DoesNotFitError: the network has a property that these steps do not have.
    """
    check_expressed(network, (RESET, RESET_BY, MOST_SPIKES), "a simulation in floats")
    if isinstance(network, IntegerNetwork):
        populations = [_integer_population(p) for p in network.populations]
        projections = [
            _step_projection(p, p.shifted_weight.astype(np.float64)) for p in network.projections
        ]
    else:
        populations = [_float_population(p, network.dt_ms) for p in network.populations]
        projections = [
            _step_projection(p, p.weight * _jump_per_weight(network, p.target))
            for p in network.projections
        ]
    return StepNetwork(
        network.channels.size, populations, projections, network.readout, network.properties
    )


def _step_projection(projection: Projection | IntegerProjection, jump: Array) -> StepProjection:
    return StepProjection(
        projection.source, projection.target, jump, projection.delay.astype(np.int64)
    )


def _jump_per_weight(network: Network, target: str) -> Array:
    """[post]: the jump of u that a weight of 1 causes in each neuron of a population."""
    population = network.population(target)
    return dynamics.drive_scale(
        population.values("tau_mem_ms"), population.values("tau_syn_ms"), network.dt_ms
    )


def _float_population(population: Population, dt_ms: float) -> StepPopulation:
    tau_mem, tau_syn = population.values("tau_mem_ms"), population.values("tau_syn_ms")
    return StepPopulation(
        population.name,
        population.size,
        population.kind,
        lose_u=dynamics.loss(tau_syn, dt_ms),
        lose_v=dynamics.loss(tau_mem, dt_ms),
        drive=dynamics.membrane_gain(tau_mem, dt_ms) * population.values("bias"),
        threshold=population.values("threshold"),
        drop=population.drop,
        most_spikes=population.most_spikes,
    )


def _integer_population(population: IntegerPopulation) -> StepPopulation:
    """Constants of the step of an integer population, with a threshold that v never equals."""
    runs_in = population.runs_in
    decay_one, state_one = runs_in.decay_one, runs_in.state_one
    # The threshold is moved so that it lies between the largest v at which a neuron stays silent
    # and the smallest v at which it spikes.
    margin = (1 if runs_in.neuron.compare == "above" else -1) / (3 * state_one)

    def everywhere(value: float) -> Array:
        """[size] float64: the same value for each neuron."""
        return np.full(population.size, value, np.float64)

    return StepPopulation(
        population.name,
        population.size,
        population.kind,
        lose_u=everywhere((decay_one - population.keep_u) / decay_one),
        lose_v=everywhere((decay_one - population.keep_v) / decay_one),
        drive=population.bias / state_one,
        threshold=everywhere(population.vth + margin if population.kind == LIF else 1.0),
        drop=everywhere(population.drop / state_one),
        most_spikes=population.most_spikes,
    )


def membrane(population: StepPopulation, arriving: Array) -> Array:
    """[samples, steps, size]: v of one population, from the jumps that arrive in each step."""
    activity = _Activity(population, *arriving.shape[:2])
    activity.u[:] = np.moveaxis(arriving, 0, 1)
    for n in range(len(activity.u)):
        activity.integrate(n)
    return np.moveaxis(activity.v, 0, 1)


def arriving(projections: Iterable[StepProjection], emitted: Mapping[str, Spikes]) -> Array:
    """[samples, steps, post]: the jumps that arrive at a population in each step.

    Args:
        projections: projections to this population.
        emitted: by source, [samples, steps, pre] numbers of spikes.
    """
    sums = [_all_sent(p, np.moveaxis(emitted[p.source], 0, 1)) for p in projections]
    return np.moveaxis(np.sum(sums, axis=0), 0, 1)


def _all_sent(projection: StepProjection, emitted: Spikes) -> Array:
    """[steps, samples, post]: the jumps that all spikes of a projection's source deliver."""
    u = np.zeros((*emitted.shape[:2], projection.jump.shape[1]))
    for n, spikes in enumerate(emitted):
        _send(projection, spikes, n, u)
    return u


def _send(projection: StepProjection, spikes: Spikes, n: int, u: Array) -> None:
    """Add jumps to u at the steps at which the spikes of step n arrive.

    Args:
        projection: the synapses.
        spikes: [samples, pre] numbers of spikes of step n.
        n: step in which the spikes are emitted.
        u: [steps, samples, post], changed in place.
    """
    sample, pre = np.nonzero(spikes)
    step = n + HOP_LATENCY + projection.delay[pre]
    flat_index = (step * u.shape[1] + sample[:, None]) * u.shape[2] + np.arange(u.shape[2])
    is_in_time = step < len(u)
    jump = projection.jump[pre] * spikes[sample, pre, None]
    np.add.at(u.reshape(-1), flat_index[is_in_time], jump[is_in_time])


def _up_to(network: StepNetwork, names: Sequence[str]) -> StepNetwork:
    """Reduce a network to the named populations and all populations that lead to them."""
    needed, before = set(names), set[str]()
    while needed != before:
        before = needed
        needed = needed | {p.source for p in network.projections if p.target in needed}
    return replace(
        network,
        populations=[p for p in network.populations if p.name in needed],
        projections=[p for p in network.projections if p.target in needed],
    )


def _states(network: StepNetwork, spikes: Raster, recording: Recording) -> Recording:
    """Add u and v to a recording, computed from its spikes and the input."""
    rasters = {INPUT: spikes, **recording.spikes}
    emitted = {name: raster.dense_counts() for name, raster in rasters.items()}
    current, potential = {}, {}
    for population in network.populations:
        activity = _Activity(population, spikes.n_samples, spikes.n_steps)
        afferent = [p for p in network.projections if p.target == population.name]
        if afferent:
            activity.u[:] = np.moveaxis(arriving(afferent, emitted), 0, 1)
        if activity.is_spiking:
            activity.emitted[:] = np.moveaxis(emitted[population.name], 0, 1)
        for n in range(spikes.n_steps):
            activity.integrate(n)
            activity.reset(n)
        current[population.name] = np.moveaxis(activity.u, 0, 1)
        if activity.is_spiking:
            potential[population.name] = np.moveaxis(activity.v, 0, 1)
    return replace(recording, current=current, potential=potential)


class _Activity:
    """Arrays of u, v and spikes of a population, [steps, samples, size]; steps are contiguous."""

    def __init__(self, population: StepPopulation, n_samples: int, n_steps: int) -> None:
        shape = n_steps, n_samples, population.size
        self.population, self.is_spiking = population, population.kind == LIF
        self.u, self.v = np.zeros(shape), np.zeros(shape)
        self.emitted = np.zeros(shape, np.uint8)

    def integrate(self, n: int) -> None:
        """Advance u and v to step n, before its spikes; u[n] must contain the jumps of step n."""
        population, u, v = self.population, self.u, self.v
        if n:
            u[n] += (1 - population.lose_u) * u[n - 1]
            v[n] = (1 - population.lose_v) * v[n - 1]
            v[n] += np.minimum(population.drop, 0) * self.emitted[n - 1]
        v[n] += u[n] + population.drive

    def reset(self, n: int) -> None:
        """Reset the neurons that spike in step n."""
        drop, v = self.population.drop, self.v[n]
        v -= np.where(drop > 0, drop, np.where(drop, 0, v)) * self.emitted[n]

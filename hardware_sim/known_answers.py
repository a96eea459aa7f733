"""Known answers of a network: short inputs that make it spike, and what it answers to them.

One sample comes from data, where there are any; the others are made so that together they tell the
network from every other that differs in one stored number by a step of its grid, as far as any
input can (`stimuli.py`). Answers of integers hold u and v of every neuron.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from nmtool.arithmetic import DECAY_ONE
from nmtool.dynamics import HOP_LATENCY
from nmtool.hardware_sim.simulator import simulate
from nmtool.hardware_sim.stimuli import driving_input
from nmtool.hardware_sim.stretches import busiest_stretches
from nmtool.known_answers import KnownAnswers
from nmtool.network.float_network import Network
from nmtool.network.graph import strongly_connected
from nmtool.network.integer_network import IntegerNetwork
from nmtool.progress import Advance, Progress, silent
from nmtool.raster import Raster
from nmtool.recording import Recording

ANSWERED_SAMPLES = 3
ANSWERED_STEPS = 200
"""Longest usual sample: spikes pass three hops of the longest delay in it."""

LONG_STEPS = 1000
ENOUGH = 0.99
"""Samples last that long where shorter ones reach a smaller share of the synapses than this."""

DRIVEN_STEPS = 32
"""Steps that a sample lasts beyond the longest delays, so that neurons have time to spike."""


def known_answers(
    network: IntegerNetwork | Network,
    spikes: Raster | None = None,
    run: Callable[..., Recording] | None = None,
    progress: Progress = silent,
) -> KnownAnswers:
    """Record a network's answers to a few short samples.

    Args:
        network: the network.
        spikes: input raster; a stretch of the sample that makes most populations spike is taken
            where it makes any, and two samples are made. By default all three are made, the same
            for the same network.
        run: the function that answers to (network, raster); by default the simulator of integers,
            which also tells u and v of every neuron.
        progress: counts the samples that are tried.

    Raises:
        DataError: the raster has other channels than the network.
    """
    with progress("known answers") as advance:
        found = _input(network, spikes, run or simulate, advance)
    if run is not None:
        return KnownAnswers(network.content_hash, found, run(network, found))
    assert isinstance(network, IntegerNetwork), "floats need something to run them"
    recording = simulate(network, found, deep=True)
    # Files take factors of 4096; near those of the network, what they store stays small.
    one = network.runs_in.decay_one

    factors = {
        name: (keep_u * DECAY_ONE // one, keep_v * DECAY_ONE // one)
        for name, (keep_u, keep_v) in network.decay_factors().items()
    }
    return KnownAnswers(network.content_hash, found, recording, factors)


def _input(
    network: IntegerNetwork | Network,
    spikes: Raster | None,
    run: Callable[..., Recording],
    advance: Advance,
) -> Raster:
    """Samples of the usual length, or long ones where those show too little."""
    found, share = _driven(network, spikes, run, answered_steps(network), advance)
    if share < ENOUGH and isinstance(network, IntegerNetwork):
        longer, more = _driven(network, spikes, run, LONG_STEPS, advance)
        found = longer if more > share else found
    return found


def _driven(
    network: IntegerNetwork | Network,
    spikes: Raster | None,
    run: Callable[..., Recording],
    n_steps: int,
    advance: Advance,
) -> tuple[Raster, float]:
    """Samples of at least `n_steps` steps, and the share of synapses that they reach."""
    if spikes is not None:
        busiest = busiest_stretches(network, spikes, ANSWERED_STEPS, 1, run)
        heard = busiest.spikes.n_spikes > 0
        if heard and any(r.n_spikes for r in busiest.recording.spikes.values()):
            taken = replace(busiest.spikes, n_steps=max(n_steps, busiest.spikes.n_steps))
            made, share = driving_input(
                network, ANSWERED_SAMPLES - 1, taken.n_steps, taken, run, advance
            )
            return Raster.concatenate([taken, made]), share
    return driving_input(network, ANSWERED_SAMPLES, n_steps, run=run, on_progress=advance)


def answered_steps(network: IntegerNetwork | Network) -> int:
    """Steps of samples that are made: longer than the network's own where delays need that."""
    edges = [(p.source, p.target) for p in network.projections]
    hops = len(strongly_connected([p.name for p in network.populations], edges))
    reach = max((int(p.delay.max(initial=0)) for p in network.projections), default=0)
    return min(ANSWERED_STEPS, max(network.n_steps, hops * (reach + HOP_LATENCY) + DRIVEN_STEPS))

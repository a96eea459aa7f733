"""Known answers of a network: short inputs that make it spike, and its outputs for them.

One sample comes from data, if given; the others are generated so that together they distinguish the
network from every other that differs by one step in one stored number, as far as any input can
(`stimuli.py`). For integer networks, outputs include u and v of every neuron.
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
"""Usual sample length: enough for spikes to pass three projections with the longest delay."""

LONG_STEPS = 1000
ENOUGH = 0.99
"""If usual samples reach a smaller share of the synapses, longer samples are used."""

DRIVEN_STEPS = 32
"""Steps of a sample beyond the longest delays, in which neurons can spike."""


def known_answers(
    network: IntegerNetwork | Network,
    spikes: Raster | None = None,
    run: Callable[..., Recording] | None = None,
    progress: Progress = silent,
) -> KnownAnswers:
    """Record a network's outputs for a few short samples.

    Args:
        network: the network.
        spikes: input raster: an excerpt of the sample in which most populations spike is used, and
            two samples are generated. By default (or if none spikes) all three are generated, the
            same for the same network.
        run: function of (network, raster) that returns a recording; by default the integer
            simulator, which also records u and v of every neuron.
        progress: counts the samples tried.

    Raises:
        DataError: the raster has other channels than the network.
    """
    with progress("known answers") as advance:
        raster = _input(network, spikes, run or simulate, advance)
    if run is not None:
        return KnownAnswers(network.content_hash, raster, run(network, raster))
    assert isinstance(network, IntegerNetwork), "floats need something to run them"
    recording = simulate(network, raster, deep=True)
    # Files store decay factors out of 4096. If these are close to the network's, the stored
    # differences stay small.
    unity = network.runs_in.decay_one

    factors = {
        name: (keep_u * DECAY_ONE // unity, keep_v * DECAY_ONE // unity)
        for name, (keep_u, keep_v) in network.decay_factors().items()
    }
    return KnownAnswers(network.content_hash, raster, recording, factors)


def _input(
    network: IntegerNetwork | Network,
    spikes: Raster | None,
    run: Callable[..., Recording],
    advance: Advance,
) -> Raster:
    """Samples of the usual length, or longer ones if the usual ones reach too few synapses."""
    raster, share = _driven(network, spikes, run, answered_steps(network), advance)
    if share < ENOUGH and isinstance(network, IntegerNetwork):
        longer, more = _driven(network, spikes, run, LONG_STEPS, advance)
        raster = longer if more > share else raster
    return raster


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
        has_spikes = busiest.spikes.n_spikes > 0
        if has_spikes and any(r.n_spikes for r in busiest.recording.spikes.values()):
            taken = replace(busiest.spikes, n_steps=max(n_steps, busiest.spikes.n_steps))
            stimulus, share = driving_input(
                network, ANSWERED_SAMPLES - 1, taken.n_steps, taken, run, advance
            )
            return Raster.concatenate([taken, stimulus]), share
    return driving_input(network, ANSWERED_SAMPLES, n_steps, run=run, on_progress=advance)


def answered_steps(network: IntegerNetwork | Network) -> int:
    """Steps of generated samples: more than the network's `n_steps` if delays need them."""
    edges = [(p.source, p.target) for p in network.projections]
    hops = len(strongly_connected([p.name for p in network.populations], edges))
    reach = max((int(p.delay.max(initial=0)) for p in network.projections), default=0)
    return min(ANSWERED_STEPS, max(network.n_steps, hops * (reach + HOP_LATENCY) + DRIVEN_STEPS))

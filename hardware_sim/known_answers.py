"""Known answers of a network: short inputs that make it spike, and the network's outputs for them.

If data are given, the first sample comes from the data. All other samples are generated, so that
the samples together reveal a change by one step of as many stored numbers as possible
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
"""Usual sample length in steps: in this time, spikes can pass three projections with the longest
delay."""

LONG_STEPS = 1000
SUFFICIENT_SHARE = 0.99
"""If samples of the usual length reach a smaller share of the synapses, longer samples are used."""

DRIVEN_STEPS = 32
"""Number of steps of a sample in addition to the longest delays of all hops; in these steps neurons
can spike."""


def known_answers(
    network: IntegerNetwork | Network,
    spikes: Raster | None = None,
    run: Callable[..., Recording] | None = None,
    progress: Progress = silent,
) -> KnownAnswers:
    """Record a network's outputs for a few short samples.

    Args:
        network: the network.
        spikes: input raster. The first sample is an excerpt of the sample in which most populations
            spike, and at most two more samples are generated. By default, or if no population
            spikes, at most three samples are generated, always the same for a network.
        run: function of (network, raster) that returns a recording; by default the integer
            simulator, which also records u and v of every neuron.
        progress: shows the number of samples tried.

    Raises:
        DataError: the channels of the raster and the network differ.
    """
    with progress("known answers") as advance:
        raster = _choose_input(network, spikes, run or simulate, advance)
    if run is not None:
        return KnownAnswers(network.content_hash, raster, run(network, raster))
    assert isinstance(network, IntegerNetwork), "a float network needs `run`"
    recording = simulate(network, raster, deep=True)
    # A file stores u and v as differences from states that decay by stored factors. These factors
    # are multiples of 1/4096. The closer the factors are to the network's decay factors, the
    # smaller are the differences.
    decay_unit = network.runs_in.decay_one

    factors = {
        name: (keep_u * DECAY_ONE // decay_unit, keep_v * DECAY_ONE // decay_unit)
        for name, (keep_u, keep_v) in network.decay_factors().items()
    }
    return KnownAnswers(network.content_hash, raster, recording, factors)


def _choose_input(
    network: IntegerNetwork | Network,
    spikes: Raster | None,
    run: Callable[..., Recording],
    advance: Advance,
) -> Raster:
    """Choose samples of the usual length or, if these reach too few synapses, longer samples."""
    raster, share = _driving_samples(network, spikes, run, answered_steps(network), advance)
    if share < SUFFICIENT_SHARE and isinstance(network, IntegerNetwork):
        longer, larger_share = _driving_samples(network, spikes, run, LONG_STEPS, advance)
        raster = longer if larger_share > share else raster
    return raster


def _driving_samples(
    network: IntegerNetwork | Network,
    spikes: Raster | None,
    run: Callable[..., Recording],
    n_steps: int,
    advance: Advance,
) -> tuple[Raster, float]:
    """Make samples of at least `n_steps` steps; also return the share of synapses reached."""
    if spikes is not None:
        busiest = busiest_stretches(network, spikes, ANSWERED_STEPS, 1, run)
        has_spikes = busiest.spikes.n_spikes > 0
        if has_spikes and any(r.n_spikes for r in busiest.recording.spikes.values()):
            excerpt = replace(busiest.spikes, n_steps=max(n_steps, busiest.spikes.n_steps))
            stimulus, share = driving_input(
                network, ANSWERED_SAMPLES - 1, excerpt.n_steps, excerpt, run, advance
            )
            return Raster.concatenate([excerpt, stimulus]), share
    return driving_input(network, ANSWERED_SAMPLES, n_steps, run=run, on_progress=advance)


def answered_steps(network: IntegerNetwork | Network) -> int:
    """Length of generated samples in steps; longer than the network's `n_steps` for long delays."""
    edges = [(p.source, p.target) for p in network.projections]
    hops = len(strongly_connected([p.name for p in network.populations], edges))
    reach = max((int(p.delay.max(initial=0)) for p in network.projections), default=0)
    return min(ANSWERED_STEPS, max(network.n_steps, hops * (reach + HOP_LATENCY) + DRIVEN_STEPS))

"""Largest currents and membranes that data show, and the overflows that count.

v saturates beyond every threshold, in `loihi2` at ±(2^23 − 1). A spiking neuron that saturates
upwards spikes and is reset all the same, so that nothing is lost. Saturation counts in non-spiking
neurons, whose membranes are read. It also counts in spiking neurons that saturate downwards,
because they forget how far they were inhibited.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork
from nmtool.quantisation.conversion import Quantisation, round_network
from nmtool.quantisation.scale import Calibration
from nmtool.raster import Raster
from nmtool.recording import Recording

CALIBRATION_SAMPLES = 200
"""Training samples, the first ones, that calibrate a trained network."""

CALIBRATION_SAMPLES_IN_TRAINING = 64
"""Those that calibrate a network before every epoch, which has to be quick."""

SAMPLES_AT_ONCE = 8
"""Of which u and v of every neuron are held in memory."""

_MOST_ROUNDS = 64
"""Each round room grows by a quarter or twofold, or a scale halves: more than a million times."""


def calibrate(
    network: Network, spikes: Raster, *, to_integers: Callable[..., Quantisation] = round_network
) -> Calibration:
    """Run a network in integers that do not overflow, and see how far its variables go.

    Bounds that hold for every input can be so wide for a slow output that its weights all round
    to 0. The first run therefore leaves membranes no head-room; where one saturates, the network
    is quantised again with the head-room that the saturated run asks for, which makes its scale
    smaller, until none does whose saturation counts.

    Args:
        network: the float network.
        spikes: input raster of samples that stand for what the network will hear.
        to_integers: `round_network`, with the bits that are meant and the scale rule `static`.

    Returns:
        A calibration whose integers overflow on none of the samples in a way that counts.
    """
    seen = Calibration()
    for _ in range(_MOST_ROUNDS):
        seen, saturated = _observe(to_integers(network, calibration=seen).network, spikes)
        if not saturated:
            break
    return halve_overflowing_scales(network, spikes, seen, to_integers=to_integers)


def halve_overflowing_scales(
    network: Network,
    spikes: Raster,
    seen: Calibration,
    *,
    to_integers: Callable[..., Quantisation] = round_network,
) -> Calibration:
    """Halve the scales of populations until nothing overflows in a way that counts.

    Scales are halved because integer weights then stay as they are: their exponents become one
    less. With a scale in between, weights of few bits would be rounded to quite another network.

    Args:
        network, spikes, to_integers: as in `calibrate`.
        seen: what data showed so far.

    Returns:
        A calibration whose integers overflow on none of the samples in a way that counts.
    """
    for _ in range(_MOST_ROUNDS):
        integers = to_integers(network, calibration=seen).network
        if not overflows(integers, spikes):
            return seen
        saturated = _observe(integers, spikes)[1]
        halved = {name: integers.population(name).scale / 2 for name in saturated}
        seen = replace(seen, at_most={**seen.at_most, **halved})
    raise AssertionError("a scale that shrinks with every round leaves nothing to overflow")


def saturated_populations(network: IntegerNetwork, recording: Recording) -> set[str]:
    """The populations with a membrane or a current that saturated in a way that counts.

    Args:
        network: what was run.
        recording: a deep one of the simulator.
    """
    counts, potential = recording.counts, recording.potential
    if network.runs_in.neuron.u_overflow == "clips":
        currents = {p.name for p in network.populations if counts[f"u_wraps.{p.name}"]}
    else:
        currents = set()
    outputs = {p.name for p in network.integrating if counts[f"v_clips.{p.name}"]}
    lowest = {p.name: potential[p.name].min(initial=0) for p in network.spiking}
    return currents | outputs | {name for name, v in lowest.items() if v <= network.runs_in.lowest}


def overflows(network: IntegerNetwork, spikes: Raster) -> bool:
    """True where a current wraps around, or a membrane saturates in a way that counts.

    Args:
        network: the network to run.
        spikes: input raster.
    """
    from nmtool.hardware_sim.simulator import simulate

    counts = simulate(network, spikes).counts
    if counts["u_wraps"] or not counts["v_clips"]:
        return counts["u_wraps"] > 0
    return any(saturated_populations(network, part) for part in _deep_recordings(network, spikes))


def _observe(network: IntegerNetwork, spikes: Raster) -> tuple[Calibration, set[str]]:
    """Magnitudes that all samples show, and the populations that saturated in a way that counts."""
    seen, saturated = Calibration(), set[str]()
    for recording in _deep_recordings(network, spikes):
        seen = _larger(seen, _measure(network, recording))
        saturated |= saturated_populations(network, recording)
    return seen, saturated


def _deep_recordings(network: IntegerNetwork, spikes: Raster) -> Iterator[Recording]:
    """u and v of every neuron, a few samples at a time; nothing where there are no samples."""
    from nmtool.hardware_sim.simulator import simulate

    if spikes.n_samples:
        for part in spikes.batches(SAMPLES_AT_ONCE):
            yield simulate(network, part, deep=True)


def _measure(network: IntegerNetwork, recording: Recording) -> Calibration:
    drive, current, membrane = {}, {}, {}
    for population in network.populations:
        u = recording.current[population.name].astype(np.float64) / population.unit
        before = np.concatenate([np.zeros_like(u[:, :1]), u[:, :-1]], axis=1)
        keep = population.keep_u / network.runs_in.decay_one
        drive[population.name] = float(np.abs(u - keep * before).max(initial=0))
        current[population.name] = float(np.abs(u).max(initial=0))
        v = {**recording.potential, **recording.membrane}[population.name]
        membrane[population.name] = float(np.abs(v).max(initial=0) / population.unit)
    return Calibration(drive, current, membrane)


def _larger(one: Calibration, other: Calibration) -> Calibration:
    def merged(a: Mapping[str, float], b: Mapping[str, float]) -> dict[str, float]:
        return {name: max(a.get(name, 0.0), value) for name, value in b.items()}

    return Calibration(
        merged(one.drive, other.drive),
        merged(one.current, other.current),
        merged(one.membrane, other.membrane),
    )

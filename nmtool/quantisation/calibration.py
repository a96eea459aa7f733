"""Calibration: the largest currents and membranes on data, and the overflows that matter.

v saturates at a limit beyond every threshold, in `loihi2` at ±(2^23 − 1). A spiking neuron that
saturates upwards spikes and is reset anyway, so that nothing is lost. Saturation matters in
non-spiking neurons, whose membranes are read out; in spiking neurons that saturate downwards,
because they lose part of their inhibition; and in neurons that can spike several times per step,
because they lose spikes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from nmtool.batches import record_spikes
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork
from nmtool.quantisation.conversion import Quantisation, round_network
from nmtool.quantisation.scale import Calibration
from nmtool.raster import Raster
from nmtool.recording import Recording

CALIBRATION_SAMPLES = 200
"""Number of training samples (the first ones) with which a trained network is calibrated."""

CALIBRATION_SAMPLES_IN_TRAINING = 64
"""Number of calibration samples before every epoch of training; few, to save time."""

SAMPLES_AT_ONCE = 8
"""Number of samples run at once; few, since u and v of every neuron are in memory."""

_MOST_ROUNDS = 64
"""Largest number of rounds; each adds a quarter to head-room or doubles it, or halves scales."""


def calibrate(
    network: Network, spikes: Raster, *, to_integers: Callable[..., Quantisation] = round_network
) -> Calibration:
    """Measure the largest currents and membranes on data, in integers that do not overflow.

    Bounds for every possible input can be so wide for a slow output that all of its weights round
    to 0. The first simulation therefore leaves no head-room for membranes. If a membrane
    saturates, the network is quantised again with the head-room measured so far, and thus a
    smaller scale, until no saturation matters.

    Args:
        network: the float network.
        spikes: input raster of representative samples.
        to_integers: `round_network`, with the chosen bits and the scale rule `static`.

    Returns:
        A calibration, with which no overflow matters on any of the samples.
    """
    seen = Calibration()
    for _ in range(_MOST_ROUNDS):
        seen, saturated = _measure_all(to_integers(network, calibration=seen).network, spikes)
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
    """Halve the scales of populations until no overflow matters.

    Halving a scale keeps the integer weights, and lowers their exponents by one. Another factor
    would round weights of few bits to a quite different network.

    Args:
        network, spikes, to_integers: as in `calibrate`.
        seen: the calibration so far.

    Returns:
        A calibration, with which no overflow matters on any of the samples.
    """
    for _ in range(_MOST_ROUNDS):
        integers = to_integers(network, calibration=seen).network
        if not overflows(integers, spikes):
            return seen
        saturated = _measure_all(integers, spikes)[1]
        halved = {name: integers.population(name).scale / 2 for name in saturated}
        seen = replace(seen, at_most={**seen.at_most, **halved})
    raise AssertionError("states overflow, although scales were halved in every round")


def saturated_populations(network: IntegerNetwork, recording: Recording) -> set[str]:
    """Names of the populations in which saturation of a membrane or current matters.

    Args:
        network: the simulated network.
        recording: deep recording of the network.
    """
    counts, potential = recording.counts, recording.potential
    if network.runs_in.neuron.u_overflow == "clips":
        currents = {p.name for p in network.populations if counts[f"u_wraps.{p.name}"]}
    else:
        currents = set()
    outputs = {p.name for p in network.integrating if counts[f"v_clips.{p.name}"]}
    lowest = {p.name: potential[p.name].min(initial=0) for p in network.spiking}
    # A neuron that can spike several times per step spikes too seldom if its membrane saturates.
    several = {p.name for p in network.spiking if p.most_spikes > 1 and counts[f"v_clips.{p.name}"]}
    return (
        currents
        | outputs
        | several
        | {name for name, v in lowest.items() if v <= network.runs_in.lowest}
    )


def overflows(network: IntegerNetwork, spikes: Raster) -> bool:
    """True if a current overflows, or if saturation of a membrane matters.

    Args:
        network: the network to simulate.
        spikes: input raster.
    """
    from nmtool.hardware_sim.simulator import simulate

    counts = record_spikes(simulate, network, spikes).counts
    if counts["u_wraps"] or not counts["v_clips"]:
        return counts["u_wraps"] > 0
    return any(saturated_populations(network, part) for part in _deep_recordings(network, spikes))


def _measure_all(network: IntegerNetwork, spikes: Raster) -> tuple[Calibration, set[str]]:
    """Largest input, u and v on all samples, and names of populations where saturation matters."""
    seen, saturated = Calibration(), set[str]()
    for recording in _deep_recordings(network, spikes):
        seen = _merged(seen, _measure(network, recording))
        saturated |= saturated_populations(network, recording)
    return seen, saturated


def _deep_recordings(network: IntegerNetwork, spikes: Raster) -> Iterator[Recording]:
    """Yield deep recordings of a few samples at a time; nothing without samples."""
    from nmtool.hardware_sim.simulator import simulate

    if spikes.n_samples:
        for part in spikes.batches(SAMPLES_AT_ONCE):
            yield simulate(network, part, deep=True)


def _measure(network: IntegerNetwork, recording: Recording) -> Calibration:
    """Largest magnitudes of input, u and v in a deep recording, in units of u."""
    drive, current, membrane = {}, {}, {}
    for population in network.populations:
        u = recording.current[population.name].astype(np.float64) / population.unit
        before = np.concatenate([np.zeros_like(u[:, :1]), u[:, :-1]], axis=1)
        keep = population.keep_u / network.runs_in.decay_one
        drive[population.name] = float(np.abs(u - keep * before).max(initial=0))
        current[population.name] = float(np.abs(u).max(initial=0))
        v = recording.v[population.name]
        membrane[population.name] = float(np.abs(v).max(initial=0) / population.unit)
    return Calibration(drive, current, membrane)


def _merged(first: Calibration, second: Calibration) -> Calibration:
    """For each population in `second`, the larger magnitude of the two calibrations."""

    def merged(a: Mapping[str, float], b: Mapping[str, float]) -> dict[str, float]:
        """For each name in `b`, the larger of both values."""
        return {name: max(a.get(name, 0.0), value) for name, value in b.items()}

    return Calibration(
        merged(first.drive, second.drive),
        merged(first.current, second.current),
        merged(first.membrane, second.membrane),
    )

"""Overflows: how often states leave their 24 bits, and which answers depend on it.

Other chips and simulators do otherwise there: their membranes grow on, or wrap around. By teacher
forcing (`forced.py`), with the currents and spikes of a recording, membranes are followed by such
rules. As long as no neuron spikes otherwise, none receives anything else: a sample in which all
spikes stay is answered as such a chip would answer it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nmtool.arithmetic import STATE_LIMIT
from nmtool.graph import LI, LIF
from nmtool.integer_network import IntegerNetwork, IntegerPopulation
from nmtool.recording import Recording
from nmtool.targets import target_named, target_names
from nmtool.verification.forced import FREE, WRAP, Rules, fires, neurons_of, next_v

_STATE_BITS = STATE_LIMIT.bit_length()
_NEVER = np.iinfo(np.int64).max

WAYS = {"grows": FREE, "wraps": WRAP}
"""What targets do with a membrane beyond 24 bits where they do not clip it, as a rule of a step."""


def clipping_samples(network: IntegerNetwork, recording: Recording) -> NDArray[np.intp]:
    """Indices of samples in which membranes may have clipped.

    Args:
        network: what was run.
        recording: in which something clipped, deep or not; counts of clips are of all samples.
    """
    outputs = sum(recording.counts[f"v_clips.{p.name}"] for p in network.integrating)
    if outputs < recording.counts["v_clips"]:
        return np.arange(recording.n_samples)
    at_limit = [(abs(v.astype(np.int64)) >= STATE_LIMIT - 1) for v in recording.membrane.values()]
    return np.flatnonzero(np.any([x.any(axis=(1, 2)) for x in at_limit], axis=0))


def count_dependent(network: IntegerNetwork, recording: Recording) -> dict[str, int]:
    """Count the samples that other membranes beyond 24 bits would answer otherwise.

    Args:
        network: what was run.
        recording: a deep one of the simulator. Currents are taken as they are.

    Returns:
        `spikes_if_v_grows`: samples with spikes that membranes which grow on would not repeat;
        `predictions_if_v_grows`: samples of the same spikes and another prediction; likewise
        `spikes_if_v_wraps` and `predictions_if_v_wraps`.
    """
    found = {}
    for way, limit in WAYS.items():
        changed = np.zeros(recording.n_samples, np.bool_)
        membrane = {}
        for population in network.populations:
            spikes = _spikes(population, recording)
            fired, membrane[population.name] = _followed(population, recording, spikes, limit)
            changed |= (fired != spikes).any(axis=(1, 2))
        outputs = {p.name: membrane[p.name] for p in network.integrating}
        other = replace(recording, membrane=outputs).predictions != recording.predictions
        found[f"spikes_if_v_{way}"] = int(changed.sum())
        found[f"predictions_if_v_{way}"] = int((other & ~changed).sum())
    return found


def _spikes(population: IntegerPopulation, recording: Recording) -> NDArray[np.bool_]:
    if population.kind == LIF:
        return recording.spikes[population.name].dense()
    return np.zeros(recording.current[population.name].shape, np.bool_)


def _followed(
    population: IntegerPopulation, recording: Recording, spikes: NDArray[np.bool_], limit: str
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """[samples, steps, neurons]: spikes and membranes, with resets where spikes were recorded."""
    neurons = replace(neurons_of(population), rules=Rules(limit_v=limit))
    if population.kind == LI:
        neurons = replace(neurons, threshold=_NEVER)
    u = recording.current[population.name].astype(np.int64)
    fired, v = np.zeros(u.shape, np.bool_), np.zeros(u.shape, np.int64)
    state = np.zeros_like(u[:, 0]) if u.shape[1] else u
    for n in range(u.shape[1]):
        peak = next_v(state, u[:, n], neurons)
        fired[:, n] = fires(peak, neurons)
        state = v[:, n] = np.where(spikes[:, n], 0, peak)
    return fired, v


def overflow_sentence(counts: Mapping[str, int], of: str = "") -> str:
    """How often states left their bits, and what depends on it; '' where none did.

    Args:
        counts: as of `Certificate.overflows`.
        of: the samples, in words.
    """
    if not (counts.get("u_wraps") or counts.get("v_clips")):
        return ""
    return (
        f"overflows in {counts['neuron_updates']} updates of neurons{of}: u wraps "
        f"{counts['u_wraps']}, v clips {counts['v_clips']}, of them {counts['v_clips_outputs']} "
        f"of outputs; {'; '.join(_verdict(counts))}"
    )


def answers_depend(counts: Mapping[str, int]) -> bool:
    """True where a current wrapped, or another rule for membranes would change an answer."""
    keys = [f"{what}_if_v_{way}" for way in WAYS for what in ("spikes", "predictions")]
    return any(counts.get(key) for key in ("u_wraps", *keys))


def _verdict(counts: Mapping[str, int]) -> Iterator[str]:
    if not answers_depend(counts):
        yield "no spike and no prediction depends on it"
        return
    if counts["u_wraps"]:
        yield f"where currents do not wrap{_names('u', 'grows')}, spikes may be others"
    if not counts["v_clips"]:
        return
    for way, words in {"grows": "grow on", "wraps": "wrap around"}.items():
        spikes, predictions = counts[f"spikes_if_v_{way}"], counts[f"predictions_if_v_{way}"]
        said = "all answers stay"
        if spikes or predictions:
            said = f"{spikes} samples have other spikes, {predictions} another prediction alone"
        yield f"where membranes {words}{_names('v', way)}, {said}"


def _names(state: str, way: str) -> str:
    """Targets with states of 24 bits that do so beyond them, in brackets."""
    neurons = {name: target_named(name).neuron for name in target_names()}
    names = [
        name
        for name, neuron in neurons.items()
        if getattr(neuron, f"{state}_overflow") == way and neuron.state_bits == _STATE_BITS
    ]
    return f" ({', '.join(names)})" if names else ""

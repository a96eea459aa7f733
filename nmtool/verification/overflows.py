"""Overflows: number of states beyond their bits, and of samples whose answers depend on them.

Several chips run `loihi2`, but treat membranes beyond 24 bits differently: they clip in the
simulator, and keep growing or wrap around on other chips. From the spikes of a recording,
`hardware_sim/rules.py` computes membranes by these other rules. If no spike changes, every neuron
gets the same input on a chip with the other rule. The answer of this chip can then only differ if
membranes of outputs differ.

In other arithmetics, chips treat states like the simulator. Overflows are therefore counted only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from nmtool.arithmetic import STATE_LIMIT
from nmtool.batches import samples_at_once
from nmtool.network.float_network import Network
from nmtool.network.graph import INPUT, LIF
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.targets import target_named, target_names

_STATE_BITS = STATE_LIMIT.bit_length()

GROWS, WRAPS = "grows", "wraps"
"""Rules of targets for membranes beyond 24 bits, other than clipping."""


def no_dependence() -> dict[str, int]:
    """The counts of `count_dependent` for samples that do not depend on overflows: all are 0."""
    return {
        f"{noun}_if_v_{rule}": 0 for rule in (GROWS, WRAPS) for noun in ("spikes", "predictions")
    }


def overflow_sentence(counts: Mapping[str, int], of: str = "") -> str:
    """The sentence on the number of overflows and their effects; '' without overflows.

    Args:
        counts: counts as in `Certificate.overflows`.
        of: origin of the samples in words, e.g. ` on generated samples`.
    """
    if not (counts.get("u_wraps") or counts.get("v_clips") or counts.get("u_clips")):
        return ""
    if "u_clips" in counts:
        return (
            f"overflows in {counts['neuron_updates']} updates of neurons{of}: u clips "
            f"{counts['u_clips']} times, v clips {counts['v_clips']} times, "
            f"{counts['v_clips_outputs']} of these in outputs; the chip clips them, too"
        )
    return (
        f"overflows in {counts['neuron_updates']} updates of neurons{of}: u wraps "
        f"{counts['u_wraps']} times, v clips {counts['v_clips']} times, "
        f"{counts['v_clips_outputs']} of these in outputs; {'; '.join(_consequences(counts))}"
    )


def answers_depend(counts: Mapping[str, int]) -> bool:
    """True if a current wrapped around, or if another rule for membranes would change an answer."""
    return any(counts.get(key) for key in ("u_wraps", *no_dependence()))


def _consequences(counts: Mapping[str, int]) -> Iterator[str]:
    """Yield phrases on the answers that depend on overflows."""
    if not answers_depend(counts):
        yield "no spike and no prediction depends on them"
        return
    if counts["u_wraps"]:
        yield f"where currents do not wrap{_targets_in_parentheses('u', GROWS)}, spikes may differ"
    if not counts["v_clips"]:
        return
    for rule, words in {GROWS: "keep growing", WRAPS: "wrap around"}.items():
        spikes, predictions = counts[f"spikes_if_v_{rule}"], counts[f"predictions_if_v_{rule}"]
        consequence = "spikes and predictions stay the same"
        if spikes or predictions:
            consequence = (
                f"{spikes} samples have other spikes, and {predictions} other samples only have "
                "another prediction"
            )
        yield f"where membranes {words}{_targets_in_parentheses('v', rule)}, {consequence}"


def _targets_in_parentheses(state: str, rule: str) -> str:
    """Names of the targets with this rule for u or v beyond 24 bits, in parentheses, or ''."""
    neurons = {name: target_named(name).neuron for name in target_names()}
    names = [
        name
        for name, neuron in neurons.items()
        if getattr(neuron, f"{state}_overflow") == rule and neuron.state_bits == _STATE_BITS
    ]
    return f" ({', '.join(names)})" if names else ""


def count_overflows(
    network: Network | IntegerNetwork, spikes: Raster, recording: Recording | None
) -> dict[str, int]:
    """Count overflows, and the samples that depend on them, for `Certificate.overflows`.

    Args:
        network: the network.
        spikes: the input.
        recording: recording of the integer simulator, or None.

    Returns:
        Counts by name; empty without a recording, and for a float network.
    """
    if recording is None or not isinstance(network, IntegerNetwork):
        return {}
    counts, n_neurons = recording.counts, sum(p.size for p in network.populations)
    clips = network.runs_in.neuron.u_overflow == "clips"
    return {
        "u_clips" if clips else "u_wraps": counts["u_wraps"],
        "v_clips": counts["v_clips"],
        "v_clips_outputs": sum(counts[f"v_clips.{p.name}"] for p in network.integrating),
        "neuron_updates": spikes.n_samples * spikes.n_steps * n_neurons,
        **({} if clips else count_dependent(network, spikes, recording)),
    }


def count_dependent(
    network: IntegerNetwork, spikes: Raster, recording: Recording
) -> dict[str, int]:
    """Count the samples whose answers would differ with other rules for membranes beyond 24 bits.

    Args:
        network: the network.
        spikes: the input.
        recording: the simulator's recording, deep or not.

    Returns:
        `spikes_if_v_grows`: number of samples with other spikes if membranes keep growing;
        `predictions_if_v_grows`: samples with the same spikes but another prediction;
        `spikes_if_v_wraps` and `predictions_if_v_wraps`: the same counts if membranes wrap around.
    """
    total = no_dependence()
    if not recording.counts["v_clips"]:
        return total
    samples = _clipping_samples(network, recording)
    size = max(population.size for population in network.populations)
    batch_size = samples_at_once(3 * spikes.n_steps * size)
    for first in range(0, samples.size, batch_size):
        batch = samples[first : first + batch_size]
        sent = {name: raster.take(batch) for name, raster in recording.spikes.items()}
        counts = _count_in_batch(
            network, {INPUT: spikes.take(batch), **sent}, recording.predictions[batch]
        )
        total = {name: count + counts[name] for name, count in total.items()}
    return total


def _clipping_samples(network: IntegerNetwork, recording: Recording) -> NDArray[np.intp]:
    """Indices of the samples in which a membrane may have clipped.

    The counts of spiking populations have no sample: if one clipped, all samples are returned.
    """
    outputs = sum(recording.counts[f"v_clips.{p.name}"] for p in network.integrating)
    if outputs < recording.counts["v_clips"]:
        return np.arange(recording.n_samples)
    at_limit = [abs(v.astype(np.int64)) >= STATE_LIMIT - 1 for v in recording.membrane.values()]
    return np.flatnonzero(np.any([mask.any(axis=(1, 2)) for mask in at_limit], axis=0))


def _count_in_batch(
    network: IntegerNetwork, sent: dict[str, Raster], predictions: NDArray[np.int64]
) -> dict[str, int]:
    """Count the dependent samples of a batch, as `count_dependent` does.

    Args:
        network: the network.
        sent: spikes of the input and of every spiking population, by name.
        predictions: [samples] classes in the recording.
    """
    from nmtool.hardware_sim.alone import Neurons, spikes_to
    from nmtool.hardware_sim.rules import FREE, WRAP, Rules, run_with, without_output_threshold

    right, counts = Rules.of(network.runs_in), {}
    for rule, limit_v in {GROWS: FREE, WRAPS: WRAP}.items():
        rules = right._replace(limit_v=limit_v)
        changed = np.zeros(sent[INPUT].n_samples, np.bool_)
        membrane = {}
        for population in network.populations:
            name, arrived = population.name, spikes_to(network, population.name, sent)
            neurons = without_output_threshold(Neurons.of(network, name))
            predicted = run_with(rules, neurons, arrived)
            if population.kind == LIF:
                differs = predicted.spikes != sent[name].dense_counts()
                changed |= differs.any(axis=(1, 2))
            else:
                membrane[name] = predicted.v
        rasters = {name: raster for name, raster in sent.items() if name != INPUT}
        other = Recording(network.readout, rasters, membrane).predictions != predictions
        counts[f"spikes_if_v_{rule}"] = int(changed.sum())
        counts[f"predictions_if_v_{rule}"] = int((other & ~changed).sum())
    return counts

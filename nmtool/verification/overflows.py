"""Overflows: how often states leave their 24 bits, and which answers depend on it, in words.

Other chips and simulators do otherwise there: their membranes grow on, or wrap around.
`hardware_sim/overflows.py` counts the samples that they would answer otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from nmtool.arithmetic import STATE_LIMIT
from nmtool.targets import target_named, target_names

_STATE_BITS = STATE_LIMIT.bit_length()

GROWS, WRAPS = "grows", "wraps"
"""What targets do with a membrane beyond 24 bits where they do not clip it."""


def dependence() -> dict[str, int]:
    """The counts of samples that depend on overflows, all 0: by what differs, and in which case."""
    return {f"{what}_if_v_{way}": 0 for way in (GROWS, WRAPS) for what in ("spikes", "predictions")}


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
    return any(counts.get(key) for key in ("u_wraps", *dependence()))


def _verdict(counts: Mapping[str, int]) -> Iterator[str]:
    if not answers_depend(counts):
        yield "no spike and no prediction depends on it"
        return
    if counts["u_wraps"]:
        yield f"where currents do not wrap{_names('u', GROWS)}, spikes may be others"
    if not counts["v_clips"]:
        return
    for way, words in {GROWS: "grow on", WRAPS: "wrap around"}.items():
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

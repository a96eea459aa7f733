"""Layered networks: their notation, and their random initial synapses.

A layer is a number of neurons, or several populations with their own time constants:

    64                   64 neurons
    24@5+24@10+16@20     three populations, membranes of 5, 10 and 20 ms
    24@5/2               a membrane of 5 ms and a synaptic current of 2 ms

Populations of a layer get the same input. If layers are recurrent, each population of a layer
projects to all populations of the layer.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

import numpy as np

from nmtool.errors import UsageError, check_type
from nmtool.network.float_parts import Population, Projection
from nmtool.network.graph import INPUT, LIF, MAX_CHANNELS

OUTPUT = "output"

INITIAL_WEIGHTS = {
    "input": (0.02, 0.05),
    "hidden": (0.02, 0.03),
    "recurrent": (0.0, 0.02),
    "output": (0.0, 0.03),
}
"""Mean and standard deviation of weights, in the paper's units, by kind of projection."""


@dataclass(frozen=True)
class Draw:
    """Distributions from which a projection is drawn: normal weights, uniform delays.

    Attributes:
        weight: mean and standard deviation, in the paper's units.
        longest_delay: largest delay, in steps; the smallest is 0.
        axonal: True for a delay per source neuron instead of a delay per synapse.
    """

    weight: tuple[float, float]
    longest_delay: int
    axonal: bool = False


_NUMBER = r"[0-9]{1,18}(?:\.[0-9]{1,18})?"
_POPULATION = re.compile(rf"([0-9]{{1,18}})(?:@({_NUMBER})(?:/({_NUMBER}))?)?")


def spelled_layers(spelled: object) -> tuple[int | str, ...] | None:
    """Parse layers: a plain size becomes a number, any other layer a string without spaces.

    >>> spelled_layers("24@5 + 24@10, 64")
    ('24@5+24@10', 64)

    Args:
        spelled: a whole number, a layer, layers separated by commas, or a list of these.

    Returns:
        The layers; None if the argument is invalid.
    """
    if isinstance(spelled, list | tuple | np.ndarray):
        parts = [spelled_layers(layer) for layer in spelled]
        if not parts or None in parts:
            return None
        return tuple(layer for part in parts for layer in part or ())
    if isinstance(spelled, str):
        layers = ["".join(layer.split()) for layer in spelled.split(",")]
        if not all(
            _POPULATION.fullmatch(population) for layer in layers for population in layer.split("+")
        ):
            return None
        return tuple(int(layer) if layer.isdecimal() else layer for layer in layers)
    if isinstance(spelled, bool):
        return None
    try:
        return (operator.index(spelled),)  # type: ignore[arg-type]
    except TypeError:
        return None


def neurons_of(layer: int | str) -> list[int]:
    """Number of neurons of each population in a layer from `spelled_layers`."""
    return [int(population.partition("@")[0]) for population in str(layer).split("+")]


def hidden_layers(
    layers: Sequence[int | str], tau_mem_ms: float, tau_syn_ms: float
) -> list[list[Population]]:
    """The hidden populations of each layer, called `hidden`, or `hidden1`, `hidden2`, …

    >>> [[fast, slow]] = hidden_layers(["8@5/2+4@20"], 10.0, 10.0)
    >>> print(fast.name, fast.size, fast.tau_mem_ms[0], fast.tau_syn_ms[0])
    hidden1 8 5.0 2.0
    >>> print(slow.name, slow.size, slow.tau_mem_ms[0], slow.tau_syn_ms[0])
    hidden2 4 20.0 10.0

    Args:
        layers: layers from `spelled_layers`.
        tau_mem_ms, tau_syn_ms: time constants in ms, where a layer gives no others.

    Raises:
        NetworkError: a population has no neurons or invalid constants.
    """
    spelled = [str(layer).split("+") for layer in layers]
    is_only = sum(map(len, spelled)) == 1
    numbers = count(1)

    def population(text: str) -> Population:
        """Make a population from its notation, such as `24@5/2`."""
        match = _POPULATION.fullmatch(text)
        assert match is not None
        size, tau_mem, tau_syn = match.groups()
        return Population(
            "hidden" if is_only else f"hidden{next(numbers)}",
            int(size),
            LIF,
            tau_mem_ms if tau_mem is None else float(tau_mem),
            tau_syn_ms if tau_syn is None else float(tau_syn),
        )

    return [[population(text) for text in layer] for layer in spelled]


def with_reset(
    populations: Sequence[Population], reset: str, most_spikes: int = 1
) -> list[Population]:
    """Populations of which those that spike have a reset; one that they have already is kept.

    Args:
        populations: any populations.
        reset: `zero`, or `subtract` or `late` to subtract the threshold.
        most_spikes: largest number of spikes of a neuron in a step.
    """
    others = other_resets(populations, reset)

    def changed(population: Population) -> Population:
        by = None if population.name in others else population.reset_by
        return replace(population, reset=reset, reset_by=by, most_spikes=most_spikes)

    return [changed(p) if p.kind == LIF else p for p in populations]


def other_resets(populations: Sequence[Population], reset: str) -> dict[str, str]:
    """The resets of populations that spike and have another reset than this, by population."""
    return {p.name: p.reset for p in populations if p.kind == LIF and p.reset != reset}


def random_projections(
    n_channels: int,
    layers: Sequence[Sequence[Population]],
    draws: Mapping[str, Draw],
    rng: np.random.Generator,
    *,
    recurrent: bool,
) -> list[Projection]:
    """Draw projections from each layer to the next and, if `recurrent`, within layers.

    Args:
        n_channels: number of input channels.
        layers: hidden populations, and the output as the last layer.
        draws: distributions by kind of projection: `input`, `hidden`, `recurrent` and `output`. A
            projection directly from the input to the output is of the kind `input`.
        rng: random generator.
        recurrent: hidden populations project to all populations of their layer.
    """
    sizes = {INPUT: n_channels} | {p.name: p.size for layer in layers for p in layer}
    projections = []

    def project(source: str, target: str, kind: str) -> None:
        draw, shape = draws[kind], (sizes[source], sizes[target])
        weight = rng.normal(*draw.weight, shape)
        drawn = rng.integers(0, draw.longest_delay + 1, (shape[0], 1) if draw.axonal else shape)
        delay = np.broadcast_to(drawn.astype(np.int32), shape)
        projections.append(Projection(source, target, weight, delay))

    before = [INPUT]
    for layer in layers:
        is_last, names = layer is layers[-1], [population.name for population in layer]
        kind = "input" if before == [INPUT] else "output" if is_last else "hidden"
        for target in names:
            for source in before:
                project(source, target, kind)
            for source in names if recurrent and not is_last else ():
                project(source, target, "recurrent")
        before = names
    return projections


def parse_sizes(sizes: Sequence[int | str]) -> tuple[int, list[int | str], int]:
    """Divide sizes into channels, hidden layers and classes; raise `UsageError` if invalid."""
    fix = "pass channels, hidden layers and classes, e.g. [50, 64, 32, 4] or [50, '24@5+24@20', 4]"
    check_type(sizes, (list, tuple, np.ndarray), "the sizes of layers", fix)
    layers = [spelled_layers(size) for size in sizes]
    entries = [layer[0] for layer in layers if layer is not None and len(layer) == 1]
    is_valid = len(entries) == len(layers) >= 2 and all(
        1 <= size <= MAX_CHANNELS for layer in entries for size in neurons_of(layer)
    )
    if not is_valid or isinstance(entries[0], str) or isinstance(entries[-1], str):
        raise UsageError(
            f"the sizes of layers must be two or more positive whole numbers, not {sizes!r} (a "
            "hidden layer may also consist of populations with time constants)",
            code="layer-sizes",
            fix=fix,
        )
    return entries[0], entries[1:-1], entries[-1]

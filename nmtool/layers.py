"""Networks in layers: populations in a chain, with random synapses that make neurons spike."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from nmtool.arguments import NAMES, NUMBER, SPIKES, SWITCH, WHOLE, WORD, checked, optional
from nmtool.balance import balance_drive
from nmtool.data.events import SpikeEvents
from nmtool.errors import UsageError, check_type
from nmtool.float_simulator import simulate_reals
from nmtool.graph import INPUT, LIF, MAX_CHANNELS, InputChannels
from nmtool.network import Network, Population, Projection
from nmtool.raster import Raster
from nmtool.readout import Readout

OUTPUT = "output"

INITIAL_WEIGHTS = {
    "input": (0.02, 0.05),
    "hidden": (0.02, 0.03),
    "recurrent": (0.0, 0.02),
    "output": (0.0, 0.03),
}
"""Mean and standard deviation of weights, in the paper's units, by the kind of a projection."""

_HEARD_SAMPLES = 16


@dataclass(frozen=True)
class Draw:
    """Distributions of a projection's synapses: weights normal, delays uniform.

    Attributes:
        weight: mean and standard deviation, in the paper's units.
        longest_delay: delays are 0 … this many steps.
    """

    weight: tuple[float, float]
    longest_delay: int


def hidden_names(n_layers: int) -> list[str]:
    """Names of the hidden populations: `hidden`, or `hidden1`, `hidden2`, …"""
    if n_layers == 1:
        return ["hidden"]
    return [f"hidden{index + 1}" for index in range(n_layers)]


def chained(
    sizes: Mapping[str, int],
    draws: Mapping[str, Draw],
    rng: np.random.Generator,
    *,
    recurrent: bool,
) -> list[Projection]:
    """Random projections from each layer to the next.

    Args:
        sizes: neurons by name, from `input` over hidden populations to the output.
        draws: by kind of projection, `input`, `hidden`, `recurrent` and `output`. What leads
            from the input straight to the output is of the kind `input`.
        rng: decides the draws.
        recurrent: hidden populations project to themselves, too.
    """
    names = list(sizes)
    projections = []

    def project(source: str, target: str, kind: str) -> None:
        draw, shape = draws[kind], (sizes[source], sizes[target])
        weight = rng.normal(*draw.weight, shape)
        delay = rng.integers(0, draw.longest_delay + 1, shape)
        projections.append(Projection(source, target, weight, delay.astype(np.int32)))

    for source, target in pairwise(names):
        is_last = target == names[-1]
        project(source, target, "input" if source == INPUT else "output" if is_last else "hidden")
        if recurrent and not is_last:
            project(target, target, "recurrent")
    return projections


@checked(
    recurrent=SWITCH,
    delays=WHOLE,
    readout=WORD,
    window=optional(WHOLE),
    dt_ms=NUMBER,
    n_steps=WHOLE,
    class_names=NAMES,
    heard=optional(SPIKES),
    spikes_per_channel=NUMBER,
    rate=optional(NUMBER),
    seed=WHOLE,
)
def layered(
    sizes: Sequence[int],
    *,
    recurrent: bool,
    delays: int,
    readout: str,
    window: int | None,
    dt_ms: float,
    n_steps: int,
    tau_mem_ms: float,
    tau_syn_ms: float,
    class_names: Sequence[str],
    heard: Raster | SpikeEvents | None,
    spikes_per_channel: float,
    rate: float | None,
    seed: int,
) -> Network:
    """Make a network of layers: `Network.layers`, which has the defaults and their meaning."""
    numbers = _sizes(sizes)
    for name, low in (("delays", delays), ("seed", seed)):
        if low < 0:
            raise UsageError(
                f"{name} must not be negative, not {low}",
                code="setting-range",
                fix="pass a whole number from 0 on",
            )
    *hidden, n_classes = numbers[1:]
    answer = Readout(OUTPUT, readout, window)
    populations = [
        Population(name, size, LIF, tau_mem_ms, tau_syn_ms)
        for name, size in zip(hidden_names(len(hidden)), hidden, strict=True)
    ]
    populations.append(Population(OUTPUT, n_classes, answer.kind, tau_mem_ms, tau_syn_ms))
    rng = np.random.default_rng([seed, 0])
    network = Network(
        InputChannels(numbers[0]),
        populations,
        chained(
            {INPUT: numbers[0]} | {p.name: p.size for p in populations},
            {kind: Draw(weight, delays) for kind, weight in INITIAL_WEIGHTS.items()},
            rng,
            recurrent=recurrent,
        ),
        answer,
        dt_ms,
        n_steps,
        class_names,
    )
    if rate is None:
        return network
    if heard is None:
        chance = min(1.0, spikes_per_channel / n_steps)
        heard = Raster.from_dense(rng.random((_HEARD_SAMPLES, n_steps, numbers[0])) < chance)
    elif isinstance(heard, SpikeEvents):
        heard = network.bin(heard[:_HEARD_SAMPLES]).raster
    return balance_drive(network, heard, rate, simulate_reals)


def _sizes(sizes: Sequence[int]) -> list[int]:
    """Whole numbers from 1 on, at least two; raises `UsageError`."""
    fix = "pass channels, hidden neurons and classes, e.g. [50, 64, 32, 4]"
    check_type(sizes, (list, tuple, np.ndarray), "the sizes of layers", fix)
    try:
        numbers = [operator.index(size) for size in sizes]
    except TypeError:
        numbers = []
    if len(numbers) < 2 or not all(1 <= size <= MAX_CHANNELS for size in numbers):
        raise UsageError(
            f"the sizes of layers are two or more whole numbers from 1 on, not {sizes!r}",
            code="layer-sizes",
            fix=fix,
        )
    return numbers

"""`ensemble`: several networks as one network, whose output is the sum of their outputs.

An output that does not spike is linear: u and v are weighted sums of the spikes that arrive, and
of the bias. Where several outputs have the same time constants, one population that receives all
of their synapses therefore has, at every step, the sum of their membranes. If the weights and the
bias of output k are multiplied by the factor w_k of network k, this sum is weighted:

    v[n] = Σ_k w_k·v_k[n]

A readout that is linear in the membrane (`mean`, `weighted`, `window`) then gives Σ_k w_k·score_k.
`max` gives max_n Σ_k w_k·v_k[n], the maximum of the sum, not the sum of the maxima. The readout
`first_spike` is not supported: the first spike of a summed output is not that of its members.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.arguments import checked
from nmtool.errors import Finding, UsageError
from nmtool.loading import Source, float_network
from nmtool.network.float_network import Network
from nmtool.network.float_parts import Population, Projection
from nmtool.network.graph import INPUT, LI, LIF
from nmtool.network.readout import rules_of

_log = logging.getLogger(__name__)

_AS_ALL = "train them on the same data with the same dt, steps, group and readout"
_SAME_STEPS = (
    "train all of them with the same number, `steps=N`: `steps=auto` derives it from the "
    "training samples, which depend on the seed"
)
_SPIKING = Finding(
    "join-first-spike",
    "readout",
    "outputs that spike cannot be added",
    f"join networks whose outputs do not spike: readout {' or '.join(rules_of(LI))}",
    why="spiking outputs reset, so an output with the summed input spikes at other times than "
    "the members' outputs",
)


@checked
def ensemble(networks: Sequence[Source], weights: Sequence[float] | None = None) -> Network:
    """Combine networks into one network, whose scores are the weighted sum of their scores.

    Every hidden population gets the number of its network as a suffix, and all of them project to
    one common output population. The result is an ordinary network.

    >>> sizes = ([50, 16, 4], [50, 32, 4])
    >>> first, second = (Network.layers(size, seed=seed) for seed, size in enumerate(sizes))
    >>> ensemble([first, second])
    <Network: 50 channels, hidden_1 16 lif, hidden_2 32 lif, output 4 li, 100 steps of 1 ms>

    With the readouts `mean`, `weighted` and `window`, its scores equal the weighted sum up to the
    rounding of floats. `max` gives the maximum of the summed membranes, not the sum of the maxima.

    Args:
        networks: float networks, runs (their float networks are used), torch models, or paths. All
            must have the same channels, steps, classes, readout and time constants of the output.
        weights: a weight for the scores of each network; by default 1/n for n networks, which gives
            the mean of their scores.

    Raises:
        UsageError: there is no network, or one is an integer network; the networks differ where
            they must be equal, or have the readout `first_spike`; there are more or fewer weights
            than networks.
        FileFormatError: there is no network at a path.
    """
    members = [_floats(source) for source in networks]
    if not members:
        raise UsageError(
            "there is no network to join",
            code="networks-missing",
            fix="pass a list of one or more networks or runs",
        )
    factors = [1 / len(members)] * len(members) if weights is None else list(weights)
    _check_weights(factors, len(members))
    if problems := [*_problems(members)]:
        raise UsageError(
            f"{len(members)} networks cannot be joined",
            code="networks-unlike",
            findings=problems,
        )
    first = members[0]
    renamed = [
        {p.name: f"{p.name}_{number}" for p in network.populations}
        for number, network in enumerate(members, 1)
    ]
    output = first.readout.population
    while any(output in names.values() for names in renamed):
        output += "_"
    populations: list[Population] = []
    projections: list[Projection] = []
    for network, names, factor in zip(members, renamed, factors, strict=True):
        readout_population = network.readout.population
        names |= {readout_population: output, INPUT: INPUT}
        populations += [
            replace(p, name=names[p.name])
            for p in network.populations
            if p.name != readout_population
        ]
        projections += [
            Projection(
                names[p.source],
                names[p.target],
                p.weight * factor if p.target == readout_population else p.weight,
                p.delay,
            )
            for p in network.projections
        ]
    first_output = first.population(first.readout.population)
    biases = [
        factor * member.population(member.readout.population).values("bias")
        for member, factor in zip(members, factors, strict=True)
    ]
    return replace(
        first,
        populations=[*populations, replace(first_output, name=output, bias=np.sum(biases, axis=0))],
        projections=projections,
        readout=replace(first.readout, population=output),
    )


def _floats(source: Source) -> Network:
    """The float network of a source; raises `UsageError` if the source is an integer network."""
    network = float_network(source)
    if network is None:
        name = source if isinstance(source, str | Path) else "a network"
        raise UsageError(
            f"{name} is an integer network, and only float networks can be joined",
            code="join-integers",
            why="membranes of integer outputs with different scales cannot be added",
            fix="join the float networks, and quantise the result",
        )
    return network


def _check_weights(weights: Sequence[Any], n_networks: int) -> None:
    """Raise `UsageError` unless there is a finite weight per network, not all of them 0."""

    def is_number(weight: Any) -> bool:
        kinds = (int, float, np.integer, np.floating)
        return (
            isinstance(weight, kinds) and not isinstance(weight, bool) and bool(np.isfinite(weight))
        )

    if len(weights) != n_networks or not all(map(is_number, weights)):
        raise UsageError(
            f"{n_networks} networks cannot have the weights {', '.join(map(str, weights))}",
            code="join-weights",
            fix="give one finite number per network, in the same order",
        )
    if not any(weights):
        raise UsageError(
            "all weights are 0",
            code="join-weights",
            why="no network would contribute",
            fix="give at least one network a weight other than 0",
        )


def _problems(networks: Sequence[Network]) -> Iterator[Finding]:
    """Findings on all differences that prevent the networks from sharing an output."""
    common: dict[str, Callable[[Network], Any]] = {
        "channels": _channels,
        "dt_ms": lambda network: network.dt_ms,
        "n_steps": lambda network: network.n_steps,
        "class_names": lambda network: tuple(network.class_names),
        "readout": lambda network: (network.readout.rule, network.readout.window),
    }
    differing = [name for name, value in common.items() if len({*map(value, networks)}) > 1]
    for name in differing:
        values = ", ".join(dict.fromkeys(_formatted(common[name](network)) for network in networks))
        fix = _SAME_STEPS if name == "n_steps" else _AS_ALL
        yield Finding("join-unlike", name, f"it differs between the networks: {values}", fix)
    if any(network.readout.kind == LIF for network in networks):
        yield _SPIKING
    if "class_names" in differing or "readout" in differing:
        return
    outputs = [network.population(network.readout.population) for network in networks]
    for key in ("tau_mem_ms", "tau_syn_ms"):
        constants = [output.values(key) for output in outputs]
        if not all(np.array_equal(constants[0], constant) for constant in constants):
            values = ", ".join(dict.fromkeys(map(_value_or_range, constants)))
            yield Finding(
                "join-output-constants",
                key,
                f"it differs between the outputs: {values}",
                "train them with the same time constants of the output: tau_out_ms (by default "
                "tau_mem_ms) and tau_syn_ms; hidden populations may differ",
                why="the outputs become one population, and neurons with different time "
                "constants cannot be combined into one",
            )


def _channels(network: Network) -> tuple[Any, ...]:
    """The properties of the input channels, of which most networks have only the first two."""
    channels = network.channels
    most = None if channels.most_spikes == 1 else f"up to {channels.most_spikes} spikes"
    return channels.size, channels.group, most, channels.analogue


def _value_or_range(constants: NDArray[np.float64]) -> str:
    """Format a population's constant for a finding: the common value, or the range over neurons."""
    low, high = constants.min(), constants.max()
    return f"{low:g}" if low == high else f"{low:g} … {high:g}"


def _formatted(value: Any) -> str:
    """Format a value for a finding; the members of a tuple are joined by "and"."""
    if isinstance(value, tuple):
        return " and ".join(_formatted(member) for member in value if member is not None)
    return f"{value:g}" if isinstance(value, float) else str(value)

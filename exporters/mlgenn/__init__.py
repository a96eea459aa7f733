"""Networks that mlGeNN trained come in: a folder of checkpoint arrays and what they leave unsaid.

mlGeNN's conventions, and what becomes of them:

    spike iff V ≥ ϑ                    θ is the next smaller number: v > θ says the same
    V ← αV + (1−α)·κ·I, as `scale_i`   the paper's units, those of `Network`: nothing to scale
    V ← αV + I, without                weights are jumps of u, divided by b here
    a spike reaches its target one     the step that every hop costs here, beside the delay
    step later, plus its delay
    delays are learnt as reals         halves round away from zero, as in mlGeNN's training
    V ← 0 after a spike                the same; EventProp has no other reset
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from exporters.mlgenn.checkpoint import Connection, read_connections
from exporters.mlgenn.sizes import population_sizes
from nmtool.dynamics import drive_scale
from nmtool.errors import UsageError
from nmtool.graph import INPUT, LI, LIF, InputChannels, by_name
from nmtool.network import Network, Population, Projection
from nmtool.readout import FIRST_SPIKE, Readout
from nmtool.rounding import round_half_away

__all__ = ["MlgennOptions", "load"]

PerPopulation = float | Mapping[str, float]
"""One value for all populations, or values by mlGeNN's names of them."""


@dataclass(frozen=True)
class MlgennOptions:
    """What checkpoints do not say.

    Attributes:
        dt_ms: length of a time step in ms.
        n_steps: steps of a sample.
        tau_mem_ms, tau_syn_ms: time constants in ms.
        threshold: ϑ of spiking populations.
        scaled: whether currents were scaled by (1 − α)·κ, mlGeNN's `scale_i`.
        readout: rule that turns the output population into scores, see `nmtool.readout`.
        epoch: which checkpoint; the last one where None.
        sizes: neurons by population, where the arrays leave them open.
        populations: mlGeNN's names, where files could be read in several ways.
        group: neighbouring channels of the data that share an input.
    """

    dt_ms: float = 1.0
    n_steps: int = 1000
    tau_mem_ms: PerPopulation = 20.0
    tau_syn_ms: PerPopulation = 5.0
    threshold: PerPopulation = 1.0
    scaled: bool = True
    readout: str = "weighted"
    epoch: int | None = None
    sizes: Mapping[str, int] = field(default_factory=dict)
    populations: tuple[str, ...] = ()
    group: int = 1


def load(folder: str | Path, options: MlgennOptions | None = None) -> Network:
    """The network in a folder of mlGeNN's checkpoints.

    Args:
        folder: holds `<epoch>-Conn_<Source>_<Target>-<variable>.npy`: `g`, the weights, and `d`,
            the delays in steps where there are any, each [pre·post], post-neurons running fastest.
        options: what the files do not say.

    Raises:
        FileFormatError: there is no such checkpoint, or an array is damaged, of another kind or
            size; all of them are listed.
        UsageError: names or sizes could mean several networks, or options name no population.
        NetworkError: time constants, thresholds or names that no network can have.
    """
    options = options or MlgennOptions()
    connections = read_connections(folder, options.epoch, options.populations)
    source, output, inner = _roles(connections, folder)
    _check_names(options, {source, *inner})
    sizes = population_sizes(connections, options.sizes, folder)
    populations = [_population(name, sizes[name], name == output, options) for name in inner]
    return Network(
        InputChannels(sizes[source], options.group),
        populations,
        [_projection(one, sizes, populations, options) for one in connections],
        Readout(output, options.readout),
        options.dt_ms,
        options.n_steps,
    )


def _roles(connections: list[Connection], folder: str | Path) -> tuple[str, str, list[str]]:
    """The input, the output, and all populations but the input."""
    sources = dict.fromkeys(one.source for one in connections)
    targets = dict.fromkeys(one.target for one in connections)
    first = [name for name in sources if name not in targets]
    last = [
        name
        for name in targets
        if not any(one.source == name and one.target != name for one in connections)
    ]
    for what, found in (("input", first), ("output", last)):
        if len(found) != 1:
            raise UsageError(
                f"{folder} does not show which population is the {what}",
                why=f"{', '.join(found) or 'none'} could be: it has no other "
                + ("population before it" if what == "input" else "population after it"),
                fix="a network has one of each; leave out files of other populations",
            )
    return first[0], last[0], list(targets)


def _check_names(options: MlgennOptions, known: set[str]) -> None:
    """Refuse values for populations that are not there."""
    values = (options.tau_mem_ms, options.tau_syn_ms, options.threshold, options.sizes)
    named = {name for value in values if isinstance(value, Mapping) for name in value}
    if named - known:
        raise UsageError(
            f"no population is called {', '.join(sorted(named - known))}",
            why=f"the checkpoint has {', '.join(sorted(known))}",
        )


def _population(name: str, size: int, is_output: bool, options: MlgennOptions) -> Population:
    spikes = not is_output or options.readout == FIRST_SPIKE
    threshold = _value(options.threshold, name, "threshold") if spikes else 1.0
    return Population(
        name,
        size,
        LIF if spikes else LI,
        _value(options.tau_mem_ms, name, "tau_mem_ms"),
        _value(options.tau_syn_ms, name, "tau_syn_ms"),
        math.nextafter(threshold, 0.0) if spikes else 1.0,
    )


def _value(value: PerPopulation, name: str, key: str) -> float:
    if not isinstance(value, Mapping):
        return float(value)
    if name not in value:
        raise UsageError(f"{key} of population {name} is missing", fix="name it, or give one value")
    return float(value[name])


def _projection(
    one: Connection,
    sizes: Mapping[str, int],
    populations: Sequence[Population],
    options: MlgennOptions,
) -> Projection:
    shape = sizes[one.source], sizes[one.target]
    delay = np.zeros(shape) if one.delay is None else round_half_away(one.delay).reshape(shape)
    target = by_name(populations, one.target)
    weight = one.weight.reshape(shape)
    if not options.scaled:
        tau_mem_ms, tau_syn_ms = target.values("tau_mem_ms"), target.values("tau_syn_ms")
        weight = weight / drive_scale(tau_mem_ms, tau_syn_ms, options.dt_ms)
    is_inner = any(p.name == one.source for p in populations)
    return Projection(one.source if is_inner else INPUT, one.target, weight, delay.astype(np.int32))

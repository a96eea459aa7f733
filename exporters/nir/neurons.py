"""Neurons: NIR's nodes as populations, and populations as NIR's nodes.

NIR's equations are continuous. Like NIR's simulators, nmtool takes Euler steps of them:

    I ← (1 − dt/τ_syn)·I + (dt/τ_syn)·w_in·x        v ← (1 − dt/τ_mem)·v + (dt/τ_mem)·(v_leak + r·I)

`nmtool.float_simulator` takes the same steps for

    lose = dt/τ        jump = w_in·lose_u·r·lose_v        drive = lose_v·v_leak

Written files have w_in = τ_syn/dt and r = τ_mem/dt, so that a jump is the weight itself. Without a
leak, τ and thus r would be ∞: such a synapse or membrane is written as a separate integrator (`I`,
`IF`) with r = 1/dt. If neurons of a file reset to a potential other than 0, all potentials are
shifted so that they reset to 0.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from nmtool.errors import Finding
from nmtool.exporters.nir import kinds
from nmtool.exporters.nir.graph import Node
from nmtool.exporters.nir.options import ImportOptions
from nmtool.float_simulator import Array, StepPopulation
from nmtool.network.graph import INPUT, LI, LIF

_NORSE_DT_S, _NORSE_TAU_S = 1e-6, 1e-4
"""Step of files by norse, and about the longest time constant in such files.

norse multiplies time constants in seconds by its step of 1 ms: 10 ms become 1e-5 s.
"""

_ROUNDING = 1e-9
"""Tolerance: largest relative difference by which a time constant may be shorter than a step."""

_SINGLE = 1e-6
"""Largest relative difference of numbers that are equal in single precision."""


def population_of(name: str, node: Node, size: int, dt_s: float) -> tuple[StepPopulation, Array]:
    """The population of a node, and the jump of its u for an input of 1, [size] float64.

    Args:
        name: name of the population.
        node: a node of neurons without findings.
        size: number of neurons.
        dt_s: length of a step in s.
    """
    values = {key: np.broadcast_to(np.ravel(v), (size,)) for key, v in node.values.items()}
    ones, zeros = np.ones(size), np.zeros(size)
    lose_u = _share_lost(values.get("tau_syn"), ones, dt_s)
    lose_v = _share_lost(values.get("tau", values.get("tau_mem")), ones, dt_s)
    if node.kind in (kinds.IF, kinds.INTEGRATOR):
        lose_v = zeros
    threshold, reset = _threshold(node, values, ones), values.get("v_reset", zeros)
    w_in = values.get("w_in", ones) if "tau_syn" in values else ones
    per_input = np.where(lose_v == 0, dt_s, lose_v) * values.get("r", ones)
    population = StepPopulation(
        name,
        size,
        LI if node.kind in kinds.INTEGRATING else LIF,
        lose_u=lose_u,
        lose_v=lose_v,
        drive=lose_v * (values["v_leak"] - reset) if "v_leak" in values else zeros,
        threshold=threshold - reset,
    )
    return population, w_in * lose_u * per_input


def _share_lost(tau_s: NDArray | None, ones: Array, dt_s: float) -> Array:
    """Share of a state lost per step; 1 without a time constant."""
    return ones if tau_s is None else np.minimum(dt_s / tau_s, 1.0)


def _threshold(node: Node, values: Mapping[str, NDArray], default: NDArray) -> NDArray:
    return values.get("threshold" if node.kind == kinds.THRESHOLD else "v_threshold", default)


def resting_input(synapse: Node) -> Array:
    """The constant input equivalent to a synapse's v_leak.

    v_leak − I + r·x = −I + r·(x + v_leak/r). [size] float64, or [1] for all neurons; infinite if r
    is 0 and v_leak is not 0.
    """
    v_leak = np.ravel(synapse.values.get("v_leak", 0.0)).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(v_leak == 0, 0.0, v_leak / np.ravel(synapse.values["r"]))


def findings(name: str, node: Node, options: ImportOptions) -> Iterator[Finding]:
    """Findings on properties of a node, with all values, that a population cannot have."""
    dt_s = options.step_s
    if not options.gains_as_written:
        yield from _doubtful_gains(name, node, dt_s)
    for key in ("tau", "tau_syn", "tau_mem"):
        tau = node.values.get(key, np.full(1, np.inf))
        if not (tau > 0).all():
            fix = "give the node a time constant longer than a step"
            yield Finding("nir-values", name, f"{key} is not positive", fix)
        elif (dt_s / tau > 1 + _ROUNDING).any():
            what = f"{key} of {tau.min():g} s is shorter than a step of {dt_s:g} s"
            fix = f"import the file with shorter steps, such as `nir_dt_s={tau.min() / 10:g}`"
            if tau.max() <= _NORSE_TAU_S:
                fix = f"for a file written by norse, `nir_dt_s={_NORSE_DT_S:g}`; otherwise {fix}"
            yield Finding("nir-step", name, what, fix)
    threshold = _threshold(node, node.values, np.full(1, np.inf))
    reset = np.asarray(node.values.get("v_reset", 0.0))
    # Arrays with one number per channel are broadcast correctly only if both have the same axes.
    same_axes = reset.ndim == threshold.ndim
    above = threshold - reset if same_axes else np.ravel(threshold) - np.ravel(reset)
    if not (above > 0).all():
        what = "a threshold does not exceed the reset potential"
        yield Finding("nir-values", name, what, "raise the threshold, or lower the reset")


def _doubtful_gains(name: str, node: Node, dt_s: float) -> Iterator[Finding]:
    """A finding for a gain of 1, which tools also write if inputs are added whole."""
    if node.kind == kinds.IF and (node.values["r"] == 1).all() and abs(dt_s - 1) > _SINGLE:
        what = f"r is 1, so that an input of 1 raises v by only dt, here {dt_s:g}"
        why = "norse (IAFCell), sinabs and spyx write 1, although their neurons add inputs whole"
        fix = f"for such a file, `nir_dt_s=1`, or set r to 1/dt, here {1 / dt_s:g}"
    elif node.kind == kinds.CUBA_LIF and (node.values.get("w_in", np.ones(1)) == 1).all():
        shares = dt_s / node.values["tau_syn"]
        if (shares > 1 - _SINGLE).all():
            return
        share, gain = (_number_range(values) for values in (shares, 1 / shares))
        what = f"w_in is 1, so that an input of 1 raises I by only dt/tau_syn, here {share}"
        why = "norse (LIFCell), rockpool and spyx write 1, although their neurons add inputs whole"
        fix = f"for such a file, set w_in to tau_syn/dt, here {gain}"
    else:
        return
    fix += "; if the gain is meant as NIR defines it, `gains_as_written=True`"
    yield Finding("nir-input-gain", name, what, fix, why=why)


def _number_range(values: NDArray) -> str:
    """The values as text: a number if all are equal, else the smallest and the largest."""
    ends = [f"{end:.5g}" for end in (values.min(), values.max())]
    return " … ".join(dict.fromkeys(ends))


def legal_names(names: Iterable[str]) -> dict[str, str]:
    """Valid, unique names of populations, by names of nodes."""
    population_names: dict[str, str] = {}
    for name in names:
        legal = re.sub(r"[^A-Za-z0-9_]", "_", name)
        legal = legal if re.match(r"[A-Za-z]", legal) else f"n{legal}"
        population_names[name] = unused(legal, [*population_names.values(), INPUT])
    return population_names


def unused(name: str, taken: Collection[str]) -> str:
    """The name, with underscores appended until it is unused."""
    while name in taken:
        name += "_"
    return name


def mixes_leaks(population: StepPopulation) -> bool:
    """True if some neurons leak and others do not, which no NIR node can represent."""
    return any(
        (lose == 0).any() and (lose != 0).any() for lose in (population.lose_u, population.lose_v)
    )


def is_split(population: StepPopulation) -> bool:
    """True if synapses and membranes must be written as separate nodes."""
    return bool((population.lose_u == 0).any() or (population.lose_v == 0).any())


def nodes_of(population: StepPopulation, dt_s: float) -> list[Node]:
    """The node of a population, or the nodes of its synapses and of its membranes.

    Args:
        population: a population that does not mix leaks.
        dt_s: time step of the file in s.
    """
    threshold = population.threshold if population.kind == LIF else None
    if not is_split(population):
        losses = population.lose_u, population.lose_v
        return [node_of(*losses, population.drive, threshold, dt_s)]
    return [
        node_of(None, population.lose_u, np.zeros(population.size), None, dt_s),
        node_of(None, population.lose_v, population.drive, threshold, dt_s),
    ]


def node_of(
    lose_u: Array | None, lose_v: Array, drive: Array, threshold: Array | None, dt_s: float
) -> Node:
    """The node of neurons whose u and v lose these shares per step.

    Without `lose_u`, inputs act on v at once; without a threshold, neurons do not spike.
    """
    values = {"r": np.full(lose_v.shape, 1 / dt_s)}
    if lose_v.any() or lose_u is not None:
        values = {"tau": (tau := dt_s / lose_v), "r": tau / dt_s, "v_leak": drive / lose_v}
    if threshold is not None:
        values |= {"v_threshold": threshold, "v_reset": np.zeros(threshold.shape)}
    if lose_u is not None:
        tau_syn = dt_s / lose_u
        values |= {"tau_syn": tau_syn, "w_in": tau_syn / dt_s, "tau_mem": values.pop("tau")}
        return Node(kinds.CUBA_LI if threshold is None else kinds.CUBA_LIF, values)
    leaking, adding = kinds.LIF, kinds.IF
    if threshold is None:
        leaking, adding = kinds.LI, kinds.INTEGRATOR
    return Node(leaking if "tau" in values else adding, values)

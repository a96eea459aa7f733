"""Import neurons of NIR files as populations, the inverse of `nir.writing.neurons`.

NIR's equations are continuous. Like the simulators, this import uses Euler steps:

    lose = dt/τ        jump = w_in·lose_u·r·lose_v        drive = lose_v·v_leak

If neurons reset to a potential other than 0, all potentials are shifted so that they reset to 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmtool.errors import Finding
from nmtool.exporters.nir.graph.nodes import (
    CUBA_LI,
    CUBA_LIF,
    IF,
    INTEGRATING,
    INTEGRATOR,
    LI,
    LIF,
    THRESHOLD,
    Node,
)
from nmtool.exporters.nir.options import ImportOptions
from nmtool.float_simulator import Array, StepPopulation
from nmtool.network import graph as kinds

PARAMETERS: Mapping[str, tuple[str, ...]] = {
    LIF: ("tau", "r", "v_leak", "v_threshold"),
    CUBA_LIF: ("tau_syn", "tau_mem", "r", "v_leak", "v_threshold"),
    IF: ("r", "v_threshold"),
    THRESHOLD: ("threshold",),
    LI: ("tau", "r", "v_leak"),
    CUBA_LI: ("tau_syn", "tau_mem", "r", "v_leak"),
    INTEGRATOR: ("r",),
}
OPTIONAL = ("v_reset", "w_in")

_NORSE_DT_S, _NORSE_TAU_S = 1e-6, 1e-4
"""Step of files by norse, and about the longest time constant in such files.

norse multiplies time constants in seconds by its step of 1 ms: 10 ms become 1e-5 s.
"""

_ROUNDING = 1e-9
"""Tolerance: largest relative difference by which a time constant may be shorter than a step."""

_SINGLE = 1e-6
"""Largest relative difference of numbers that are equal in single precision."""


@dataclass(frozen=True, eq=False)
class GraphPopulation:
    """Neurons of one node.

    Attributes:
        population: constants of the neurons.
        gain: [size] float64, jump of u for an input of 1.
    """

    population: StepPopulation
    gain: Array


def population_of(name: str, node: Node, size: int, dt_s: float) -> GraphPopulation:
    """Convert the neurons of a node.

    Args:
        name: name of the population.
        node: a node without findings, of a kind in `PARAMETERS`.
        size: number of neurons.
        dt_s: length of a step in s.
    """
    values = {key: np.broadcast_to(np.ravel(v), (size,)) for key, v in node.values.items()}
    lose_u = _share_lost(values, "tau_syn", dt_s)
    lose_v = _share_lost(values, "tau_mem" if "tau_mem" in values else "tau", dt_s)
    if node.kind in (IF, INTEGRATOR):
        lose_v = np.zeros_like(values["r"], np.float64)
    threshold = np.ones(size)
    if node.kind not in INTEGRATING:
        key = "threshold" if node.kind == THRESHOLD else "v_threshold"
        threshold = values[key].astype(np.float64)
    w_in = values.get("w_in", np.ones(size)) if "tau_syn" in values else np.ones(size)
    reset = values.get("v_reset", np.zeros(size))
    per_input = np.where(lose_v == 0, dt_s, lose_v) * values.get("r", np.ones(size))
    population = StepPopulation(
        name,
        size,
        kinds.LI if node.kind in INTEGRATING else kinds.LIF,
        lose_u=lose_u,
        lose_v=lose_v,
        drive=lose_v * (values["v_leak"] - reset) if "v_leak" in values else np.zeros(size),
        threshold=threshold - reset,
    )
    return GraphPopulation(population, w_in * lose_u * per_input)


def merged_population(synapse: GraphPopulation, membrane: GraphPopulation) -> GraphPopulation:
    """Merge a node that is only a synapse with the node of neurons that it feeds."""
    synaptic, neurons = synapse.population, membrane.population
    merged = StepPopulation(
        neurons.name,
        neurons.size,
        neurons.kind,
        lose_u=synaptic.lose_v,
        lose_v=neurons.lose_v,
        drive=neurons.drive,
        threshold=neurons.threshold,
    )
    return GraphPopulation(merged, synapse.gain * membrane.gain)


def resting_input(synapse: Node) -> Array:
    """The constant input equivalent to a synapse's v_leak.

    v_leak − I + r·x = −I + r·(x + v_leak/r). [size] float64, or [1] for all neurons; infinite if r
    is 0 and v_leak is not 0.
    """
    v_leak = np.ravel(synapse.values.get("v_leak", 0.0)).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(v_leak == 0, 0.0, v_leak / np.ravel(synapse.values["r"]))


def _share_lost(values: Mapping[str, NDArray], key: str, dt_s: float) -> Array:
    """Share of a state lost per step, from the time constant `key`; 1 without this constant."""
    if key not in values:
        return np.ones_like(next(iter(values.values())), np.float64)
    return np.minimum(dt_s / values[key], 1.0)


def findings(name: str, node: Node, options: ImportOptions) -> list[Finding]:
    """Findings on properties of a node of neurons that a population cannot have.

    Args:
        name: printable name of the node.
        node: a node of a kind in `PARAMETERS`, with all parameters.
        options: reading options, with the step and the meaning of gains.
    """
    dt_s = options.step_s
    misfits = [] if options.gains_as_written else list(_gain_findings(name, node, dt_s))
    for key in ("tau", "tau_syn", "tau_mem"):
        tau = node.values.get(key)
        if tau is not None and not (tau > 0).all():
            what = f"{key} is not positive"
            misfits.append(
                Finding(
                    "nir-time-constant",
                    name,
                    what,
                    "give the node a time constant longer than a step",
                )
            )
        elif tau is not None and (dt_s / tau > 1 + _ROUNDING).any():
            what = f"{key} of {tau.min():g} s is shorter than a step of {dt_s:g} s"
            fix = f"import the file with shorter steps, such as `nir_dt_s={tau.min() / 10:g}`"
            if tau.max() <= _NORSE_TAU_S:
                fix = f"for a file written by norse, `nir_dt_s={_NORSE_DT_S:g}`; otherwise {fix}"
            misfits.append(Finding("nir-step-too-long", name, what, fix))
    threshold = node.values.get("threshold" if node.kind == THRESHOLD else "v_threshold")
    if threshold is not None:
        reset = np.asarray(node.values.get("v_reset", 0.0))
        # Arrays with one number per channel are broadcast correctly only if both have the same
        # axes.
        same_axes = reset.ndim == threshold.ndim
        above = threshold - reset if same_axes else np.ravel(threshold) - np.ravel(reset)
        if above.size and not (above > 0).all():
            what = "a threshold does not exceed the reset potential"
            misfits.append(
                Finding("nir-threshold", name, what, "raise the threshold, or lower the reset")
            )
    return misfits


def _gain_findings(name: str, node: Node, dt_s: float) -> Iterator[Finding]:
    """A finding if the node's gain is 1 and scales its input by the step.

    Tools whose neurons add inputs whole write 1, too, so the file does not show what is meant.
    """
    if node.kind == IF and (node.values["r"] == 1).all() and abs(dt_s - 1) > _SINGLE:
        what = f"r is 1, so that an input of 1 raises v by only dt, here {dt_s:g}"
        why = "norse (IAFCell), sinabs and spyx write 1, although their neurons add inputs whole"
        fix = f"for such a file, `nir_dt_s=1`, or set r to 1/dt, here {1 / dt_s:g}"
    elif node.kind == CUBA_LIF and (node.values.get("w_in", np.ones(1)) == 1).all():
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


def legal_names(names: list[str]) -> dict[str, str]:
    """Valid, unique names of populations, by names of nodes."""
    population_names: dict[str, str] = {}
    for name in names:
        legal = re.sub(r"[^A-Za-z0-9_]", "_", name)
        legal = legal if re.match(r"[A-Za-z]", legal) else f"n{legal}"
        while legal in population_names.values() or legal == kinds.INPUT:
            legal += "_"
        population_names[name] = legal
    return population_names

"""Everything that keeps a network from being written as NIR with given options."""

from __future__ import annotations

from collections.abc import Callable

from nmtool.errors import Finding
from nmtool.exporters.nir.options import AXONAL, POPULATION, SPIKES
from nmtool.exporters.nir.writing import delays, neurons
from nmtool.exporters.nir.writing.plan import Plan
from nmtool.float_simulator import StepNetwork
from nmtool.network.graph import INPUT, LI

MAX_NODES = 2000
"""NIR checks a graph in time that grows with the square of its nodes."""


def mixed_leaks(network: StepNetwork) -> list[Finding]:
    """Populations that no node can hold, however they are connected."""
    what = "some of its neurons leak and others do not, and no NIR node holds both"
    return [
        Finding("mixed-leaks", p.name, what, "split it in two")
        for p in network.populations
        if neurons.mixes_leaks(p)
    ]


def misfits(plan: Plan) -> list[Finding]:
    """Everything that keeps a plan from becoming a graph."""
    return [finding for rule in _RULES for finding in rule(plan)]


def _delays_that_differ(plan: Plan) -> list[Finding]:
    if plan.options.form != AXONAL:
        return []
    what = "synapses of one neuron have different delays, the form axonal holds one"
    fix = "choose the form grouped, tapped or expander"
    return [
        Finding("delays-not-axonal", f"{p.source} → {p.target}", what, fix)
        for p in plan.projections
        if plan.is_written(p) and delays.axonal_steps(p.jump, plan.steps(p)) is None
    ]


def _too_many_nodes(plan: Plan) -> list[Finding]:
    form = plan.options.form
    if form == AXONAL:
        return []
    count = sum(delays.count_nodes(form, p.jump, plan.steps(p)) for p in plan.projections)
    if count <= MAX_NODES:
        return []
    what = f"the form {form} needs {count} nodes, a file holds {MAX_NODES}"
    return [Finding("too-many-nodes", "network", what, "choose the form expander")]


def _early_drives(plan: Plan) -> list[Finding]:
    return [
        Finding(
            "drive-ahead",
            p.name,
            f"it has a bias and would run {plan.ahead[p.name]} steps ahead, before its input",
            "write hops as delays, or train without biases",
        )
        for p in plan.written
        if p.drive.any() and plan.ahead[p.name]
    ]


def _readout_that_spikes(plan: Plan) -> list[Finding]:
    kind = next(p.kind for p in plan.network.populations if p.name == plan.readout)
    if plan.options.readout == POPULATION or kind == LI:
        return []
    what = f"it spikes; the read-out '{plan.options.readout}' is for populations that do not"
    return [Finding("readout-spikes", plan.readout, what, f"choose the read-out {POPULATION}")]


def _nothing_left(plan: Plan) -> list[Finding]:
    if plan.options.readout != SPIKES or plan.answering - {INPUT}:
        return []
    what = "no population spikes for it, so that nothing is left to write"
    return [Finding("nothing-left", plan.readout, what, f"choose the read-out {POPULATION}")]


_RULES: tuple[Callable[[Plan], list[Finding]], ...] = (
    _delays_that_differ,
    _too_many_nodes,
    _early_drives,
    _readout_that_spikes,
    _nothing_left,
)

"""Findings on everything that prevents writing a network as NIR with given options."""

from __future__ import annotations

from collections.abc import Callable

from nmtool.errors import Finding
from nmtool.exporters.nir.options import AXONAL, GROUPED, POPULATION, SPIKES
from nmtool.exporters.nir.writing import delays, neurons
from nmtool.exporters.nir.writing.plan import Plan
from nmtool.float_simulator import StepNetwork
from nmtool.network.graph import INPUT, LI

MAX_NODES = 2000
"""Largest number of nodes; the time of NIR's checks grows with the square of this number."""


def mixed_leaks(network: StepNetwork) -> list[Finding]:
    """Findings for populations in which only some neurons leak, which no NIR node can represent."""
    what = "some of its neurons leak and others do not, which no NIR node can represent"
    return [
        Finding("mixed-leaks", p.name, what, "split it into two populations")
        for p in network.populations
        if neurons.mixes_leaks(p)
    ]


def misfits(plan: Plan) -> list[Finding]:
    """Findings on everything that prevents building a graph from a plan."""
    return [finding for rule in _RULES for finding in rule(plan)]


def _delays_not_axonal(plan: Plan) -> list[Finding]:
    """Findings on projections that the form `axonal` cannot represent."""
    if plan.options.form != AXONAL:
        return []
    what = (
        "synapses of a neuron have different delays, but the form axonal has only one delay per "
        "neuron"
    )
    return [
        Finding("delays-not-axonal", f"{p.source} → {p.target}", what, f"choose the form {GROUPED}")
        for p in plan.projections
        if plan.is_written(p) and delays.axonal_steps(p.jump, plan.steps(p)) is None
    ]


def _too_many_nodes(plan: Plan) -> list[Finding]:
    """A finding if the graph would have too many nodes."""
    if plan.options.form == AXONAL:
        return []
    count = sum(delays.count_nodes(p.jump, plan.steps(p)) for p in plan.projections)
    if count <= MAX_NODES:
        return []
    what = (
        f"its projections need {count} nodes, two per delay, but nmtool writes at most {MAX_NODES}"
    )
    return [Finding("too-many-nodes", "network", what, "use fewer different delays")]


def _early_biases(plan: Plan) -> list[Finding]:
    """Findings on biases of populations that run ahead of the input."""
    return [
        Finding(
            "drive-ahead",
            p.name,
            f"it has a bias and would run {plan.ahead[p.name]} steps ahead of its input",
            "use hops=delayed, or train without biases",
        )
        for p in plan.written
        if p.drive.any() and plan.ahead[p.name]
    ]


def _spiking_readout(plan: Plan) -> list[Finding]:
    """A finding if the output population spikes, but the readout needs one that does not."""
    kind = next(p.kind for p in plan.network.populations if p.name == plan.readout)
    if plan.options.readout == POPULATION or kind == LI:
        return []
    what = f"it spikes, but the readout '{plan.options.readout}' is for non-spiking populations"
    return [Finding("readout-spikes", plan.readout, what, f"choose the readout {POPULATION}")]


def _empty_graph(plan: Plan) -> list[Finding]:
    """A finding if the chosen readout leaves no neurons to write."""
    if plan.options.readout != SPIKES or plan.end_populations - {INPUT}:
        return []
    what = "no spiking population projects to this output, so the graph would be empty"
    return [Finding("nothing-left", plan.readout, what, f"choose the readout {POPULATION}")]


_RULES: tuple[Callable[[Plan], list[Finding]], ...] = (
    _delays_not_axonal,
    _too_many_nodes,
    _early_biases,
    _spiking_readout,
    _empty_graph,
)

"""Find parts of a NIR file that other tools (peers) drop or run incorrectly.

All statements were measured with the versions in `MEASURED`. NIR does not define loops, steps or
missing nodes. Some tools drop parts silently, so an incorrect run looks like a correct run.
Everything that a tool would drop or run incorrectly is therefore refused before writing. Each
refusal is a `Finding`: the part of the graph, and what happens to it.

norse runs a file depth first, along edges as written, through nirtorch's first graph executor. If a
node runs before one of its inputs, it silently gets this input one step late. The network's output
is the output of the node that runs last. Edges are therefore written in an order that makes both
correct, if there is such an order (`edge_order`).
"""

from __future__ import annotations

import numpy as np

from nmtool.errors import Finding
from nmtool.exporters.nir.graph.loops import recurrent_edges
from nmtool.exporters.nir.graph.nodes import (
    AFFINE,
    CUBA_LI,
    CUBA_LIF,
    DELAY,
    IF,
    INPUT,
    INTEGRATING,
    INTEGRATOR,
    LI,
    LIF,
    LINEAR,
    OUTPUT,
    SPIKING,
    Edge,
    Graph,
    Node,
)
from nmtool.exporters.nir.options import NIR_DT_S, NirOptions

MEASURED = {
    "norse": "norse 1.1.0",
    "snntorch": "snntorch 1.0.0",
    "spikingjelly": "spikingjelly 2.0.0",
    "rockpool": "rockpool 3.1.0",
    "sinabs": "sinabs 3.1.3",
}

_REFUSED, _DROPPED = "refuses files with a Delay", "drops every Delay silently"
_DELAYS = {
    "norse": _REFUSED,
    "snntorch": _REFUSED,
    "spikingjelly": _REFUSED,
    "rockpool": _REFUSED,
    "sinabs": _DROPPED,
}
_RANDOM_BIAS = ("norse", "snntorch", "spikingjelly")
_DROPPED_BY_SINABS = (LINEAR, CUBA_LIF)
_WITHOUT_LEAK_POTENTIAL = {
    "norse": "applies v_leak to the synapse too",
    "snntorch": "refuses v_leak other than 0",
    "spikingjelly": "refuses v_leak other than 0",
}
_UNIFORM_NEURONS = ("snntorch", "spikingjelly")
_SEVERAL_SPIKES = ("rockpool", "sinabs")

_OTHER_PROFILE = "choose another profile"


def refusals(graph: Graph, shared_loops: list[list[str]], options: NirOptions) -> list[Finding]:
    """Findings on everything in a graph that the profile's tool would drop or run incorrectly.

    Args:
        graph: the graph to write.
        shared_loops: groups of its nodes that project to each other.
        options: writing options, with the profile.
    """
    peer = options.profile
    if peer is None:
        return []
    rules = (
        _delay_findings,
        _dropped_kinds,
        _integrator_findings,
        _bias_findings,
        _uniformity_findings,
        _unscaled_integrators,
        _affine_findings,
    )
    findings = [finding for rule in rules for finding in rule(graph, peer)]
    findings += _loop_findings(graph, shared_loops, peer)
    findings += [
        finding for rule in (_order_findings, _reset_findings) for finding in rule(graph, peer)
    ]
    return findings + _step_findings(graph, options)


def _nodes_of_kind(graph: Graph, *kinds: str) -> list[tuple[str, Node]]:
    """Names and nodes of the given kinds, sorted by name."""
    return [(name, graph.nodes[name]) for name in graph.of_kind(*kinds)]


def _delay_findings(graph: Graph, peer: str) -> list[Finding]:
    """A finding if the graph has `Delay` nodes, which the tool refuses or drops."""
    names = graph.of_kind(DELAY)
    if not names:
        return []
    fix = "train without delays, or with one delay for all synapses between two populations"
    return [Finding("peer-delay", _names_in_short(names), f"{MEASURED[peer]} {_DELAYS[peer]}", fix)]


def _names_in_short(names: list[str]) -> str:
    """The first of the names, and the number of the others, as text."""
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _dropped_kinds(graph: Graph, peer: str) -> list[Finding]:
    """Findings on kinds of nodes that the tool drops."""
    if peer != "sinabs":
        return []
    dropped = {kind: graph.of_kind(kind) for kind in _DROPPED_BY_SINABS}
    clause = f"{MEASURED[peer]} drops every"
    return [
        Finding(
            "peer-kind",
            _names_in_short(names),
            f"{clause} {kind}, silently or with an error",
            _OTHER_PROFILE,
        )
        for kind, names in dropped.items()
        if names
    ]


def _integrator_findings(graph: Graph, peer: str) -> list[Finding]:
    """Findings on non-spiking integrators, which the tool does not have."""
    what = f"{MEASURED[peer]} has no non-spiking integrator"
    return [
        Finding("peer-integrator", name, what, "choose the readout current or spikes")
        for name in graph.of_kind(*INTEGRATING)
    ]


def _bias_findings(graph: Graph, peer: str) -> list[Finding]:
    """Findings on nodes with a v_leak that the tool would apply incorrectly or refuse."""
    if peer not in _WITHOUT_LEAK_POTENTIAL:
        return []
    what = f"its bias is v_leak, and {MEASURED[peer]} {_WITHOUT_LEAK_POTENTIAL[peer]}"
    return [
        Finding("peer-bias", name, what, "train without biases")
        for name, node in _nodes_of_kind(graph, CUBA_LIF, CUBA_LI, LIF, LI)
        if node.values["v_leak"].any()
    ]


def _uniformity_findings(graph: Graph, peer: str) -> list[Finding]:
    """Findings on nodes whose neurons have different constants."""
    if peer not in _UNIFORM_NEURONS:
        return []
    what = (
        f"the constants of its neurons differ, but {MEASURED[peer]} has one constant per population"
    )
    return [
        Finding("peer-uniform", name, what, "train with one constant per population")
        for name, node in _nodes_of_kind(graph, *SPIKING)
        if any(np.unique(value).size > 1 for value in node.values.values())
    ]


def _unscaled_integrators(graph: Graph, peer: str) -> list[Finding]:
    """Findings on integrators whose input the tool does not scale."""
    if peer not in ("norse", "snntorch"):
        return []
    what = f"{MEASURED[peer]} does not scale the input of an IF by r"
    return [
        Finding("peer-if", name, what, "train with a finite membrane time constant")
        for name in graph.of_kind(IF, INTEGRATOR)
    ]


def _affine_findings(graph: Graph, peer: str) -> list[Finding]:
    """Findings on `Affine` nodes that the tool loads with a random bias."""
    what = f"{MEASURED[peer]} loads an Affine through nirtorch 2.6, whose bias is random"
    return [
        Finding("peer-affine", name, what, "train without biases")
        for name in graph.of_kind(AFFINE)
        if peer in _RANDOM_BIAS
    ]


def _loop_findings(graph: Graph, shared_loops: list[list[str]], peer: str) -> list[Finding]:
    """Findings on recurrent connections that tools run differently or incorrectly."""
    findings = [
        Finding(
            "peer-shared-loop",
            ", ".join(group),
            "they project to each other, and tools differ in which of these connections takes a "
            "step",
            "use recurrent projections only within a population",
        )
        for group in shared_loops
    ]
    if peer == "snntorch" and recurrent_edges(graph):
        what = f"{MEASURED[peer]} silently runs recurrent connections incorrectly"
        return [
            *findings,
            Finding("peer-recurrence", "network", what, "export a feed-forward network"),
        ]
    return findings


def _order_findings(graph: Graph, peer: str) -> list[Finding]:
    """Findings on nodes whose output arrives late, and on outputs that are lost."""
    if peer != "norse":
        return []
    what = f"{MEASURED[peer]} runs nodes depth first, so the output of this node is one step late"
    fix = "use a single projection into each population"
    findings = [
        Finding("peer-order", pre, what, fix)
        for pre in dict.fromkeys(pre for pre, _ in _late_edges(graph))
    ]
    outputs, last = graph.of_kind(OUTPUT), _run_order(graph)[-1]
    if outputs != [last]:
        what = f"{MEASURED[peer]} outputs only the last node that it runs, '{last}'"
        findings.append(Finding("peer-output", ", ".join(outputs), what, "use a single output"))
    return findings


def _reset_findings(graph: Graph, peer: str) -> list[Finding]:
    """Findings on neurons that would spike several times in a step."""
    if peer not in _SEVERAL_SPIKES:
        return []
    what = f"neurons of {MEASURED[peer]} spike several times per step and subtract the threshold"
    return [Finding("peer-reset", name, what, _OTHER_PROFILE) for name in graph.of_kind(*SPIKING)]


def _step_findings(graph: Graph, options: NirOptions) -> list[Finding]:
    """Findings on time steps that the tool assumes, contrary to the options."""
    peer, findings = str(options.profile), []
    if peer == "snntorch" and options.nir_dt_s != NIR_DT_S:
        what = f"{MEASURED[peer]} reads every file with steps of {NIR_DT_S:g} s"
        fix = f"write it for steps of {NIR_DT_S:g} s"
        findings.append(Finding("peer-step", "network", what, fix))
    return findings


def edge_order(graph: Graph) -> list[Edge]:
    """Sort the edges: per source, edges into loops come first, and edges to an `Output` last."""
    loops = {pre for pre, _ in recurrent_edges(graph)}

    def rank(edge: Edge) -> tuple[str, int, str]:
        pre, post = edge
        last = 2 if graph.nodes[post].kind == OUTPUT else 1
        return pre, 0 if post in loops else last, post

    return sorted(graph.edges, key=rank)


def _run_order(graph: Graph) -> list[str]:
    """The nodes that norse reaches from the input, in the order in which it runs them."""
    targets, order = graph.targets(), []
    seen: set[str] = set()
    stack = graph.of_kind(INPUT)[:1]
    while stack:
        name = stack.pop()
        if name not in seen:
            seen.add(name)
            order.append(name)
            stack += reversed(targets[name])
    return order


def _late_edges(graph: Graph) -> list[Edge]:
    """Edges whose signals norse delivers one step late, although they do not close a loop."""
    place = {name: number for number, name in enumerate(_run_order(graph))}
    closing, last = recurrent_edges(graph), len(graph.nodes)
    return [
        (pre, post)
        for pre, post in graph.edges
        if (pre, post) not in closing and place.get(pre, last) > place.get(post, last)
    ]

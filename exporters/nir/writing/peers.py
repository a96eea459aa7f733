"""What peers drop or break of a NIR file, as measured with the versions named here.

Every refusal is a `Finding`: what in the graph, and what the peer makes of it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nmtool.errors import Finding
from nmtool.exporters.nir.graph.loops import recurrent_edges
from nmtool.exporters.nir.graph.nodes import (
    AFFINE,
    CUBA_LI,
    CUBA_LIF,
    DELAY,
    IF,
    INTEGRATING,
    INTEGRATOR,
    LI,
    LIF,
    LINEAR,
    OUTPUT,
    SPIKING,
    Graph,
    Node,
)
from nmtool.exporters.nir.options import EXPLICIT, IMPLIED, NIR_DT_S, NirOptions
from nmtool.exporters.nir.writing.build import Built
from nmtool.exporters.nir.writing.depth_first import late_edges, visited

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
_OF_UNIFORM_NEURONS = ("snntorch", "spikingjelly")
_OF_SEVERAL_SPIKES = ("rockpool", "sinabs")

_ANOTHER = "choose another peer"


def refusals(built: Built, options: NirOptions) -> list[Finding]:
    """Everything in a graph that the peer of the options would drop or break."""
    if options.profile is None:
        return []
    findings = [one for rule in _RULES for one in rule(built, options.profile)]
    return findings + _steps(built, options)


def _of(graph: Graph, *kinds: str) -> list[tuple[str, Node]]:
    return [(name, graph.nodes[name]) for name in graph.of_kind(*kinds)]


def _delays(built: Built, peer: str) -> list[Finding]:
    names = built.graph.of_kind(DELAY)
    if not names:
        return []
    fix = "train without delays, or with the same ones for all synapses between two populations"
    return [Finding("peer-delay", _named(names), f"{MEASURED[peer]} {_DELAYS[peer]}", fix)]


def _named(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _dropped(built: Built, peer: str) -> list[Finding]:
    if peer != "sinabs":
        return []
    found = {kind: built.graph.of_kind(kind) for kind in _DROPPED_BY_SINABS}
    what = f"{MEASURED[peer]} drops every"
    return [
        Finding("peer-kind", _named(names), f"{what} {kind}, silently or by an error", _ANOTHER)
        for kind, names in found.items()
        if names
    ]


def _integrators(built: Built, peer: str) -> list[Finding]:
    what = f"{MEASURED[peer]} has nothing that integrates without spiking"
    return [
        Finding("peer-integrator", name, what, "choose the read-out current or spikes")
        for name in built.graph.of_kind(*INTEGRATING)
    ]


def _leaks(built: Built, peer: str) -> list[Finding]:
    if peer not in _WITHOUT_LEAK_POTENTIAL:
        return []
    what = f"its bias is v_leak, and {MEASURED[peer]} {_WITHOUT_LEAK_POTENTIAL[peer]}"
    return [
        Finding("peer-bias", name, what, "train without biases")
        for name, node in _of(built.graph, CUBA_LIF, CUBA_LI, LIF, LI)
        if node.values["v_leak"].any()
    ]


def _constants(built: Built, peer: str) -> list[Finding]:
    if peer not in _OF_UNIFORM_NEURONS:
        return []
    what = f"its neurons differ, and {MEASURED[peer]} holds one constant per population"
    return [
        Finding("peer-uniform", name, what, "train with one constant per population")
        for name, node in _of(built.graph, *SPIKING)
        if any(np.unique(value).size > 1 for value in node.values.values())
    ]


def _plain_integrators(built: Built, peer: str) -> list[Finding]:
    if peer not in ("norse", "snntorch"):
        return []
    what = f"{MEASURED[peer]} does not scale the input of an IF by r"
    return [
        Finding("peer-if", name, what, "train with a finite membrane time constant")
        for name in built.graph.of_kind(IF, INTEGRATOR)
    ]


def _affine(built: Built, peer: str) -> list[Finding]:
    what = f"{MEASURED[peer]} loads an Affine through nirtorch 2.6, whose bias is random"
    return [
        Finding("peer-affine", name, what, "train without biases")
        for name in built.graph.of_kind(AFFINE)
        if peer in _RANDOM_BIAS
    ]


def _loops(built: Built, peer: str) -> list[Finding]:
    found = [
        Finding(
            "peer-shared-loop",
            ", ".join(group),
            "they feed each other, and which of their connections costs a step depends on the peer",
            "let populations feed only themselves",
        )
        for group in built.shared_loops
    ]
    if peer == "snntorch" and recurrent_edges(built.graph):
        what = f"{MEASURED[peer]} runs recurrent connections wrongly, without a word"
        return [
            *found,
            Finding("peer-recurrence", "network", what, "export a feed-forward network"),
        ]
    return found


def _order(built: Built, peer: str) -> list[Finding]:
    if peer != "norse":
        return []
    what = f"{MEASURED[peer]} runs nodes depth first: what it passes on arrives a step late"
    fix = "let one projection lead to each population"
    found = [
        Finding("peer-order", pre, what, fix)
        for pre in dict.fromkeys(pre for pre, _ in late_edges(built.graph))
    ]
    outputs, last = built.graph.of_kind(OUTPUT), visited(built.graph)[-1]
    if outputs != [last]:
        what = f"the output of {MEASURED[peer]} is that of the last node it runs, '{last}'"
        found.append(Finding("peer-output", ", ".join(outputs), what, "let one population answer"))
    return found


def _resets(built: Built, peer: str) -> list[Finding]:
    if peer not in _OF_SEVERAL_SPIKES:
        return []
    what = f"neurons of {MEASURED[peer]} spike several times per step and subtract the threshold"
    return [Finding("peer-reset", name, what, _ANOTHER) for name in built.graph.of_kind(*SPIKING)]


def _steps(built: Built, options: NirOptions) -> list[Finding]:
    peer, found = str(options.profile), []
    if options.recurrent_step == EXPLICIT and recurrent_edges(built.graph):
        what = f"{MEASURED[peer]} lets every connection that closes a loop cost a step"
        fix = f"write recurrent steps as {IMPLIED}"
        found.append(Finding("peer-recurrent-step", "network", what, fix))
    if peer == "snntorch" and options.nir_dt_s != NIR_DT_S:
        what = f"{MEASURED[peer]} takes every file for one of {NIR_DT_S:g} s steps"
        fix = f"write it for steps of {NIR_DT_S:g} s"
        found.append(Finding("peer-step", "network", what, fix))
    return found


_RULES: tuple[Callable[[Built, str], list[Finding]], ...] = (
    _delays,
    _dropped,
    _integrators,
    _leaks,
    _constants,
    _plain_integrators,
    _affine,
    _loops,
    _order,
    _resets,
)

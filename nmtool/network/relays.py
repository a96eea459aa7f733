"""Relays: populations that repeat spikes later, for delays longer than a chip's longest.

A relay has one neuron per source neuron with longer delays. The neuron's current has no memory, so
every spike of the source drives it over its threshold once. The synapse onto it has the longest
delay D, so it spikes D + 1 steps after its source (the hop takes one step). A synapse of delay d is
moved to the k-th relay of a chain, with the delay d − k·(D + 1), and delivers its spikes at the
same steps as before.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nmtool.arguments import WHOLE
from nmtool.arithmetic import DECAY_ONE
from nmtool.dynamics import HOP_LATENCY
from nmtool.errors import UsageError
from nmtool.network.float_parts import Population, Projection
from nmtool.network.graph import INPUT

if TYPE_CHECKING:
    from nmtool.network.float_network import Network


def with_relays(network: Network, longest: int) -> Network:
    """Realise delays beyond `longest` with relays; see `Network.with_relays`.

    Args:
        network: network with delays of any length.
        longest: longest delay without a relay, in steps, at least 0.

    Raises:
        UsageError: the longest delay is less than 0, or a source that needs a relay can spike
            several times per step.
    """
    WHOLE.check("the longest delay", longest)
    if longest < 0:
        raise UsageError(
            f"the longest delay must be 0 or more steps, not {longest}",
            code="setting-range",
            fix="pass a whole number of steps, e.g. 61",
        )
    longest = min(longest, network.max_delay)
    relay_steps = longest + HOP_LATENCY
    sizes = {INPUT: network.channels.size} | {p.name: p.size for p in network.populations}
    spike_limits = network.spike_limits
    chains = {name: [_Link(name, np.arange(size))] for name, size in sizes.items()}
    populations: list[Population] = []
    projections: list[Projection] = []
    for source, chain in chains.items():
        while (needed := _late_neurons(network, source, len(chain) * relay_steps)).size:
            previous = chain[-1]
            if spike_limits[source] > 1:
                raise UsageError(
                    f"no relay can repeat the spikes of '{source}'",
                    code="relay-counts",
                    why=f"it has up to {spike_limits[source]} spikes per step, and a relay neuron "
                    "spikes once for every arriving count",
                    fix=f"shorten its delays to at most {longest} steps, or set its most_spikes "
                    "to 1",
                )
            relay = _Link(_free_name(f"{source}_relay{len(chain)}", sizes), needed)
            sizes[relay.name] = needed.size
            one_to_one = (previous.neurons[:, None] == needed[None, :]).astype(np.float64)
            delay = np.full(one_to_one.shape, longest, np.int32)
            projections.append(Projection(previous.name, relay.name, one_to_one, delay))
            # A relay neuron spikes in the step in which its input arrives, and is then reset. Its
            # time constant therefore has no effect; the shortest time constant in 12 bits is used.
            tau_mem_ms = network.dt_ms / math.log(DECAY_ONE)
            populations.append(
                Population(
                    relay.name, needed.size, tau_mem_ms=tau_mem_ms, tau_syn_ms=0, threshold=0.5
                )
            )
            chain.append(relay)
    for projection in network.projections:
        # Synapses of weight 0 need no relay. They stay with the original source.
        relay_indices = np.where(projection.weight == 0, 0, projection.delay // relay_steps)
        for relay_index in sorted({0, *np.unique(relay_indices).tolist()}):
            link, is_here = chains[projection.source][relay_index], relay_indices == relay_index
            weight = np.where(is_here, projection.weight, 0.0)[link.neurons]
            delay = np.where(
                is_here & (projection.weight != 0), projection.delay - relay_index * relay_steps, 0
            )
            projections.append(
                replace(projection, source=link.name, weight=weight, delay=delay[link.neurons])
            )
    return replace(
        network, populations=(*populations, *network.populations), projections=projections
    )


@dataclass(frozen=True, eq=False)
class _Link:
    """A source population, or one of its relays.

    Attributes:
        name: name of the population, or `input`.
        neurons: [size] int64, the source neurons whose spikes it sends.
    """

    name: str
    neurons: NDArray[np.int64]


def _late_neurons(network: Network, source: str, steps: int) -> NDArray[np.int64]:
    """Source neurons that have a synapse with a delay of at least `steps`."""
    late = [
        ((p.delay >= steps) & (p.weight != 0)).any(axis=1)
        for p in network.projections
        if p.source == source
    ]
    return np.flatnonzero(np.any(late, axis=0)) if late else np.zeros(0, np.int64)


def _free_name(name: str, taken: dict[str, int]) -> str:
    """The name, with underscores appended until no population has it."""
    while name in taken:
        name += "_"
    return name

"""Blocks: populations that feed back on each other, run as one, with their synapses joined.

The kernels know one afferent and one recurrent matrix. A block with several populations or
sources gets matrices put together from its projections; torch takes them apart again backward.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from nmtool.errors import NetworkError
from nmtool.network.float_network import Network
from nmtool.network.graph import INPUT, LI
from nmtool.training.engines.engine import Synapses
from nmtool.training.engines.spike_trains import SpikeTrains, merge
from nmtool.training.front.functions import Connection, Push

Table = list[list[int | None]]
"""Per source, per population of the block: the index of the projection, or None."""


@dataclass(frozen=True, eq=False)
class BlockPlan:
    """The wiring of a block.

    Attributes:
        names: its populations, in order.
        sizes: their neurons.
        kind: `lif` or `li`.
        sources: populations (or the input) it hears, one entry per row of synapses; a source
            with parallel projections to one target appears once for each.
        source_sizes: their neurons.
        rows: the afferent projections.
        loops: those among its own populations; empty without recurrence.
    """

    names: list[str]
    sizes: list[int]
    kind: str
    sources: list[str]
    source_sizes: list[int]
    rows: Table
    loops: Table

    def afferent(
        self, trains: Mapping[str, SpikeTrains], connections: Sequence[Connection]
    ) -> tuple[SpikeTrains, Connection]:
        """The spikes the block hears and the synapses they go through.

        Args:
            trains: of the input and of every population that ran before.
            connections: in the order of the network's projections.
        """
        heard = [trains[name] for name in self.sources]
        synapses = _joined(self.rows, self.source_sizes, self.sizes, connections)
        return merge(heard) if heard else SpikeTrains.silent(trains[INPUT], 0), synapses

    def recurrent(self, connections: Sequence[Connection]) -> Connection | None:
        """The synapses within the block."""
        if not self.loops:
            return None
        return _joined(self.loops, self.sizes, self.sizes, connections)

    def joint_push(self, push: Mapping[str, Push]) -> Push | None:
        """The regularisers of the block's populations as one."""
        if not any(name in push for name in self.names):
            return None

        def joint(counts: Tensor, n_samples: int) -> Tensor:
            return torch.cat(
                [
                    push[name](part, n_samples) if name in push else torch.zeros_like(part)
                    for name, part in zip(self.names, counts.split(self.sizes), strict=True)
                ]
            )

        return joint

    def split(self, emitted: SpikeTrains) -> dict[str, SpikeTrains]:
        """The spike trains of each population of the block."""
        if len(self.names) == 1:
            return {self.names[0]: emitted}
        edges = np.cumsum([0, *self.sizes])
        return {
            name: emitted.columns(int(first), int(last))
            for name, first, last in zip(self.names, edges, edges[1:], strict=False)
        }


def plan_block(network: Network, names: list[str]) -> BlockPlan:
    """Wire up a group of populations that can reach each other.

    Raises:
        NetworkError: two projections of a block join the same pair of its populations.
    """
    kind = network.population(names[0]).kind
    sources, rows = _afferent_rows(network, names)
    sizes = {INPUT: network.channels.size} | {p.name: p.size for p in network.populations}
    return BlockPlan(
        names=names,
        sizes=[sizes[name] for name in names],
        kind=kind,
        sources=sources,
        source_sizes=[sizes[name] for name in sources],
        rows=rows,
        loops=[] if kind == LI else _loops(network, names),
    )


def _afferent_rows(network: Network, names: Sequence[str]) -> tuple[list[str], Table]:
    sources: list[str] = []
    rows: Table = []
    for index, projection in enumerate(network.projections):
        if projection.target not in names or projection.source in names:
            continue
        column = names.index(projection.target)
        for source, row in zip(sources, rows, strict=True):
            if source == projection.source and row[column] is None:
                row[column] = index
                break
        else:
            sources.append(projection.source)
            rows.append([index if c == column else None for c in range(len(names))])
    return sources, rows


def _loops(network: Network, names: Sequence[str]) -> Table:
    loops: Table = [[None] * len(names) for _ in names]
    for index, projection in enumerate(network.projections):
        if projection.source not in names or projection.target not in names:
            continue
        row, column = names.index(projection.source), names.index(projection.target)
        if loops[row][column] is not None:
            raise NetworkError(
                f"two recurrent projections {projection.source} → {projection.target}",
                code="recurrent-projections-parallel",
                why="training joins recurrent synapses into one matrix",
                fix="merge the two projections, or put one of them on other neurons",
            )
        loops[row][column] = index
    return loops if any(entry is not None for row in loops for entry in row) else []


def _joined(
    table: Table, pre: list[int], post: list[int], connections: Sequence[Connection]
) -> Connection:
    """One matrix from a table of projections; synapses that do not exist weigh nothing."""
    if len(table) == 1 and len(post) == 1 and table[0][0] is not None:
        return connections[table[0][0]]

    def matrix(read: Callable[[Connection], Tensor]) -> Tensor:
        like = read(connections[0]).detach()
        rows = [
            torch.cat(
                [
                    like.new_zeros((n, m)) if entry is None else read(connections[entry])
                    for entry, m in zip(row, post, strict=True)
                ],
                dim=1,
            )
            for row, n in zip(table, pre, strict=True)
        ]
        return torch.cat([like.new_zeros((0, sum(post))), *rows])

    synapses = Synapses(matrix(lambda c: c.synapses.weight), matrix(lambda c: c.synapses.delay))
    if connections[0].synapses.integer is not None:
        synapses = replace(synapses, integer=matrix(_integer))
    return Connection(matrix(lambda c: c.weight), matrix(lambda c: c.delay), synapses)


def _integer(connection: Connection) -> Tensor:
    assert connection.synapses.integer is not None
    return connection.synapses.integer

"""Blocks: populations that feed back on each other, run as one, with their synapses joined.

The kernels know one afferent and one recurrent matrix. A block with several populations or
sources gets matrices put together from its projections; torch takes them apart again backward.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import DTypeLike
from torch import Tensor

from nmtool.errors import NetworkError
from nmtool.graph import INPUT, LI
from nmtool.network import Network
from training.cell import Cell, make_cell
from training.engine import BlockFactory
from training.functions import Connection, Neurons, Push
from training.spike_trains import SpikeTrains, merge

if TYPE_CHECKING:
    from training.model import Projection


@dataclass(frozen=True, eq=False)
class BlockPlan:
    """How a block is wired.

    Attributes:
        names: its populations, in order.
        sizes: their neurons.
        kind: `lif` or `li`.
        neurons: constants of all its neurons and the engine that runs them.
        sources: populations (or the input) it hears, one entry per row of synapses; a source
            with parallel projections to one target appears once for each.
        source_sizes: their neurons.
        rows: per source, per population of the block, the index of the projection or None.
        loops: per population of the block, per population of the block, likewise; empty
            without recurrence.
    """

    names: list[str]
    sizes: list[int]
    kind: str
    neurons: Neurons
    sources: list[str]
    source_sizes: list[int]
    rows: list[list[int | None]]
    loops: list[list[int | None]]

    def afferent(
        self, trains: Mapping[str, SpikeTrains], projections: Sequence[Projection]
    ) -> tuple[SpikeTrains, Connection]:
        """The spikes the block hears and the synapses they go through."""
        heard = [trains[name] for name in self.sources]
        like = torch.from_numpy(self.neurons.cell.b[:0]).to(trains[INPUT].offset.device)
        synapses = _joined(self.rows, self.source_sizes, self.sizes, projections, like)
        return merge(heard) if heard else SpikeTrains.silent(trains[INPUT], 0), synapses

    def recurrent(self, projections: Sequence[Projection]) -> Connection | None:
        """The synapses within the block."""
        if not self.loops:
            return None
        like = projections[0].weight
        return _joined(self.loops, self.sizes, self.sizes, projections, like.detach())

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


def plan_block(
    network: Network, names: list[str], dtype: DTypeLike, engine: BlockFactory
) -> BlockPlan:
    """Wire up a group of populations that can reach each other.

    Args:
        network: the whole network.
        names: the populations.
        dtype: arithmetic of the engine.
        engine: what will run them.

    Raises:
        NetworkError: two projections of a block join the same pair of its populations.
    """
    populations = [network.population(name) for name in names]
    cells = [make_cell(population, network.dt_ms, dtype) for population in populations]
    sources, rows = _afferent_rows(network, names)
    sizes = {INPUT: network.channels.size} | {p.name: p.size for p in network.populations}
    return BlockPlan(
        names=names,
        sizes=[population.size for population in populations],
        kind=populations[0].kind,
        neurons=Neurons(
            Cell(*(np.concatenate(values) for values in zip(*cells, strict=True))),
            network.dt_ms,
            engine,
        ),
        sources=sources,
        source_sizes=[sizes[name] for name in sources],
        rows=rows,
        loops=[] if populations[0].kind == LI else _loops(network, names),
    )


def _afferent_rows(
    network: Network, names: Sequence[str]
) -> tuple[list[str], list[list[int | None]]]:
    sources: list[str] = []
    rows: list[list[int | None]] = []
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


def _loops(network: Network, names: Sequence[str]) -> list[list[int | None]]:
    loops: list[list[int | None]] = [[None] * len(names) for _ in names]
    for index, projection in enumerate(network.projections):
        if projection.source not in names or projection.target not in names:
            continue
        row, column = names.index(projection.source), names.index(projection.target)
        if loops[row][column] is not None:
            raise NetworkError(
                f"two recurrent projections {projection.source} → {projection.target}",
                why="training joins recurrent synapses into one matrix",
                fix="merge the two projections, or put one of them on other neurons",
            )
        loops[row][column] = index
    return loops if any(entry is not None for row in loops for entry in row) else []


def _joined(
    table: list[list[int | None]],
    pre: list[int],
    post: list[int],
    projections: Sequence[Projection],
    like: Tensor,
) -> Connection:
    """One matrix from a table of projections; synapses that do not exist weigh nothing."""
    if not table:
        nothing = like.new_zeros((0, sum(post)))
        return Connection(nothing, nothing)
    if len(table) == 1 and len(post) == 1 and table[0][0] is not None:
        return projections[table[0][0]].connection

    def matrix(key: str) -> Tensor:
        return torch.cat(
            [
                torch.cat(
                    [
                        like.new_zeros((n, m))
                        if entry is None
                        else getattr(projections[entry], key)
                        for entry, m in zip(row, post, strict=True)
                    ],
                    dim=1,
                )
                for row, n in zip(table, pre, strict=True)
            ]
        )

    return Connection(matrix("weight"), matrix("delay"))

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
from numpy.typing import DTypeLike, NDArray
from torch import Tensor

from nmtool.errors import NetworkError
from nmtool.graph import INPUT, LI
from nmtool.network import Network
from nmtool.raster import Raster
from training.cell import Cell, make_cell
from training.functions import Connection, Push, SpikeTrains

if TYPE_CHECKING:
    from training.model import Projection


@dataclass(frozen=True, eq=False)
class BlockPlan:
    """How a block is wired.

    Attributes:
        names: its populations, in order.
        sizes: their neurons.
        kind: `lif` or `li`.
        cell: constants of all its neurons.
        dt_ms: length of a step in ms.
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
    cell: Cell
    dt_ms: float
    sources: list[str]
    source_sizes: list[int]
    rows: list[list[int | None]]
    loops: list[list[int | None]]

    def afferent(
        self, trains: Mapping[str, SpikeTrains], projections: Sequence[Projection], like: Raster
    ) -> tuple[SpikeTrains, Connection]:
        """The spikes the block hears and the synapses they go through."""
        heard = [trains[name] for name in self.sources]
        synapses = _joined(self.rows, self.source_sizes, self.sizes, projections, self.cell)
        return _merged(heard, like), synapses

    def recurrent(self, projections: Sequence[Projection]) -> Connection | None:
        """The synapses within the block."""
        if not self.loops:
            return None
        return _joined(self.loops, self.sizes, self.sizes, projections, self.cell)

    def joint_push(self, push: Mapping[str, Push]) -> Push | None:
        """The regularisers of the block's populations as one."""
        if not any(name in push for name in self.names):
            return None

        def joint(counts: NDArray[np.int64], n_samples: int) -> NDArray:
            parts = np.split(counts, np.cumsum(self.sizes)[:-1])
            return np.concatenate(
                [
                    push[name](part, n_samples) if name in push else np.zeros(len(part))
                    for name, part in zip(self.names, parts, strict=True)
                ]
            )

        return joint

    def split(self, emitted: SpikeTrains) -> dict[str, SpikeTrains]:
        """The spike trains of each population of the block."""
        if len(self.names) == 1:
            return {self.names[0]: emitted}
        edges = np.cumsum([0, *self.sizes])
        return {
            name: _columns(emitted, first, last)
            for name, first, last in zip(self.names, edges, edges[1:], strict=False)
        }


def plan_block(network: Network, names: list[str], dtype: DTypeLike) -> BlockPlan:
    """Wire up a group of populations that can reach each other.

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
        cell=Cell(*(np.concatenate(values) for values in zip(*cells, strict=True))),
        dt_ms=network.dt_ms,
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
    cell: Cell,
) -> Connection:
    """One matrix from a table of projections; synapses that do not exist weigh nothing."""
    dtype = torch.from_numpy(cell.b).dtype
    if not table:
        nothing = torch.zeros((0, sum(post)), dtype=dtype)
        return Connection(nothing, nothing)
    if len(table) == 1 and len(post) == 1 and table[0][0] is not None:
        return projections[table[0][0]].connection

    def matrix(key: str) -> Tensor:
        return torch.cat(
            [
                torch.cat(
                    [
                        torch.zeros((n, m), dtype=dtype)
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


def _merged(heard: list[SpikeTrains], like: Raster) -> SpikeTrains:
    """Several sources as one, their neurons numbered through."""
    if len(heard) == 1:
        return heard[0]
    if not heard:
        return SpikeTrains(Raster.silent(like.n_samples, like.n_steps, 0))
    rasters = [trains.raster for trains in heard]
    shift = np.cumsum([0] + [raster.n_neurons for raster in rasters])
    sample = np.concatenate([raster.sample_index() for raster in rasters])
    step = np.concatenate([raster.step for raster in rasters])
    neuron = np.concatenate(
        [raster.neuron + by for raster, by in zip(rasters, shift, strict=False)]
    )
    order = np.lexsort((neuron, step, sample))
    offset = np.sum([raster.offset for raster in rasters], axis=0)
    merged = Raster(offset, step[order], neuron[order], like.n_steps, int(shift[-1]))
    return SpikeTrains(merged, _merged_times(heard, order))


def _merged_times(heard: list[SpikeTrains], order: NDArray[np.int64]) -> Tensor | None:
    known = [trains.time_ms for trains in heard if trains.time_ms is not None]
    if not known:
        return None
    times = [
        torch.zeros(trains.raster.n_spikes, dtype=known[0].dtype)
        if trains.time_ms is None
        else trains.time_ms
        for trains in heard
    ]
    return torch.cat(times)[torch.from_numpy(order)]


def _columns(trains: SpikeTrains, first: int, last: int) -> SpikeTrains:
    raster = trains.raster
    pick = np.flatnonzero((raster.neuron >= first) & (raster.neuron < last))
    offset = np.searchsorted(pick, raster.offset)
    part = Raster(
        offset, raster.step[pick], raster.neuron[pick] - first, raster.n_steps, int(last - first)
    )
    assert trains.time_ms is not None
    return SpikeTrains(part, trains.time_ms[torch.from_numpy(pick)])

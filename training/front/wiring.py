"""Layers: mutually recurrent populations run as one layer, with joined synapse matrices.

A device runs a layer with one afferent and one recurrent matrix. For several populations or
sources, these matrices are concatenated from the projections; torch splits the gradients again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nmtool.errors import NetworkError
from nmtool.network.float_network import Network
from nmtool.network.graph import INPUT, LI
from nmtool.training.engines.spike_trains import SpikeTrains, merge
from nmtool.training.engines.synapses import Synapses
from nmtool.training.front.functions import Push

Blocks = list[list[int | None]]
"""Blocks of a layer's matrix: a row per source, with the index of the projection (or None) to each
population of the layer."""


@dataclass(frozen=True, eq=False)
class Wiring:
    """A layer: its populations, sources and projections.

    Attributes:
        names: names of its populations, in order.
        sizes: number of neurons of each population.
        kind: `lif` or `li`.
        sources: populations (or the input) that project to it, one entry per block of rows; a
            source with parallel projections to one target appears once for each.
        source_sizes: number of neurons of each source.
        rows: blocks of the afferent matrix.
        loops: blocks of the recurrent matrix; empty without recurrence.
    """

    names: list[str]
    sizes: list[int]
    kind: str
    sources: list[str]
    source_sizes: list[int]
    rows: Blocks
    loops: Blocks

    def source(self, trains: Mapping[str, SpikeTrains]) -> SpikeTrains:
        """Join the spikes of all sources of the layer into one `SpikeTrains`.

        Args:
            trains: spike trains of the input and of every earlier population.
        """
        if not self.sources:
            return SpikeTrains.silent(trains[INPUT], 0)
        return merge([trains[name] for name in self.sources])

    def afferent(self, synapses: Sequence[Synapses]) -> Synapses:
        """Join the afferent synapses into one matrix.

        Args:
            synapses: synapses of each projection, in the network's order.
        """
        return _joined(self.rows, self.source_sizes, self.sizes, synapses)

    def recurrent(self, synapses: Sequence[Synapses]) -> Synapses | None:
        """Join the recurrent synapses into one matrix; arguments as for `afferent`."""
        return _joined(self.loops, self.sizes, self.sizes, synapses) if self.loops else None

    def push(self, push: Mapping[str, Push]) -> Push | None:
        """Join the firing-rate regularisers of the layer's populations into one for the layer."""
        if not any(name in push for name in self.names):
            return None

        def joint_push(counts: Tensor, n_samples: int) -> Tensor:
            return torch.cat(
                [
                    push[name](part, n_samples) if name in push else torch.zeros_like(part)
                    for name, part in zip(self.names, counts.split(self.sizes), strict=True)
                ]
            )

        return joint_push

    def split(self, emitted: SpikeTrains) -> dict[str, SpikeTrains]:
        """Split the layer's spike trains by population."""
        if len(self.names) == 1:
            return {self.names[0]: emitted}
        edges = np.cumsum([0, *self.sizes])
        return {
            name: emitted.columns(int(first), int(last))
            for name, first, last in zip(self.names, edges, edges[1:], strict=False)
        }


def wire(network: Network, names: list[str]) -> Wiring:
    """Make the layer of a group of mutually recurrent populations.

    Raises:
        NetworkError: two recurrent projections connect the same pair of populations.
    """
    kind = network.population(names[0]).kind
    sources, rows = _afferent_rows(network, names)
    sizes = {INPUT: network.channels.size} | {p.name: p.size for p in network.populations}
    return Wiring(
        names=names,
        sizes=[sizes[name] for name in names],
        kind=kind,
        sources=sources,
        source_sizes=[sizes[name] for name in sources],
        rows=rows,
        loops=[] if kind == LI else _loops(network, names),
    )


def _afferent_rows(network: Network, names: Sequence[str]) -> tuple[list[str], Blocks]:
    """Find the sources of a layer outside it, and the blocks of its afferent matrix."""
    sources: list[str] = []
    rows: Blocks = []
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


def _loops(network: Network, names: Sequence[str]) -> Blocks:
    """Blocks of the recurrent matrix of a layer."""
    loops: Blocks = [[None] * len(names) for _ in names]
    for index, projection in enumerate(network.projections):
        if projection.source not in names or projection.target not in names:
            continue
        row, column = names.index(projection.source), names.index(projection.target)
        if loops[row][column] is not None:
            raise NetworkError(
                f"two recurrent projections connect {projection.source} to {projection.target}",
                code="recurrent-projections-parallel",
                why="training uses one matrix of recurrent synapses",
                fix="merge the two projections, or split the population",
            )
        loops[row][column] = index
    return loops if any(entry is not None for row in loops for entry in row) else []


def _joined(
    blocks: Blocks, pre: list[int], post: list[int], synapses: Sequence[Synapses]
) -> Synapses:
    """Join blocks of projections into one matrix; missing synapses get weight 0."""
    if len(blocks) == 1 and len(post) == 1 and blocks[0][0] is not None:
        return synapses[blocks[0][0]]

    def matrix(name: str) -> Tensor | None:
        matrices = [getattr(projection, name) for projection in synapses]
        if matrices[0] is None:
            return None
        like = matrices[0].detach()
        rows = [
            torch.cat(
                [
                    like.new_zeros((n, m)) if entry is None else matrices[entry]
                    for entry, m in zip(row, post, strict=True)
                ],
                dim=1,
            )
            for row, n in zip(blocks, pre, strict=True)
        ]
        return torch.cat([like.new_zeros((0, sum(post))), *rows])

    matrices: dict[str, Any] = {part.name: matrix(part.name) for part in fields(Synapses)}
    return Synapses(**matrices)

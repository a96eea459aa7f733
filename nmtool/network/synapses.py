"""`Synapses`: mean weights and delays by projection, and how they changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.errors import UsageError
from nmtool.network.any_network import AnyNetwork, AnyProjection
from nmtool.tables import Table, Tabular


@dataclass(frozen=True, repr=False)
class Synapses(Tabular):
    """Weights and delays of synapses with nonzero weight, and their changes by training.

    >>> import nmtool as nm
    >>> network = nm.Network.layers([5, 8, 3], delays=10)
    >>> synapses = Synapses.of(network, before=network)
    >>> synapses
    <Synapses: input → hidden 40, hidden → hidden 64, hidden → output 24>
    >>> synapses.projections[0]["mean |Δ delay|"]
    0.0

    Attributes:
        projections: the columns of the table by their titles, for each projection.
        before: content hash of the network before training; None if unknown.
        note: the origin of that network, or the reason why it is unknown.
    """

    projections: Sequence[Mapping[str, Any]]
    before: str | None = None
    note: str = ""

    @classmethod
    def of(cls, network: AnyNetwork, before: AnyNetwork | None = None, note: str = "") -> Synapses:
        """Measure a network and, if it is known, the network before training.

        Raises:
            UsageError: the networks have different projections.
        """
        if before is None:
            return cls([_row(new) for new in network.projections], note=note)
        shapes = [
            [(type(side), side.source, side.target, side.shape) for side in net.projections]
            for net in (before, network)
        ]
        if shapes[0] != shapes[1]:
            raise UsageError(
                "the network before training has different projections",
                code="report-before-differs",
                why="before and after are compared synapse by synapse",
                fix="name a network of the same shape and kind, float or integer",
            )
        pairs = zip(network.projections, before.projections, strict=True)
        rows = [{**_row(new), **_changes(new, old)} for new, old in pairs]
        return cls(rows, before.content_hash, note)

    def sentences(self) -> list[tuple[str, str]]:
        """The origin of the network before training, or the reason why it is unknown."""
        return [(self.note, "")] if self.note else []

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        rows = [dict(row) for row in self.projections]
        return {"before": self.before, "note": self.note, "projections": rows}

    def tables(self) -> list[Table]:
        """A row per projection."""
        title = "weights, and delays in steps, of synapses with nonzero weight"
        header = list(self.projections[0]) if self.projections else ["projection"]
        return [Table(title, header, [[*row.values()] for row in self.projections])]

    def __repr__(self) -> str:
        counts = ", ".join(f"{row['projection']} {row['synapses']:,}" for row in self.projections)
        return f"<Synapses: {counts}>"


def _row(projection: AnyProjection) -> dict[str, Any]:
    """Means of a projection."""
    synapses = projection.weight != 0
    return {
        "projection": f"{projection.source} → {projection.target}",
        "synapses": int(synapses.sum()),
        "weight 0": f"{1 - _mean(synapses):.1%}",
        "mean |weight|": _mean(np.abs(projection.weight[synapses])),
        "mean delay": _mean(projection.delay[synapses]),
    }


def _changes(new: AnyProjection, old: AnyProjection) -> dict[str, float]:
    """Means of a projection before training, and mean changes."""
    synapses = old.weight != 0
    return {
        "|weight| before": _mean(np.abs(old.weight[synapses])),
        "delay before": _mean(old.delay[synapses]),
        "mean |Δ weight|": _mean(np.abs(new.weight - old.weight)),
        "mean |Δ delay|": _mean(np.abs(new.delay.astype(np.int64) - old.delay)),
    }


def _mean(values: NDArray[Any]) -> float:
    """Mean of values; 0 without values."""
    return float(values.mean()) if values.size else 0.0

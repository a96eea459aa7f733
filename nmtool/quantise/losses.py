"""What rounding took from a network, as findings."""

from __future__ import annotations

from collections.abc import Iterator

from nmtool.network import Network
from nmtool.quantise.delays import DelayGrid
from nmtool.targets import Finding


def delay_losses(network: Network, delays: DelayGrid) -> Iterator[Finding]:
    """Delays that are longer than those that were held.

    Args:
        network: the float network.
        delays: which delays were held.
    """
    longest = delays.longest
    for projection in network.projections:
        clipped = int((projection.delay > longest).sum())
        if clipped:
            yield Finding(
                "delay-range",
                f"{projection.source} → {projection.target}",
                f"{clipped} delays are longer than {longest} steps",
                f"they were cut to {longest}; a longer time step holds longer delays",
            )

"""Numbers of neurons of populations, from the lengths of arrays [pre·post]."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from nmtool.errors import FileFormatError, Finding
from nmtool.exporters.mlgenn.checkpoint import Connection


def known_sizes(connections: Sequence[Connection], given: Mapping[str, int]) -> dict[str, int]:
    """Neurons of the populations whose size can be told.

    A recurrent connection tells its population's size, a known size that of the other end.

    Args:
        connections: all of them.
        given: sizes that are known beforehand.
    """
    sizes = dict(given)
    while new := dict(_follow(connections, sizes)):
        sizes.update(new)
    return sizes


def check_sizes(
    connections: Sequence[Connection], sizes: Mapping[str, int], folder: str | Path
) -> None:
    """Raise `FileFormatError` where the lengths of arrays do not go with the sizes.

    Args:
        connections: all of them.
        sizes: of all populations.
        folder: where they come from, for messages.
    """
    fix = "sparse connections cannot be read; sizes that were given must be right"
    findings = [
        Finding(
            "mlgenn-weight-count",
            f"Conn_{one.source}_{one.target}",
            f"{one.weight.size} weights, not {sizes[one.source]} × {sizes[one.target]}",
            fix,
        )
        for one in connections
        if sizes[one.source] * sizes[one.target] != one.weight.size or not one.weight.size
    ]
    if findings:
        raise FileFormatError(
            f"the arrays in {folder} do not go together",
            code="mlgenn-sizes-differ",
            findings=findings,
        )


def _follow(
    connections: Sequence[Connection], sizes: Mapping[str, int]
) -> Iterator[tuple[str, int]]:
    """Sizes that follow from what is known so far."""
    for one in connections:
        pre, post, synapses = sizes.get(one.source), sizes.get(one.target), one.weight.size
        if one.source == one.target and pre is None:
            yield one.source, math.isqrt(synapses)
        elif pre is None and post:
            yield one.source, synapses // post
        elif post is None and pre:
            yield one.target, synapses // pre

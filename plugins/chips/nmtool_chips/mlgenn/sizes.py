"""Determine the sizes of populations from the lengths of arrays [pre·post]."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from nmtool.errors import FileFormatError, Finding
from nmtool_chips.mlgenn.checkpoint import Connection


def known_sizes(connections: Sequence[Connection], given: Mapping[str, int]) -> dict[str, int]:
    """Sizes of populations, as far as they can be determined.

    A recurrent connection gives the size of its population. For any other connection, the size of
    one population gives the size of the other.

    Args:
        connections: connections of the checkpoint.
        given: sizes in the options.
    """
    sizes = dict(given)
    while new := dict(_derived_sizes(connections, sizes)):
        sizes.update(new)
    return sizes


def check_sizes(
    connections: Sequence[Connection], sizes: Mapping[str, int], folder: str | Path
) -> None:
    """Raise `FileFormatError` if lengths of arrays do not match the sizes.

    Args:
        connections: connections of the checkpoint.
        sizes: sizes of all populations.
        folder: folder of the checkpoint, for messages.
    """
    fix = "check the given sizes; sparse connections cannot be imported"
    findings = [
        Finding(
            "mlgenn-weight-count",
            f"Conn_{connection.source}_{connection.target}",
            f"it has {connection.weight.size} weights, but its populations need "
            f"{sizes[connection.source]} × {sizes[connection.target]}",
            fix,
        )
        for connection in connections
        if sizes[connection.source] * sizes[connection.target] != connection.weight.size
        or not connection.weight.size
    ]
    if findings:
        raise FileFormatError(
            f"the sizes of the arrays in {folder} are inconsistent",
            code="mlgenn-sizes-differ",
            findings=findings,
        )


def _derived_sizes(
    connections: Sequence[Connection], sizes: Mapping[str, int]
) -> Iterator[tuple[str, int]]:
    """Further sizes that follow from the known sizes."""
    for connection in connections:
        pre, post, synapses = (
            sizes.get(connection.source),
            sizes.get(connection.target),
            connection.weight.size,
        )
        if connection.source == connection.target and pre is None:
            yield connection.source, math.isqrt(synapses)
        elif pre is None and post:
            yield connection.source, synapses // post
        elif post is None and pre:
            yield connection.target, synapses // pre

"""From a graph to the bytes of a NIR file, by the library that defines the format."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nmtool.errors import missing_library
from nmtool.exporters.nir.graph import embedded as extras
from nmtool.exporters.nir.graph.embedded import Extra
from nmtool.exporters.nir.graph.nodes import INPUT, LINEAR, OUTPUT, Graph, Node

if TYPE_CHECKING:
    import nir as nir_library


def to_bytes(graph: Graph, extra: Extra) -> bytes:
    """The bytes of a file; the same graph and versions of libraries give the same bytes.

    Args:
        graph: what to write.
        extra: the group beside it.

    Raises:
        MissingError: the library is not installed.
    """
    try:
        import h5py
        import nir
    except ImportError as error:
        raise missing_library(error, "nir") from error

    buffer = io.BytesIO()
    nir.write(buffer, _nir_graph(graph, nir))
    with h5py.File(buffer, "r+") as file:
        extras.write(file, extra)
    return buffer.getvalue()


def _nir_graph(graph: Graph, nir: Any) -> nir_library.NIRGraph:
    # The order of nodes reaches the bytes; reading forgets it.
    nodes = {name: _nir_node(graph.nodes[name], nir) for name in sorted(graph.nodes)}
    return nir.NIRGraph(nodes=nodes, edges=graph.edges, metadata={})


def _nir_node(node: Node, nir: Any) -> nir_library.NIRNode:
    if node.kind == INPUT:
        return nir.Input(input_type={"input": node.values["shape"]})
    if node.kind == OUTPUT:
        return nir.Output(output_type={"output": node.values["shape"]})
    if node.kind == LINEAR:
        return nir.Linear(weight=_shortest(node.values["weight"]))
    return getattr(nir, node.kind)(**node.values)


def _shortest(weight: NDArray[np.float64]) -> NDArray[np.floating]:
    """The weights in float32 where that loses nothing."""
    short = weight.astype(np.float32)
    return short if np.array_equal(short, weight) else weight

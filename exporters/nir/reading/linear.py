"""Convert linear nodes to matrices: `Linear`, `Affine`, convolutions and pools.

A shared weight of a convolution becomes a separate synapse per position.
`nmtool.exporters.nir.reading.synapses` composes chains of linear nodes synapse by synapse, in
float64.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from nmtool.exporters.nir.graph.nodes import (
    AFFINE,
    AVG_POOL,
    CONV1D,
    CONV2D,
    LINEAR,
    POOLS,
    SUM_POOL,
    WINDOWS,
    Node,
)
from nmtool.exporters.nir.graph.windows import Shape
from nmtool.exporters.nir.reading import synapses as wires
from nmtool.exporters.nir.reading.synapses import Matrix, Signal
from nmtool.exporters.nir.reading.windows import window_of

PARAMETERS: Mapping[str, tuple[str, ...]] = {
    LINEAR: ("weight",),
    AFFINE: ("weight", "bias"),
    **dict.fromkeys(
        (CONV1D, CONV2D), ("weight", "bias", "stride", "padding", "dilation", "groups")
    ),
    **dict.fromkeys((SUM_POOL, AVG_POOL), ("kernel_size", "stride", "padding")),
}
OPTIONAL = ("input_shape",)


def output_signal(node: Node, signal: Signal, input_shape: Shape | None) -> Signal:
    """The output signal of a linear node.

    Args:
        node: a node without findings.
        signal: input signal of the node.
        input_shape: for convolutions and pools, channels and spatial size of the input.
    """
    if node.kind in WINDOWS:
        assert input_shape is not None  # `reading.shapes` has already refused unknown shapes.
        return _window_output(node, signal, input_shape)
    weight = node.values["weight"].astype(np.float64)
    line, post = np.nonzero(weight.T)
    signal = wires.multiplied(signal, Matrix.of(weight.shape, line, post, weight[post, line]))
    return wires.biased(signal, node.values["bias"]) if node.kind == AFFINE else signal


def _window_output(node: Node, signal: Signal, input_shape: Shape) -> Signal:
    """Output signal of a convolution or pool.

    The weights of a sum pool are 1; those of an average pool are 1/(number of taps).
    """
    window = window_of(node)
    line, post, tap = window.pairs(input_shape)
    if node.kind in POOLS:
        taps = math.prod(axis.taps for axis in window.axes)
        weight = np.broadcast_to(1.0 if node.kind == SUM_POOL else 1 / taps, line.shape)
    else:
        weight = node.values["weight"].reshape(*node.values["weight"].shape[:2], -1)[:, :, tap]
    output_shape = window.output_shape(input_shape)
    shape = math.prod(output_shape), math.prod(input_shape)
    order = np.argsort(line, axis=None, kind="stable")
    order = order[np.ravel(weight)[order] != 0]
    line, post, weight = (np.ravel(part)[order] for part in (line, post, weight))
    signal = wires.multiplied(signal, Matrix.of(shape, line, post, weight.astype(np.float64)))
    if node.kind in POOLS:
        return signal
    per_channel = np.broadcast_to(np.ravel(node.values["bias"]), (output_shape[0],))
    return wires.biased(signal, np.repeat(per_channel, math.prod(output_shape[1:])))

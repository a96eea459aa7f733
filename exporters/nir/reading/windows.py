"""Read the kernels of NIR's convolutions and pools, and list invalid properties."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nmtool.errors import Finding, printable
from nmtool.exporters.nir.graph.nodes import CONV1D, CONVOLUTIONS, Node
from nmtool.exporters.nir.graph.windows import MAX_PLACES, Axis, Shape, Window

SAME, VALID = "same", "valid"
"""Words for the padding of convolutions: as many outputs as inputs, or no padding."""


def window_of(node: Node) -> Window:
    """The window of a node without findings."""
    if node.kind not in CONVOLUTIONS:
        sides = (_numbers(node, key, 2) for key in ("kernel_size", "stride", "padding"))
        axes = (
            Axis(taps, step, padding, padding) for taps, step, padding in zip(*sides, strict=True)
        )
        return Window(tuple(axes))
    weight = node.values["weight"].shape
    count = len(weight) - 2
    stride, dilation = (_numbers(node, key, count) for key in ("stride", "dilation"))
    padding = _padding(node, weight[2:], dilation)
    (groups,) = _numbers(node, "groups", 1)
    axes = (
        Axis(taps, step, before, after, spacing)
        for taps, step, (before, after), spacing in zip(
            weight[2:], stride, padding, dilation, strict=True
        )
    )
    places = _numbers(node, "input_shape", count) if "input_shape" in node.values else None
    return Window(tuple(axes), (weight[0], weight[1] * groups), groups, places)


def findings(name: str, node: Node) -> Iterator[Finding]:
    """Findings on invalid properties of a convolution or pool.

    Args:
        name: printable name of the node.
        node: a convolution or pool with all values; weights are [outputs, inputs, spatial axes].
    """
    is_convolution = node.kind in CONVOLUTIONS
    count = node.values["weight"].ndim - 2 if is_convolution else 2
    least = {"stride": 1, "padding": 0}
    least |= (
        {"dilation": 1, "groups": 1, "input_shape": 1} if is_convolution else {"kernel_size": 1}
    )
    is_invalid = False
    for key, lowest in least.items():
        value = node.values.get(key)
        if value is None or value.dtype.kind == "U":
            continue
        numbers = _numbers(node, key, 1 if key == "groups" else count)
        if not numbers or not all(lowest <= number <= MAX_PLACES for number in numbers):
            is_invalid = True
            what = f"{key} must be a whole number in {lowest} … {MAX_PLACES}"
            what += "" if key == "groups" else f", or {count} such numbers"
            yield Finding("nir-window", name, what, "use numbers in this range")
    if not is_convolution or is_invalid:
        return
    padding, weight, bias = (node.values[key] for key in ("padding", "weight", "bias"))
    if padding.dtype.kind == "U" and str(padding) not in (SAME, VALID):
        what = f"padding is '{printable(str(padding))}'"
        yield Finding("nir-window", name, what, f"use '{SAME}', '{VALID}' or numbers")
    if str(padding) == SAME and set(_numbers(node, "stride", count)) != {1}:
        what = f"padding is '{SAME}', but the stride is not 1"
        yield Finding("nir-window", name, what, "give the padding in numbers")
    (groups,) = _numbers(node, "groups", 1)
    if weight.shape[0] % groups:
        what = f"{weight.shape[0]} output channels are not divisible into {groups} groups"
        yield Finding("nir-window", name, what, "use equally many channels in every group")
    if bias.size not in (1, weight.shape[0]):
        what = f"bias has {bias.size} numbers for {weight.shape[0]} output channels"
        yield Finding("nir-window", name, what, "give it one number per output channel")


def weight_axes(node: Node) -> int:
    """Number of axes of a convolution's weight."""
    return 3 if node.kind == CONV1D else 4


def _numbers(node: Node, key: str, count: int) -> Shape:
    """Whole numbers, one per axis; a single number counts for all axes. () for invalid values."""
    value = np.ravel(node.values[key])
    if value.size not in (1, count) or not np.array_equal(value, np.trunc(value)):
        return ()
    numbers = tuple(int(number) for number in value)
    return numbers * count if len(numbers) == 1 else numbers


def _padding(node: Node, taps: Shape, dilation: Shape) -> list[tuple[int, int]]:
    """Zeros before and after, per axis; if their sum is odd, there is one more zero after."""
    if str(node.values["padding"]) == SAME:
        both = [spacing * (n_taps - 1) for n_taps, spacing in zip(taps, dilation, strict=True)]
        return [(zeros // 2, zeros - zeros // 2) for zeros in both]
    if str(node.values["padding"]) == VALID:
        return [(0, 0)] * len(taps)
    return [(zeros, zeros) for zeros in _numbers(node, "padding", len(taps))]

"""Windows that convolutions and pools slide over what arrives, as in torch.

What arrives has axes (channels, places …) and is numbered in C order, the last axis fastest: with
two axes of places, line = x + width·(y + height·channel). Along each of them

    output o sees place o·stride − padding + tap·dilation     tap = 0 … taps − 1

Places outside are 0. An output that would see further than the padding is left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmtool.errors import Finding
from nmtool.exporters.hdf5 import printable
from nmtool.exporters.nir.graph.nodes import CONV1D, CONVOLUTIONS, Node

Shape = tuple[int, ...]

SAME, VALID = "same", "valid"
"""Padding of convolutions in words: as many outputs as places, or none."""

MAX_PLACES = 1 << 20
"""The largest window, step, padding and dilation along an axis."""

_PLACES = NDArray[np.int64]


@dataclass(frozen=True)
class Axis:
    """A window along one axis, in places.

    Attributes:
        taps: places that an output sees.
        stride: from an output to the next.
        before, after: zeros around what arrives.
        dilation: from a tap to the next.
    """

    taps: int
    stride: int = 1
    before: int = 0
    after: int = 0
    dilation: int = 1

    def outputs(self, size: int) -> int:
        """Number of outputs over an axis of so many places; 0 where the window is larger."""
        room = size + self.before + self.after - self.dilation * (self.taps - 1) - 1
        return room // self.stride + 1 if room >= 0 else 0

    def inside(self, size: int) -> tuple[_PLACES, _PLACES]:
        """Per output, its first tap that is not in the padding, and the number of those taps."""
        start = np.arange(self.outputs(size)) * self.stride - self.before
        first = np.maximum(-(start // self.dilation), 0)
        last = np.minimum((size - 1 - start) // self.dilation, self.taps - 1)
        return first, np.maximum(last - first + 1, 0)

    def seen(self, size: int) -> tuple[_PLACES, _PLACES, _PLACES]:
        """Every output with every place that it sees, and the tap it sees it by, all [pairs]."""
        first, count = self.inside(size)
        output = np.repeat(np.arange(count.size), count)
        tap = first[output] + np.arange(output.size) - np.repeat(np.cumsum(count) - count, count)
        return output, output * self.stride - self.before + tap * self.dilation, tap


@dataclass(frozen=True)
class Window:
    """A convolution, or a pool, which sees each channel alone.

    Attributes:
        axes: of places.
        channels: output and input channels; None for a pool, which has those that arrive.
        groups: parts of the channels that see nothing of each other.
        places: places of an input, where the node says so.
    """

    axes: tuple[Axis, ...]
    channels: tuple[int, int] | None = None
    groups: int = 1
    places: Shape | None = None

    @classmethod
    def of(cls, node: Node) -> Window:
        """The window of a node without findings."""
        if node.kind not in CONVOLUTIONS:
            sides = (_numbers(node, key, 2) for key in ("kernel_size", "stride", "padding"))
            axes = (Axis(taps, by, pad, pad) for taps, by, pad in zip(*sides, strict=True))
            return cls(tuple(axes))
        weight = node.values["weight"].shape
        count = len(weight) - 2
        stride, dilation = (_numbers(node, key, count) for key in ("stride", "dilation"))
        padding = _padding(node, weight[2:], dilation)
        (groups,) = _numbers(node, "groups", 1)
        axes = (
            Axis(taps, step, before, after, apart)
            for taps, step, (before, after), apart in zip(
                weight[2:], stride, padding, dilation, strict=True
            )
        )
        places = _numbers(node, "input_shape", count) if "input_shape" in node.values else None
        return cls(tuple(axes), (weight[0], weight[1] * groups), groups, places)

    def shape_of(self, arriving: Shape) -> Shape | None:
        """What arrives as (channels, places …); None where that cannot be told.

        Leading axes of one are those of batches. Lines without places have those that the node
        names.
        """
        wanted = len(self.axes) + 1
        while len(arriving) > wanted and arriving[0] == 1:
            arriving = arriving[1:]
        if len(arriving) == wanted:
            return arriving
        if self.channels and self.places:
            named = (self.channels[1], *self.places)
            return named if math.prod(named) == math.prod(arriving) else None
        return None

    def passes_on(self, seen: Shape) -> Shape:
        """Channels and places of the output; places are 0 where the window is larger."""
        channels = self.channels[0] if self.channels else seen[0]
        places = (axis.outputs(size) for axis, size in zip(self.axes, seen[1:], strict=True))
        return channels, *places

    def n_synapses(self, seen: Shape) -> int:
        """Number of pairs of a line and an output that sees it."""
        pairs = self.channels[0] * self.channels[1] // self.groups if self.channels else seen[0]
        for axis, size in zip(self.axes, seen[1:], strict=True):
            pairs *= int(axis.inside(size)[1].sum())
        return pairs

    def pairs(self, seen: Shape) -> tuple[_PLACES, _PLACES, _PLACES]:
        """Every line with every output that sees it, [outputs, inputs, places].

        Returns:
            The line, the output, and the number of the tap in C order. The first two axes are the
            output channel and the input channel within its group.
        """
        output = place = tap = np.zeros(1, np.int64)
        after = self.passes_on(seen)
        for axis, size, outputs in zip(self.axes, seen[1:], after[1:], strict=True):
            o, p, t = axis.seen(size)
            output = np.add.outer(output * outputs, o).ravel()
            place = np.add.outer(place * size, p).ravel()
            tap = np.add.outer(tap * axis.taps, t).ravel()
        if self.channels:
            post = np.arange(after[0])[:, None, None]
            width = self.channels[1] // self.groups
            pre = post // (after[0] // self.groups) * width + np.arange(width)[:, None]
        else:
            post = pre = np.arange(seen[0])[:, None, None]
        line = pre * math.prod(seen[1:]) + place
        return line, np.broadcast_to(post * math.prod(after[1:]) + output, line.shape), tap


def findings(name: str, node: Node) -> Iterator[Finding]:
    """Everything about a window that cannot be.

    Args:
        name: of the node, printable.
        node: a convolution or pool with all its values; a weight has one axis of channels of
            outputs, one of inputs, and those of places.
    """
    is_convolution = node.kind in CONVOLUTIONS
    count = node.values["weight"].ndim - 2 if is_convolution else 2
    least = {"stride": 1, "padding": 0}
    least |= (
        {"dilation": 1, "groups": 1, "input_shape": 1} if is_convolution else {"kernel_size": 1}
    )
    wrong = False
    for key, low in least.items():
        value = node.values.get(key)
        if value is None or value.dtype.kind == "U":
            continue
        found = _numbers(node, key, 1 if key == "groups" else count)
        if not found or not all(low <= number <= MAX_PLACES for number in found):
            wrong = True
            what = f"{key} is no whole number of {low} … {MAX_PLACES}"
            what += "" if key == "groups" else f", nor {count} of them"
            yield Finding("nir-window", name, what, "give it such numbers")
    if not is_convolution or wrong:
        return
    padding, weight, bias = (node.values[key] for key in ("padding", "weight", "bias"))
    if padding.dtype.kind == "U" and str(padding) not in (SAME, VALID):
        what = f"padding is '{printable(str(padding))}'"
        yield Finding("nir-window", name, what, f"use '{SAME}', '{VALID}' or numbers")
    if str(padding) == SAME and set(_numbers(node, "stride", count)) != {1}:
        what = f"padding is '{SAME}' and its stride is not 1"
        yield Finding("nir-window", name, what, "give the padding in numbers")
    (groups,) = _numbers(node, "groups", 1)
    if weight.shape[0] % groups:
        what = f"{weight.shape[0]} output channels are not divisible into {groups} groups"
        yield Finding("nir-window", name, what, "use as many channels in every group")
    if bias.size not in (1, weight.shape[0]):
        what = f"bias has {bias.size} numbers for {weight.shape[0]} output channels"
        yield Finding("nir-window", name, what, "give it one number per output channel")


def weight_axes(node: Node) -> int:
    """Number of axes that the weight of a convolution has."""
    return 3 if node.kind == CONV1D else 4


def _numbers(node: Node, key: str, count: int) -> Shape:
    """Whole numbers, one per axis, of a value that has as many or one; () of any other."""
    value = np.ravel(node.values[key])
    if value.size not in (1, count) or not np.array_equal(value, np.trunc(value)):
        return ()
    numbers = tuple(int(number) for number in value)
    return numbers * count if len(numbers) == 1 else numbers


def _padding(node: Node, taps: Shape, dilation: Shape) -> list[tuple[int, int]]:
    """Zeros before and after, per axis; of an odd number of zeros the last one is after."""
    if str(node.values["padding"]) == SAME:
        both = [apart * (many - 1) for many, apart in zip(taps, dilation, strict=True)]
        return [(zeros // 2, zeros - zeros // 2) for zeros in both]
    if str(node.values["padding"]) == VALID:
        return [(0, 0)] * len(taps)
    return [(zeros, zeros) for zeros in _numbers(node, "padding", len(taps))]

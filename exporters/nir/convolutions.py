"""Convolutions and pools, as in torch: their windows, their synapses, and impossible properties.

The input has axes (channels, places …) and is flattened in C order, the last axis fastest: with two
spatial axes, line = x + width·(y + height·channel). Along each spatial axis

    output o sees place o·stride − padding + tap·dilation     tap = 0 … taps − 1

Places outside the input are 0. Outputs that would need places beyond the padding do not exist. A
shared weight becomes a separate synapse per position.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmtool.errors import Finding, printable
from nmtool.exporters.nir import kinds
from nmtool.exporters.nir.graph import Node
from nmtool.exporters.nir.synapses import Signal, Synapses

Shape = tuple[int, ...]

SAME, VALID = "same", "valid"
"""Words for the padding of convolutions: as many outputs as inputs, or no padding."""

MAX_PLACES = 1 << 20
"""Limit for window size, stride, padding and dilation along an axis."""

_PLACES = NDArray[np.int64]


@dataclass(frozen=True)
class Axis:
    """The window of a convolution or pool along one spatial axis.

    Lengths are numbers of places on this axis, such as the columns of an image.

    Attributes:
        taps: kernel size.
        stride: distance between outputs.
        before, after: zero padding at both ends.
        dilation: distance between taps.
    """

    taps: int
    stride: int = 1
    before: int = 0
    after: int = 0
    dilation: int = 1

    def outputs(self, size: int) -> int:
        """Number of outputs for an input of `size` places; 0 if the window is too large."""
        span = size + self.before + self.after - self.dilation * (self.taps - 1) - 1
        return span // self.stride + 1 if span >= 0 else 0

    def inside(self, size: int) -> tuple[_PLACES, _PLACES]:
        """For each output: first tap on the input (not on padding), and number of such taps."""
        start = np.arange(self.outputs(size)) * self.stride - self.before
        first = np.maximum(-(start // self.dilation), 0)
        last = np.minimum((size - 1 - start) // self.dilation, self.taps - 1)
        return first, np.maximum(last - first + 1, 0)

    def pairs(self, size: int) -> tuple[_PLACES, _PLACES, _PLACES]:
        """All pairs of an output and an input place that a tap connects.

        Returns:
            Output, place and tap, each [pairs].
        """
        first, count = self.inside(size)
        output = np.repeat(np.arange(count.size), count)
        tap = first[output] + np.arange(output.size) - np.repeat(np.cumsum(count) - count, count)
        return output, output * self.stride - self.before + tap * self.dilation, tap


@dataclass(frozen=True)
class Window:
    """A convolution, or a pool, which acts on each channel separately.

    Attributes:
        axes: windows along the spatial axes.
        channels: numbers of output and input channels; None for a pool, which keeps the channels.
        groups: number of groups of channels, which are convolved separately.
        places: input size along the spatial axes, if the file gives it.
    """

    axes: tuple[Axis, ...]
    channels: tuple[int, int] | None = None
    groups: int = 1
    places: Shape | None = None

    @classmethod
    def of(cls, node: Node) -> Window:
        """The window of a node without findings."""
        if node.kind in kinds.POOLS:
            size, stride, zeros = (
                _numbers(node, k, 2) for k in ("kernel_size", "stride", "padding")
            )
            return cls(tuple(map(Axis, size, stride, zeros, zeros)))
        outputs, inputs, *taps = node.values["weight"].shape
        stride, dilation = (_numbers(node, key, len(taps)) for key in ("stride", "dilation"))
        before, after = _padding(node, taps, dilation)
        (groups,) = _numbers(node, "groups", 1)
        places = _numbers(node, "input_shape", len(taps)) if "input_shape" in node.values else None
        axes = map(Axis, taps, stride, before, after, dilation)
        return cls(tuple(axes), (outputs, inputs * groups), groups, places)

    def shape_of(self, shape: Shape) -> Shape | None:
        """The input's shape as (channels, places …); None if it cannot be determined.

        Leading axes of size 1 are batch axes. For a flat input, the places come from the file.
        """
        shape = without_batch(shape, len(self.axes) + 1)
        if len(shape) == len(self.axes) + 1:
            return shape
        stated = (self.channels[1], *self.places) if self.channels and self.places else ()
        return stated if stated and math.prod(stated) == math.prod(shape) else None

    def output_shape(self, input_shape: Shape) -> Shape:
        """Output shape, (channels, places …); places are 0 if the window is too large."""
        channels = self.channels[0] if self.channels else input_shape[0]
        places = (axis.outputs(size) for axis, size in zip(self.axes, input_shape[1:], strict=True))
        return channels, *places

    def n_synapses(self, input_shape: Shape) -> int:
        """Number of synapses: pairs of an input line and an output."""
        pairs = (
            self.channels[0] * self.channels[1] // self.groups if self.channels else input_shape[0]
        )
        for axis, size in zip(self.axes, input_shape[1:], strict=True):
            pairs *= int(axis.inside(size)[1].sum())
        return pairs

    def pairs(self, input_shape: Shape) -> tuple[_PLACES, _PLACES, _PLACES]:
        """All synapses: pairs of an input line and an output.

        Returns:
            Input line, output, and number of the tap in C order. The axes of line and output are
            output channel, input channel within its group, and pair of places; the tap has only
            the last axis.
        """
        output = place = tap = np.zeros(1, np.int64)
        output_shape = self.output_shape(input_shape)
        for axis, size, outputs in zip(self.axes, input_shape[1:], output_shape[1:], strict=True):
            o, p, t = axis.pairs(size)
            output = np.add.outer(output * outputs, o).ravel()
            place = np.add.outer(place * size, p).ravel()
            tap = np.add.outer(tap * axis.taps, t).ravel()
        if self.channels:
            post = np.arange(output_shape[0])[:, None, None]
            width = self.channels[1] // self.groups
            pre = post // (output_shape[0] // self.groups) * width + np.arange(width)[:, None]
        else:
            post = pre = np.arange(input_shape[0])[:, None, None]
        line = pre * math.prod(input_shape[1:]) + place
        return line, np.broadcast_to(post * math.prod(output_shape[1:]) + output, line.shape), tap


def windowed(node: Node, signal: Signal, input_shape: Shape) -> Signal:
    """Output signal of a convolution or pool.

    The weights of a sum pool are 1; those of an average pool are 1/(number of taps).
    """
    window = Window.of(node)
    line, post, tap = window.pairs(input_shape)
    if node.kind in kinds.POOLS:
        taps = 1 if node.kind == kinds.SUM_POOL else math.prod(axis.taps for axis in window.axes)
        weight = np.broadcast_to(1 / taps, line.shape)
    else:
        weight = node.values["weight"].reshape(*node.values["weight"].shape[:2], -1)[:, :, tap]
    order = np.argsort(line, axis=None, kind="stable")
    order = order[np.ravel(weight)[order] != 0]
    line, post, weight = (np.ravel(part)[order] for part in (line, post, weight))
    output_shape = window.output_shape(input_shape)
    wires = Synapses.to_lines(post, weight.astype(np.float64), line)
    signal = signal.through(wires, math.prod(output_shape))
    if node.kind in kinds.POOLS:
        return signal
    per_channel = np.broadcast_to(np.ravel(node.values["bias"]), (output_shape[0],))
    return signal.plus_constant(np.repeat(per_channel, math.prod(output_shape[1:])))


def findings(name: str, node: Node) -> list[Finding]:
    """Findings on invalid properties of a convolution or pool that has all its values."""
    is_convolution = node.kind in kinds.CONVOLUTIONS
    count = node.values["weight"].ndim - 2 if is_convolution else 2
    least = {"stride": 1, "padding": 0}
    least |= (
        {"dilation": 1, "groups": 1, "input_shape": 1} if is_convolution else {"kernel_size": 1}
    )
    wrong: list[tuple[str, str]] = []
    for key, lowest in least.items():
        if key not in node.values or node.values[key].dtype.kind == "U":
            continue
        numbers = _numbers(node, key, 1 if key == "groups" else count)
        if not numbers or not all(lowest <= number <= MAX_PLACES for number in numbers):
            what = f"{key} must be a whole number in {lowest} … {MAX_PLACES}"
            what += "" if key == "groups" else f", or {count} such numbers"
            wrong.append((what, "use numbers in this range"))
    if is_convolution and not wrong:
        padding, n_outputs = str(node.values["padding"]), len(node.values["weight"])
        is_word = node.values["padding"].dtype.kind == "U"
        if is_word and padding not in (SAME, VALID):
            what = f"padding is '{printable(padding)}'"
            wrong.append((what, f"use '{SAME}', '{VALID}' or numbers"))
        if padding == SAME and set(_numbers(node, "stride", count)) != {1}:
            what = f"padding is '{SAME}', but the stride is not 1"
            wrong.append((what, "give the padding in numbers"))
        (groups,), n_biases = _numbers(node, "groups", 1), node.values["bias"].size
        if n_outputs % groups:
            what = f"{n_outputs} output channels are not divisible into {groups} groups"
            wrong.append((what, "use equally many channels in every group"))
        if n_biases not in (1, n_outputs):
            what = f"bias has {n_biases} numbers for {n_outputs} output channels"
            wrong.append((what, "give it one number per output channel"))
    return [Finding("nir-values", name, what, fix) for what, fix in wrong]


def without_batch(shape: Shape, n_axes: int) -> Shape:
    """Remove leading axes of size 1, down to a number of axes."""
    while len(shape) > n_axes and shape[0] == 1:
        shape = shape[1:]
    return shape


def _numbers(node: Node, key: str, count: int) -> Shape:
    """Whole numbers, one per axis; a single number counts for all axes. () for invalid values."""
    value = np.ravel(node.values[key])
    if value.size not in (1, count) or not np.array_equal(value, np.trunc(value)):
        return ()
    numbers = tuple(int(number) for number in value)
    return numbers * count if len(numbers) == 1 else numbers


def _padding(node: Node, taps: list[int], dilation: Shape) -> tuple[Shape, Shape]:
    """Zeros before and after, per axis; if their sum is odd, there is one more zero after."""
    word = str(node.values["padding"])
    if word in (SAME, VALID):
        shares = [d * (n - 1) * (word == SAME) for n, d in zip(taps, dilation, strict=True)]
        return tuple(s // 2 for s in shares), tuple(s - s // 2 for s in shares)
    return (zeros := _numbers(node, "padding", len(taps))), zeros

"""Sliding windows of convolution and pooling layers, as in torch.

The input has axes (channels, places …) and is flattened in C order, the last axis fastest: with two
spatial axes, line = x + width·(y + height·channel). Along each spatial axis

    output o sees place o·stride − padding + tap·dilation     tap = 0 … taps − 1

Places outside the input are 0. Outputs that would need places beyond the padding do not exist.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Shape = tuple[int, ...]

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

    def shape_of(self, shape: Shape) -> Shape | None:
        """The input's shape as (channels, places …); None if it cannot be determined.

        Leading axes of size 1 are batch axes. For a flat input, the places come from the file.
        """
        n_axes = len(self.axes) + 1
        while len(shape) > n_axes and shape[0] == 1:
            shape = shape[1:]
        if len(shape) == n_axes:
            return shape
        if self.channels and self.places:
            stated = (self.channels[1], *self.places)
            return stated if math.prod(stated) == math.prod(shape) else None
        return None

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

"""Windows that convolutions and pools slide over what arrives, as in torch.

What arrives has axes (channels, places …) and is numbered in C order, the last axis fastest: with
two axes of places, line = x + width·(y + height·channel). Along each of them

    output o sees place o·stride − padding + tap·dilation     tap = 0 … taps − 1

Places outside are 0. An output that would see further than the padding is left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Shape = tuple[int, ...]

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
        """Number of outputs over an axis of `size` places; 0 where the window is larger."""
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
        places: places of an input, where the file says so.
    """

    axes: tuple[Axis, ...]
    channels: tuple[int, int] | None = None
    groups: int = 1
    places: Shape | None = None

    def shape_of(self, arriving: Shape) -> Shape | None:
        """Shape of what arrives, (channels, places …); None where that cannot be told.

        Leading axes of one are those of batches. Lines without places have those that the file
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

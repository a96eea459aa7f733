"""`digits`: scikit-learn's 1797 handwritten digits, with directions of edges coded as latencies.

Nothing is downloaded. A digit is 8×8 pixels of brightness 0…16. Digits differ more in the course
of their strokes than in the brightness of single pixels. So edges are coded, as by simple cells of
the visual cortex, with histograms of oriented gradients (Dalal & Triggs 2005).

1. Each pixel has a gradient: the difference between its right and left neighbours, and the
   difference between its lower and upper neighbours. Outside the image, the brightness is 0.
2. The gradient's length is shared between the two nearest of the `DIRECTIONS` directions 0°,
   45°, … (0°: brighter to the right, 90°: brighter below). A direction's share falls
   linearly with its angle to the gradient.
3. The strength of a direction in a block of 2×2 pixels is the sum of its shares over the block;
   an image has 128 strengths.

Strengths become latencies: each unit spikes at most once, and earlier if its strength is larger.
A unit with a strength below the share `WEAKEST` of `STRONGEST` does not spike:

    time = 60 ms · (1 − strength / STRONGEST), in whole ms, 0 ms beyond STRONGEST

Strengths that are too weak for a spike on all training digits are left out; most are directions
that cannot occur at the border of the image. The other strengths become units, ordered by
direction, then by block, row by row from the top left: 107 units, some 37 spikes per digit.

The code spans 60 ms, so that at dt = 1 ms, delays of 0…61 steps can align the spikes of any units.
`DURATION_MS` leaves time after the last spike for delays and membranes.

The splits are ranges in the data set's own order, where the digits of a writer seem to be
neighbours. So most writers of the test split are not in the training split; a random test split
would share its writers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nmtool.data.events import SpikeEvents
from nmtool.data.latency import from_latencies, latencies_ms
from nmtool.libraries import missing_library

DURATION_MS = 80.0
"""Duration to simulate, in ms."""

SIDE = 8
"""Pixels in a row and in a column of an image."""

DIRECTIONS = 8
BLOCK = 2
"""Pixels in a row and in a column of a block."""

STRONGEST = 46.0
"""Strength coded as a spike at 0 ms; one in a hundred nonzero strengths is larger."""

WEAKEST = 0.08
"""Share of `STRONGEST` below which a unit is silent."""

SPAN_MS = 60.0

CLASS_NAMES = tuple(map(str, range(10)))
RANGES = {"train": (0, 1297), "validation": (1297, 1497), "test": (1497, 1797)}
"""First sample and end of each split, in the data set's own order."""


def load_digits(split: str) -> SpikeEvents:
    """The samples of one split: `train`, `validation` or `test`.

    Raises:
        MissingError: scikit-learn is not installed.
    """
    images, label = _images()
    latency_ms = edge_latency_ms(edge_strength(images))
    used = ~np.isnan(latency_ms[slice(*RANGES["train"])]).all(axis=0)
    samples = slice(*RANGES[split])
    return from_latencies(latency_ms[samples][:, used], label[samples], CLASS_NAMES)


def edge_strength(brightness: NDArray[np.float64]) -> NDArray[np.float64]:
    """Strength of each direction in each block, [samples, 128] float64, in units of brightness.

    Args:
        brightness: [samples, 64] float64, 0…16, row by row.
    """
    image = np.pad(brightness.reshape(-1, SIDE, SIDE), ((0, 0), (1, 1), (1, 1)))
    right = image[:, 1:-1, 2:] - image[:, 1:-1, :-2]
    below = image[:, 2:, 1:-1] - image[:, :-2, 1:-1]
    length = np.hypot(right, below)
    angle = np.arctan2(below, right) % (2 * np.pi) * DIRECTIONS / (2 * np.pi)
    distance = np.abs(angle[:, None] - np.arange(DIRECTIONS)[:, None, None])
    share = np.maximum(0.0, 1 - np.minimum(distance, DIRECTIONS - distance))
    blocks = SIDE // BLOCK
    pixels = (length[:, None] * share).reshape(-1, DIRECTIONS, blocks, BLOCK, blocks, BLOCK)
    return pixels.sum(axis=(3, 5)).reshape(len(brightness), -1)


def edge_latency_ms(strength: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convert strengths to spike times in ms, an array of the same shape; NaN for silent units."""
    # Strengths come from an arc tangent, whose last bits differ between processors. Without
    # rounding, they could shift a spike.
    relative = np.minimum(np.round(strength / STRONGEST, 9), 1.0)
    return np.floor(latencies_ms(relative, SPAN_MS, WEAKEST) + 0.5)


def _images() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Read scikit-learn's digits: brightness, [1797, 64] float64, and labels, [1797] int64."""
    try:
        from sklearn.datasets import load_digits as load
    except ImportError as error:
        raise missing_library(error, "train") from error
    return load(return_X_y=True)

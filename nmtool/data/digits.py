"""`digits`: scikit-learn's 1797 real handwritten digits, latency-coded. Nothing is downloaded.

Each of the 8×8 pixels is a unit (row by row from the top left). A pixel of brightness
i = 1…16 spikes once, brighter pixels earlier; a dark pixel (0) is silent:

    time = 4 ms · (16 − i)

The code therefore spans 60 ms. At dt = 1 ms, delays of 0…61 steps can bring any two pixels
together; at dt = 4 ms, every brightness still has a step of its own. `DURATION_MS` leaves
room behind the last spike for delays and membranes.

The splits are ranges of the data set's own order, in which digits of one writer apparently
follow each other: ranges, unlike random splits, test mostly on writers not trained on.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nmtool.data.events import SpikeEvents
from nmtool.data.latency import from_latencies
from nmtool.errors import missing_library

DURATION_MS = 100.0
"""Time for which a sample is worth simulating."""

BRIGHTEST = 16
LEVEL_MS = 4.0
"""Time between the spikes of neighbouring brightness levels."""

CLASS_NAMES = tuple(map(str, range(10)))
RANGES = {"train": (0, 1297), "validation": (1297, 1497), "test": (1497, 1797)}
"""First sample and end of each split, in the data set's own order."""


def load_digits(split: str) -> SpikeEvents:
    """The samples of one split: `train`, `validation` or `test`.

    Raises:
        MissingError: scikit-learn is not installed.
    """
    images, label = _images()
    samples = slice(*RANGES[split])
    return from_latencies(pixel_latency_ms(images[samples]), label[samples], CLASS_NAMES)


def pixel_latency_ms(brightness: NDArray[np.float64]) -> NDArray[np.float64]:
    """[samples, pixels] float64 spike times in ms from brightness 0…16; NaN where dark."""
    return np.where(brightness > 0, LEVEL_MS * (BRIGHTEST - brightness), np.nan)


def _images() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """[1797, 64] float64 brightness and [1797] int64 labels."""
    try:
        from sklearn.datasets import load_digits as load
    except ImportError as error:
        raise missing_library(error, "train") from error
    return load(return_X_y=True)
